"""The training loop: one function, read from top to bottom.

What happens between steps (logging, evaluating, saving, stopping) is in `bookkeeping.py`.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from intro_lm.data import Batches
from intro_lm.evaluation import Loss, cross_entropy
from intro_lm.models.language_model import StatefulLanguageModel, threads_for
from intro_lm.training.bookkeeping import Bookkeeper, History, stop_on_interrupt
from intro_lm.training.checkpoint import open_checkpoint
from intro_lm.training.optimizers import FineTuning, ParameterGroup, freeze_groups, make_optimizer
from intro_lm.training.settings import TrainingSettings, choose_device, choose_precision
from intro_lm.training.tracking import Logger


def train(
    model: nn.Module,
    batches: Batches | DataLoader,
    settings: TrainingSettings | None = None,
    *,
    loss: Loss = cross_entropy,
    parameter_groups: Sequence[ParameterGroup] | None = None,
    validation: Batches | DataLoader | None = None,
    tracker: Logger | None = None,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train a model and return its history.

    The same model, batches, settings and machine give the same weights, bit for bit, even if the
    run is killed and resumed. The model stays on the device it was trained on. With under a million
    weights it uses one thread, unless OMP_NUM_THREADS or `torch.set_num_threads` says how many.

    Args:
        model: from inputs to logits. If batches carry state, a `StatefulLanguageModel` begins each
            with the state after the previous one; each epoch begins without one.
        batches: what to train on, epoch after epoch. A `torch.utils.data.DataLoader` of (inputs,
            targets) works too, with one limit: its order can't be repeated, so a resumed
            run is exact only if the checkpoint was saved at the end of an epoch.
        loss: from (logits, targets) to the mean loss of a batch.
        parameter_groups: parts of the model with their own learning rates or first steps.
        validation: evaluated every `evaluate_every` steps and at the end.
        tracker: also gets each entry of the history.
        checkpoint_dir: folder for the checkpoint, written every `checkpoint_every` steps, at the
            end, and when Ctrl-C stops the run.
        resume: continue from the checkpoint in `checkpoint_dir`, if there is one.
        progress: show a progress bar.

    Raises:
        CheckpointError: the checkpoint is another run's, or damaged.
        OSError: `checkpoint_dir` can't be written to, holds a run although `resume` is off, or
            another process is writing there; an earlier checkpoint stays.
        NonFiniteLossError: training diverged; the checkpoint is the last good one.
        KeyboardInterrupt: Ctrl-C was pressed; the current step was finished first.
    """
    if resume and checkpoint_dir is None:
        raise ValueError("resume=True needs checkpoint_dir, the folder of the run to resume")
    settings = settings or TrainingSettings()
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    model.to(device).train()
    batches = on_device(batches, device)  # all of it at once: no copying in the loop
    held_out = None if validation is None else on_device(validation, device)
    optimizer = make_optimizer(model, settings, parameter_groups)
    carry = model if batches.carries_state and isinstance(model, StatefulLanguageModel) else None
    history = History(str(device), precision)
    others = [] if device.type == "cpu" else [device]  # whose random state is restored, too

    with (
        torch.random.fork_rng(others, device_type=device.type),
        stop_on_interrupt() as interrupted,
        threads_for(model),
        ExitStack() as afterwards,
        tqdm(
            total=settings.steps, desc=f"{device}, {precision}", disable=not progress,
            unit=" steps", mininterval=0.5,
        ) as bar,
    ):  # fmt: skip
        torch.manual_seed(settings.seed)
        checkpoint = None
        if checkpoint_dir is not None:
            saved = open_checkpoint(checkpoint_dir, resume, model, optimizer, settings, batches)
            checkpoint = afterwards.enter_context(saved)
        books = Bookkeeper(
            model, settings, loss, autocast, history, held_out, tracker, checkpoint, bar
        )
        step, state = books.begin()  # 0 and None, or where the checkpoint stopped
        # Only fine-tuning freezes anything; however the run ends, nothing stays frozen.
        starts = {step, *(group["start"] for group in optimizer.param_groups)}
        afterwards.callback(freeze_groups, optimizer, math.inf)
        while step < settings.steps:
            if step % len(batches) == 0:
                state = None  # an epoch begins where every row of text begins
            for inputs, targets in batches.epoch(step // len(batches), step % len(batches)):
                if step in starts:
                    freeze_groups(optimizer, step)  # a group's turn to learn
                for group in optimizer.param_groups:  # the schedule's rate, or a multiple of it
                    group["lr"] = settings.learning_rate_at(step) * group["relative_rate"]
                with autocast:  # matrix products in bfloat16, if the precision says so
                    if carry is None:
                        logits = model(inputs)  # (B, V), (B, T, V), or (B, classes)
                    else:
                        logits, state = carry.advance(inputs, state)
                        state = state.detach()  # or the gradient would go all the way back
                    batch_loss = loss(logits, targets)
                optimizer.zero_grad()  # or this batch's gradients would add to the last one's
                batch_loss.backward()
                if settings.clip_norm is not None:  # one bad batch must not throw the weights far
                    nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
                optimizer.step()  # frozen weights have no gradient and stay
                step += 1
                stop = interrupted.is_set()  # by Ctrl-C
                # No .item() on the loss here: it would wait for a GPU at every step.
                books.after_step(step, batch_loss.detach(), targets.numel(), state, stop)
                if step == settings.steps:
                    break
    return history


class LayeredModel(Protocol):
    """A `torch.nn.Module` that gives the parameters of its layers, from the lowest to the head."""

    def layer_groups(self) -> list[list[nn.Parameter]]: ...


def fine_tune(
    model: LayeredModel,
    batches: Batches | DataLoader,
    settings: TrainingSettings,
    fine_tuning: FineTuning | None = None,
    **options: Any,
) -> History:
    """`train` with the parameter groups of `fine_tuning`; the settings' rate is the head's."""
    groups = (fine_tuning or FineTuning()).parameter_groups(model.layer_groups(), settings.steps)
    return train(cast(nn.Module, model), batches, settings, parameter_groups=groups, **options)


@dataclass(frozen=True)
class LoaderBatches:
    """A `DataLoader` as `Batches`; only PyTorch's random state decides an epoch's order."""

    loader: DataLoader
    device: torch.device | str
    carries_state: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, targets in itertools.islice(self.loader, start, None):
            yield inputs.to(self.device), targets.to(self.device)

    def to(self, device: torch.device | str) -> Batches:
        return LoaderBatches(self.loader, device)

    def fingerprint(self) -> str:
        return f"DataLoader of {len(self.loader)} batches of {self.loader.batch_size}"


def on_device(batches: Batches | DataLoader, device: torch.device) -> Batches:
    """The batches on a device, a loader as `LoaderBatches`; an error if there are none."""
    if len(batches) == 0:
        raise ValueError("there are 0 batches; give at least one example")
    if isinstance(batches, DataLoader):
        return LoaderBatches(batches, device)
    return batches.to(device)
