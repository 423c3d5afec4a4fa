"""The training loop: one function, read from top to bottom.

What happens between steps (logging, evaluating, saving, stopping) is in `bookkeeping.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from intro_lm.data import Batches
from intro_lm.evaluation import Loss, cross_entropy
from intro_lm.models import StatefulLanguageModel
from intro_lm.training.bookkeeping import Bookkeeper, stop_on_interrupt
from intro_lm.training.checkpoint import open_checkpoint
from intro_lm.training.device import choose_device, choose_precision, random_state
from intro_lm.training.history import History
from intro_lm.training.loader import as_batches
from intro_lm.training.optimizers import (
    ParameterGroup,
    freeze_until_start,
    make_optimizer,
    set_learning_rate,
    unfrozen_afterwards,
)
from intro_lm.training.settings import TrainingSettings
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

    The same model, batches, settings and machine give the same weights, bit for bit, also when the
    run is killed and resumed. The model ends on the device it was trained on.

    Args:
        model: from inputs to logits. A `StatefulLanguageModel` reads batches that carry state from
            the state in which the batch before left it, and no gradient flows through that state
            (truncated backpropagation through time); each epoch begins without one.
        batches: what to train on, epoch after epoch. A `torch.utils.data.DataLoader` of (inputs,
            targets) serves too, with one limit: its order can't be asked for again, so a resumed
            run is exact only if the checkpoint was saved at the end of an epoch.
        settings: how; None takes the defaults.
        loss: from (logits, targets) to the mean loss of a batch.
        parameter_groups: parts of the model that learn at a multiple of the schedule's rate, or
            only from some step on; None lets all of it learn alike.
        validation: evaluated every `evaluate_every` steps and at the end.
        tracker: also gets each entry of the history.
        checkpoint_dir: folder for the checkpoint, written every `checkpoint_every` steps, at the
            end, and when Ctrl-C stops the run.
        resume: go on from the checkpoint in `checkpoint_dir`, if there is one.
        progress: show a progress bar.

    Raises:
        ValueError: `parameter_groups` are not the model's parameters, or there is no batch.
        FileExistsError: `checkpoint_dir` holds a run and `resume` is off.
        CheckpointError: the checkpoint is another run's, or damaged.
        OSError: `checkpoint_dir` can't be written to; an earlier checkpoint stays.
        NonFiniteLossError: training diverged; the checkpoint is the last good one.
        KeyboardInterrupt: Ctrl-C was pressed; the step under way was finished first.
    """
    settings = settings or TrainingSettings()
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device)
    autocast = torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")
    model.to(device).train()
    batches = as_batches(batches).to(device)  # all of it at once: no copying in the loop
    validation = None if validation is None else as_batches(validation).to(device)
    optimizer = make_optimizer(model, settings, device, parameter_groups)
    starts = {group["start"] for group in optimizer.param_groups}  # {0} unless fine-tuning
    carry = model if batches.carries_state and isinstance(model, StatefulLanguageModel) else None
    state: Tensor | None = None
    checkpoint = open_checkpoint(checkpoint_dir, resume, model, optimizer, settings, batches)

    with (
        random_state(settings.seed, device),
        unfrozen_afterwards(optimizer),
        stop_on_interrupt() as interrupted,
        tqdm(
            total=settings.steps, desc=f"{device}, {precision}", disable=not progress,
            unit=" steps", mininterval=0.5,
        ) as bar,
    ):  # fmt: skip
        history = History(str(device), precision)
        books = Bookkeeper(
            model, settings, loss, autocast, history, validation, tracker, checkpoint, bar
        )
        step, state = books.begin()  # 0 and None, or where the checkpoint stopped
        freeze_until_start(optimizer, step)
        while step < settings.steps:
            if step % len(batches) == 0:
                state = None  # an epoch begins where every row of text begins
            for inputs, targets in batches.epoch(step // len(batches), step % len(batches)):
                if step in starts:
                    freeze_until_start(optimizer, step)  # a group's turn to learn
                set_learning_rate(optimizer, settings.learning_rate_at(step))
                with autocast:  # matrix products in bfloat16, where the precision says so
                    if carry is None:
                        logits = model(inputs)  # (B, V), (B, T, V), or (B, classes)
                    else:
                        logits, state = carry.advance(inputs, state)
                        state = state.detach()  # cut the gradient, or it would reach all the past
                    batch_loss = loss(logits, targets)
                optimizer.zero_grad()  # or this batch's gradients would add to the last one's
                batch_loss.backward()
                if settings.clip_norm is not None:  # one bad batch must not throw the weights far
                    nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
                optimizer.step()
                step += 1
                books.add(batch_loss.detach(), targets.numel())  # no .item(): a GPU would wait
                if any(books.turns(step)) or interrupted.is_set():
                    books.bring_up_to_date(step, state, stop=interrupted.is_set())
                if step == settings.steps:
                    break
    return history
