"""What a run does between steps: log, evaluate, save, notice divergence and Ctrl-C."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

from intro_lm.data import Batches
from intro_lm.evaluation import Loss, evaluate
from intro_lm.training.checkpoint import Checkpoint
from intro_lm.training.settings import TrainingSettings
from intro_lm.training.tracking import Logger


class NonFiniteLossError(ArithmeticError):
    """The loss or the weights became infinite or not a number."""


@dataclass(frozen=True)
class HistoryEntry:
    """A run's values after a step. Losses are in nats per target: a token, or a class."""

    step: int
    train_loss: float  # the mean of the steps since the last entry, each before its update
    validation_loss: float | None  # None where nothing was evaluated
    learning_rate: float
    tokens_per_second: float

    def scalars(self) -> dict[str, float]:
        """The entry as TensorBoard's names and values."""
        values = {"loss/train": self.train_loss, "loss/validation": self.validation_loss}
        values |= {"learning_rate": self.learning_rate, "tokens_per_second": self.tokens_per_second}
        return {name: value for name, value in values.items() if value is not None}


@dataclass
class History:
    """A run's entries, and where it ran."""

    device: str = "cpu"
    precision: str = "float32"
    entries: list[HistoryEntry] = field(default_factory=list)

    @property
    def train_losses(self) -> list[tuple[int, float]]:
        """(step, loss) of every entry."""
        return [(entry.step, entry.train_loss) for entry in self.entries]

    @property
    def validation_losses(self) -> list[tuple[int, float]]:
        """(step, loss) of every evaluation."""
        pairs = ((entry.step, entry.validation_loss) for entry in self.entries)
        return [(step, loss) for step, loss in pairs if loss is not None]

    @property
    def train_loss(self) -> float:
        """The last training loss."""
        return self.entries[-1].train_loss

    @property
    def validation_loss(self) -> float:
        """The last validation loss; a `ValueError` if nothing was evaluated."""
        if not self.validation_losses:
            raise ValueError("there is no validation loss; train with validation=batches")
        return self.validation_losses[-1][1]

    def summary(self) -> str:
        """The latest losses in one line."""
        validation = f", validation {self.validation_loss:.4f}" if self.validation_losses else ""
        return f"train {self.train_loss:.4f}{validation}"


@dataclass
class Bookkeeper:
    """Keeps one run's history, tracker and checkpoint up to date."""

    model: nn.Module
    settings: TrainingSettings
    loss: Loss
    autocast: torch.autocast
    history: History
    validation: Batches | None
    tracker: Logger | None
    checkpoint: Checkpoint | None
    bar: tqdm
    losses: list[Tensor] = field(default_factory=list)  # of the steps since the last entry
    tokens: int = 0  # read since the clock was set
    clock: float = 0.0

    def begin(self) -> tuple[int, Tensor | None]:
        """The step and the state to begin with: 0 and None, or the checkpoint's."""
        step, state = 0, None
        if self.checkpoint is not None and self.checkpoint.path.exists():
            tensors, header = self.checkpoint.restore()
            step, state = header["step"], tensors.get("state")
            self.losses = list(tensors.get("losses", ()))
            self.history.entries = [HistoryEntry(**entry) for entry in header["entries"]]
        if self.tracker is not None:
            self.tracker.start(step)
        self.bar.update(step)
        self.clock = time.perf_counter()
        return step, state

    def after_step(
        self, step: int, batch_loss: Tensor, tokens: int, state: Tensor | None, stop: bool
    ) -> None:
        """Count the step; log, evaluate and save if due, or at the end; or stop."""
        self.losses.append(batch_loss)
        self.tokens += tokens
        self.bar.update()
        settings, last = self.settings, step == self.settings.steps
        evaluation = last or step % settings.evaluate_every == 0
        log = evaluation or step % settings.log_every == 0
        save = last or stop or step % settings.checkpoint_every == 0
        if not (log or save):
            return
        train_loss = finite_mean(self.losses, self.model, step)
        if log:
            speed = self.tokens / (time.perf_counter() - self.clock)
            validation_loss = None
            if evaluation and self.validation is not None:
                with self.autocast:
                    validation_loss = evaluate(self.model, self.validation, self.loss)
            rate = settings.learning_rate_at(step - 1)
            entry = HistoryEntry(step, train_loss, validation_loss, rate, speed)
            self.history.entries.append(entry)
            self.losses.clear()
            self.bar.set_postfix_str(self.history.summary())
            if self.tracker is not None:
                self.tracker.log(step, entry.scalars())
        if save and self.checkpoint is not None:
            losses = torch.stack(self.losses) if self.losses else None
            entries = [asdict(entry) for entry in self.history.entries]
            self.checkpoint.save({"losses": losses, "state": state}, step=step, entries=entries)
        if log:  # neither evaluating nor saving counts as training time
            self.clock, self.tokens = time.perf_counter(), 0
        if stop:
            go_on = "the model holds that step's weights"
            if self.checkpoint is not None:
                folder = str(self.checkpoint.path.parent)
                go_on = f"go on with checkpoint_dir={folder!r}, resume=True"
            raise KeyboardInterrupt(f"stopped by hand after step {step}; {go_on}")


def finite_mean(losses: list[Tensor], model: nn.Module, step: int) -> float:
    """The mean of the losses up to this step; an error if one of them or a weight isn't finite."""
    values = torch.stack(losses).float()
    wrong = [
        f"the loss is {values[row]} at step {step - len(losses) + row + 1}"
        for row in (~values.isfinite()).nonzero().flatten().tolist()
    ]
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            wrong.append(f"{name} is not finite after step {step}")
    if wrong:
        raise NonFiniteLossError(
            f"{wrong[0]}; training stopped, and this was not saved. Try a lower learning_rate, or "
            "set clip_norm"
        )
    return values.mean().item()


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that the current step can end; a second one raises.

    Only a program's main thread may handle signals; elsewhere Ctrl-C works as usual.
    """
    interrupted = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return

    def stop(*_: object) -> None:
        signal.signal(signal.SIGINT, previous)
        interrupted.set()

    previous = signal.signal(signal.SIGINT, stop)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
    if interrupted.is_set():  # the last step has ended well: stop the caller, such as a sweep
        signal.raise_signal(signal.SIGINT)
