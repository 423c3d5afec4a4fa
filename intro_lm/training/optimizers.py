"""Optimisers, and groups of parameters with learning rates and first steps of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from intro_lm.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters of a model that learn alike.

    Args:
        parameters: which.
        rate: their learning rate as a multiple of the schedule's.
        start: the first step, counted from 0, in which they learn. Until then they are frozen: no
            gradient is computed for them and weight decay leaves them alone.
    """

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0
    start: int = 0


def make_optimizer(
    model: nn.Module,
    settings: TrainingSettings,
    device: torch.device,
    groups: Sequence[ParameterGroup] | None = None,
) -> Optimizer:
    """The settings' optimiser over all parameters that want gradients, in these groups or in one.

    Raises:
        ValueError: the groups are not the model's parameters, or none learns from step 0 on.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = groups or [ParameterGroup(trained)]
    grouped = [id(p) for group in groups for p in group.parameters]
    if sorted(grouped) != sorted(map(id, trained)):
        raise ValueError(
            f"the model has {len(trained)} parameters that want gradients, and the parameter "
            f"groups hold {len(grouped)} that are not the same; put each in exactly one group"
        )
    first = min(group.start for group in groups)
    if first > 0:
        raise ValueError(f"the first parameter group starts at step {first}; one must at step 0")
    parameters = [
        {"params": list(group.parameters), "relative_rate": group.rate, "start": group.start}
        for group in groups
    ]
    rate, decay = settings.learning_rate, settings.weight_decay
    fused = device.type in ("cpu", "cuda")  # one kernel for all parameters, not one for each
    if settings.optimizer == "sgd":
        return SGD(parameters, rate, weight_decay=decay, fused=fused)
    return AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=decay, fused=fused)


def set_learning_rate(optimizer: Optimizer, rate: float) -> None:
    """Give each group its multiple of the schedule's rate."""
    for group in optimizer.param_groups:
        group["lr"] = rate * group["relative_rate"]


def freeze_until_start(optimizer: Optimizer, step: int) -> None:
    """Freeze the groups that start after this step, and let the others learn."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(step >= group["start"])


@contextlib.contextmanager
def unfrozen_afterwards(optimizer: Optimizer) -> Iterator[None]:
    """Let all of the optimiser's parameters want gradients again, however the run ends."""
    try:
        yield
    finally:
        freeze_until_start(optimizer, max(group["start"] for group in optimizer.param_groups))
