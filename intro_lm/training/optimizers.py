"""Optimisers, and groups of parameters that learn at rates of their own, or later than others."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from intro_lm.training.settings import TrainingSettings, is_number


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters of a model that learn alike.

    Args:
        parameters: which.
        rate: their learning rate as a multiple of the schedule's, above 0.
        start: the first step, counted from 0, in which they learn. Until then they are frozen: no
            gradient is computed for them and weight decay leaves them alone.

    Raises:
        ValueError: `rate` is no number above 0, or `start` is no whole number of at least 0.
    """

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0
    start: int = 0

    def __post_init__(self) -> None:
        if not (is_number(self.rate) and self.rate > 0):
            raise ValueError(f"rate is {self.rate!r}; it must be a number above 0, say 0.5")
        if not isinstance(self.start, int) or self.start < 0:
            raise ValueError(f"start is {self.start!r}; it must be a whole number of at least 0")


def make_optimizer(
    model: nn.Module,
    settings: TrainingSettings,
    device: torch.device,
    groups: Sequence[ParameterGroup] | None = None,
) -> torch.optim.Optimizer:
    """The optimiser that the settings name, over the parameters that want gradients.

    Args:
        model: whose parameters.
        settings: optimiser, learning rate, weight decay.
        device: where the parameters are.
        groups: the same parameters in groups; None makes one group of them all.

    Raises:
        ValueError: `groups` leave parameters out, hold one twice or one of another model, or none
            of them learns from the first step on.
    """
    wanted = [p for p in model.parameters() if p.requires_grad]
    if groups is None:
        groups = [ParameterGroup(wanted)]
    else:
        _require_all(wanted, [p for group in groups for p in group.parameters])
        if min(group.start for group in groups) > 0:
            raise ValueError(
                f"the first parameter group starts at step {min(group.start for group in groups)}; "
                "one must start at step 0, or there is nothing to learn"
            )
    parameters = [
        {"params": list(group.parameters), "relative_rate": group.rate, "start": group.start}
        for group in groups
    ]
    rate, decay = settings.learning_rate, settings.weight_decay
    fused = device.type in ("cpu", "cuda")  # one kernel for all parameters, not one for each
    if settings.optimizer == "sgd":
        return torch.optim.SGD(parameters, rate, weight_decay=decay, fused=fused)
    return torch.optim.AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=decay, fused=fused)


def prepare_step(optimizer: torch.optim.Optimizer, step: int, rate: float) -> None:
    """Before step number `step`: set each group's learning rate, and freeze those yet to start.

    Args:
        optimizer: made by `make_optimizer`.
        step: counted from 0.
        rate: the schedule's at this step.
    """
    for group in optimizer.param_groups:
        group["lr"] = rate * group["relative_rate"]
        learns = step >= group["start"]
        for parameter in group["params"]:
            parameter.requires_grad_(learns)


@contextlib.contextmanager
def unfrozen_afterwards(optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Let all of the optimiser's parameters want gradients again, however the run ends."""
    try:
        yield
    finally:
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.requires_grad_(True)


def describe_groups(groups: Sequence[ParameterGroup] | None) -> dict[str, Any]:
    """The groups as plain data, by which a resumed run knows that it is its own."""
    if groups is None:
        return {}
    sizes = [sum(p.numel() for p in group.parameters) for group in groups]
    described = [[size, group.rate, group.start] for size, group in zip(sizes, groups, strict=True)]
    return {"parameter_groups": described}


def _require_all(wanted: Sequence[nn.Parameter], grouped: Sequence[nn.Parameter]) -> None:
    ours, theirs = {id(p) for p in wanted}, [id(p) for p in grouped]
    if len(set(theirs)) < len(theirs) or ours != set(theirs):
        raise ValueError(
            f"the model has {len(ours)} parameters that want gradients, and the parameter groups "
            f"hold {len(theirs)}, {len(ours & set(theirs))} of these; put each of them in one group"
        )
