"""The training loop: one function, read from top to bottom."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import torch
from torch import Tensor, nn
from tqdm import tqdm

from intro_lm.data import Batches
from intro_lm.evaluation import Loss, cross_entropy, evaluate
from intro_lm.training.checkpoint import Checkpoint
from intro_lm.training.device import choose_device, choose_precision, random_state
from intro_lm.training.history import History, HistoryEntry
from intro_lm.training.optimizers import (
    ParameterGroup,
    describe_groups,
    make_optimizer,
    prepare_step,
    unfrozen_afterwards,
)
from intro_lm.training.settings import TrainingSettings
from intro_lm.training.tracking import Logger


class NonFiniteLossError(ArithmeticError):
    """The loss or the weights became infinite or not a number."""


def train(
    model: nn.Module,
    batches: Batches,
    settings: TrainingSettings | None = None,
    *,
    loss: Loss = cross_entropy,
    parameter_groups: Sequence[ParameterGroup] | None = None,
    validation: Batches | None = None,
    tracker: Logger | None = None,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    progress: bool = True,
) -> History:
    """Train a model and return its history.

    The same model, batches, settings and machine give the same weights, bit for bit, also when the
    run is stopped and resumed. The model ends on the device it was trained on.

    Args:
        model: from inputs to logits. One with `advance` reads batches that carry state from the
            state that it left the batch before in, through which no gradient flows (truncated
            backpropagation through time), and begins each epoch at zeros.
        batches: what to train on; an epoch follows the other until the steps are done.
        settings: how; None takes the defaults.
        loss: from (logits, targets) to the mean loss of a batch.
        parameter_groups: parts of the model that learn at a multiple of the schedule's rate, or
            only from some step on; None lets all of it learn alike.
        validation: evaluated every `evaluate_every` steps and at the end.
        tracker: where the records go besides the history.
        checkpoint_dir: folder for the checkpoint, written every `checkpoint_every` steps, at the
            end, and when Ctrl-C stops the run.
        resume: go on from the checkpoint in `checkpoint_dir`, if there is one.
        progress: show a progress bar.

    Raises:
        ValueError: `parameter_groups` are not the model's parameters, or none learns at first.
        FileExistsError: `checkpoint_dir` holds a run and `resume` is off.
        CheckpointError: what is to be resumed is another run, or is damaged.
        OSError: `checkpoint_dir` can't be written to; where it fills up while training, the
            checkpoint before stays.
        NonFiniteLossError: training diverged; the checkpoint is the last good one.
        KeyboardInterrupt: Ctrl-C was pressed; the step under way was finished first.
    """
    settings = settings or TrainingSettings()
    if resume and checkpoint_dir is None:
        raise ValueError("resume=True needs checkpoint_dir, the folder of the run to go on with")
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device, model)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    model.to(device).train()
    batches = batches.to(device)
    validation = validation.to(device) if validation else None
    optimizer = make_optimizer(model, settings, device, parameter_groups)
    history = History(str(device), precision)
    losses: list[Tensor] = []  # of the steps since the last record
    advance = getattr(model, "advance", None) if batches.carries_state else None
    state: Tensor | None = None  # of a recurrent model that reads a stream
    step = 0

    with (
        random_state(settings.seed, device),
        unfrozen_afterwards(optimizer),
        stop_on_interrupt() as interrupted,
    ):
        checkpoint = None
        if checkpoint_dir is not None:
            told = asdict(settings) | describe_groups(parameter_groups)
            checkpoint = Checkpoint(checkpoint_dir, model, optimizer, told, batches)
            if checkpoint.exists() and not resume:
                raise FileExistsError(
                    f"{checkpoint.path} holds an earlier run; pass resume=True to go on with it, "
                    "or choose another checkpoint_dir"
                )
            if checkpoint.exists():
                step, losses, state, records = checkpoint.restore(device)
                history.entries = [HistoryEntry(**record) for record in records]
        if tracker is not None:
            tracker.start(step)

        bar = progress_bar(settings.steps, step, f"{device}, {precision}", progress)
        clock, tokens = time.perf_counter(), 0
        while step < settings.steps:
            for inputs, targets in batches.epoch(step // len(batches), step % len(batches)):
                rate = settings.learning_rate_at(step)
                prepare_step(optimizer, step, rate)
                if step % len(batches) == 0:
                    state = None  # an epoch begins at the beginning of every row
                with autocast:
                    if advance is None:
                        logits = model(inputs)
                    else:
                        logits, state = advance(inputs, state)
                        state = state.detach()  # the gradient is cut between batches
                    batch_loss = loss(logits, targets)
                optimizer.zero_grad()
                batch_loss.backward()
                if settings.clip_norm is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
                optimizer.step()
                losses.append(batch_loss.detach())
                tokens += targets.numel()
                step += 1
                bar.update()

                last = step == settings.steps
                log = last or step % settings.log_every == 0
                evaluation = last or step % settings.evaluate_every == 0
                save = last or step % settings.checkpoint_every == 0
                if not (log or evaluation or save or interrupted.is_set()):
                    continue

                train_loss = finite_mean(losses, step)
                require_finite_weights(model, step)
                if log or evaluation:
                    speed = tokens / (time.perf_counter() - clock)
                    validation_loss = None
                    if validation is not None and evaluation:
                        with autocast:
                            validation_loss = evaluate(
                                model,
                                validation.epoch(0),
                                loss,
                                carry_state=validation.carries_state,
                            )
                    history.entries.append(
                        HistoryEntry(step, train_loss, validation_loss, rate, speed)
                    )
                    losses.clear()
                    bar.set_postfix_str(history.summary())
                    if tracker is not None:
                        tracker.log(step, history.entries[-1].scalars())
                stop = interrupted.is_set()
                if (save or stop) and checkpoint is not None:
                    records = [asdict(record) for record in history.entries]
                    checkpoint.save(step, losses, state, records)
                if log or evaluation:
                    clock, tokens = time.perf_counter(), 0
                if stop:
                    bar.close()
                    raise KeyboardInterrupt(f"stopped by hand {where_to_go_on(step, checkpoint)}")
                if last:
                    break
        bar.close()
    return history


def finite_mean(losses: list[Tensor], step: int) -> float:
    """The mean of the latest losses, the last of which is step number `step`'s.

    Raises:
        NonFiniteLossError: one of them is infinite or not a number.
    """
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


def where_to_go_on(step: int, checkpoint: Checkpoint | None) -> str:
    if checkpoint is None:
        return f"after step {step}; the model holds that step's weights"
    return f"after step {step}; go on with checkpoint_dir={str(checkpoint.folder)!r}, resume=True"


def progress_bar(total: int, initial: int, description: str, shown: bool) -> tqdm:
    return tqdm(
        total=total,
        initial=initial,
        desc=description,
        disable=not shown,
        unit=" steps",
        mininterval=0.5,
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
