"""What a run does between steps: log, evaluate, save, notice that it diverged, stop on Ctrl-C."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn
from tqdm import tqdm

from intro_lm.data import Batches
from intro_lm.evaluation import Loss, evaluate
from intro_lm.training.checkpoint import Checkpoint
from intro_lm.training.history import History, HistoryEntry
from intro_lm.training.settings import TrainingSettings
from intro_lm.training.tracking import Logger


class NonFiniteLossError(ArithmeticError):
    """The loss or the weights became infinite or not a number."""


@dataclass
class Bookkeeper:
    """One run's history, validation, tracker and checkpoint, and when each of them is due."""

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
        """The step to begin at and the state to carry on from: 0 and None, or the checkpoint's."""
        step, state = 0, None
        if self.checkpoint is not None and self.checkpoint.path.exists():
            tensors, position = self.checkpoint.restore()
            step, state = position["step"], tensors.get("state")
            self.losses = list(tensors.get("losses", ()))
            self.history.entries = [HistoryEntry(**entry) for entry in position["entries"]]
        if self.tracker is not None:
            self.tracker.start(step)
        self.bar.update(step)
        self.clock = time.perf_counter()
        return step, state

    def add(self, batch_loss: Tensor, tokens: int) -> None:
        """Count one step."""
        self.losses.append(batch_loss)
        self.tokens += tokens
        self.bar.update()

    def turns(self, step: int) -> tuple[bool, bool, bool]:
        """Whether it is time to log, to evaluate and to save; at the end it is, for all three."""
        every, last = self.settings, step == self.settings.steps
        return (
            last or step % every.log_every == 0,
            last or step % every.evaluate_every == 0,
            last or step % every.checkpoint_every == 0,
        )

    def bring_up_to_date(self, step: int, state: Tensor | None, stop: bool) -> None:
        """Log, evaluate and save what is due after `step` steps.

        Raises:
            NonFiniteLossError: training diverged; nothing is saved.
            KeyboardInterrupt: `stop` was asked for; the run was saved first.
        """
        log, evaluation, save = self.turns(step)
        train_loss = finite_mean(self.losses, step)
        require_finite_weights(self.model, step)
        if log or evaluation:
            self._log(step, train_loss, evaluation)
        if self.checkpoint is not None and (save or stop):
            tensors = {"losses": torch.stack(self.losses)} if self.losses else {}
            if state is not None:
                tensors["state"] = state
            entries = [asdict(entry) for entry in self.history.entries]
            self.checkpoint.save(tensors, {"step": step, "entries": entries})
        if log or evaluation:  # neither evaluating nor saving counts as training time
            self.clock, self.tokens = time.perf_counter(), 0
        if stop:
            go_on = "the model holds that step's weights"
            if self.checkpoint is not None:
                folder = str(self.checkpoint.path.parent)
                go_on = f"go on with checkpoint_dir={folder!r}, resume=True"
            raise KeyboardInterrupt(f"stopped by hand after step {step}; {go_on}")

    def _log(self, step: int, train_loss: float, evaluation: bool) -> None:
        speed = self.tokens / (time.perf_counter() - self.clock)
        validation_loss = None
        if self.validation is not None and evaluation:
            with self.autocast:
                validation_loss = evaluate(self.model, self.validation, self.loss)
        rate = self.settings.learning_rate_at(step - 1)
        entry = HistoryEntry(step, train_loss, validation_loss, rate, speed)
        self.history.entries.append(entry)
        self.losses.clear()
        self.bar.set_postfix_str(self.history.summary())
        if self.tracker is not None:
            self.tracker.log(step, entry.scalars())


def finite_mean(losses: list[Tensor], step: int) -> float:
    """The mean of the latest losses, of which the last is that of step number `step`."""
    values = torch.stack(losses).float()
    finite = values.isfinite()
    if not finite.all():
        first = int((~finite).int().argmax())
        raise NonFiniteLossError(
            f"the loss is {values[first].item()} at step {step - len(losses) + 1 + first}; "
            "training stopped. Try a lower learning_rate, or set clip_norm"
        )
    return values.mean().item()


def require_finite_weights(model: nn.Module, step: int) -> None:
    """Raise `NonFiniteLossError` if a weight is infinite or not a number."""
    for name, tensor in model.state_dict().items():
        if not tensor.isfinite().all():
            raise NonFiniteLossError(
                f"{name} is not finite after step {step}; training stopped before this was "
                "saved. Try a lower learning_rate, or set clip_norm"
            )


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C sets, so that the step under way can end; a second one raises.

    Only a program's main thread may handle signals; on another thread Ctrl-C works as ever.
    """
    interrupted = threading.Event()

    def handle(number: int, frame: object) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():
        yield interrupted
        return
    previous = signal.signal(signal.SIGINT, handle)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, previous)
