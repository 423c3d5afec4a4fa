"""Fine-tuning a pretrained model: the new layers first, and the lower ones later and gently.

The recipe is ULMFiT's (Howard and Ruder 2018, sections 3.2 and 3.3). Its third part, a learning
rate that rises fast and falls slowly, is the schedule `one-cycle` of `Settings`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from intro_lm.data import AnyBatches
from intro_lm.training.history import History
from intro_lm.training.loop import train
from intro_lm.training.optimizers import ParameterGroup
from intro_lm.training.settings import Settings


@dataclass(frozen=True)
class FineTuning:
    """When the layers of a pretrained model learn, and how fast. Each part can be switched off.

    Args:
        head_first: the head, which is new, learns alone for a stage.
        gradual_unfreezing: each further stage lets one layer more learn, from the top down; off,
            all layers below the head begin together.
        stage: share of the steps in a stage, from 0 to below 1.
        rate_decay: each layer learns so many times slower than the one above (discriminative
            learning rates); 1 lets all learn alike.
        frozen: only the head learns, all the time: the pretrained layers serve as features.

    Raises:
        ValueError: `stage` is no share, or `rate_decay` is below 1.
    """

    head_first: bool = True
    gradual_unfreezing: bool = True
    stage: float = 0.1
    rate_decay: float = 2.6
    frozen: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.stage < 1:
            raise ValueError(f"stage is {self.stage!r}; it must be a share from 0 to below 1")
        if not 1 <= self.rate_decay < math.inf:
            raise ValueError(
                f"rate_decay is {self.rate_decay!r}; it must be a number of at least 1"
            )

    def parameter_groups(
        self, layers: Sequence[Sequence[nn.Parameter]], steps: int
    ) -> list[ParameterGroup]:
        """How each layer learns in a run of so many steps.

        Args:
            layers: the parameters of each layer, from the bottom up; the last is the head.
            steps: of the run.

        Raises:
            ValueError: a layer would begin to learn only after the last step.
        """
        groups = []
        for below, parameters in enumerate(reversed(layers)):  # how far below the head it is
            stages = min(below, 1) * self.head_first
            if self.gradual_unfreezing:
                stages += max(below - 1, 0)
            start = round(stages * self.stage * steps)
            if self.frozen and below:
                start = steps  # never
            elif start >= steps:
                raise ValueError(
                    f"stage is {self.stage}, so layer {below} below the head would begin at step "
                    f"{start} of {steps}; choose a stage below {1 / stages:.2g}"
                )
            groups.append(ParameterGroup(parameters, self.rate_decay**-below, start))
        return groups[::-1]


def fine_tune(
    model: nn.Module,
    batches: AnyBatches,
    settings: Settings,
    fine_tuning: FineTuning | None = None,
    **options: Any,
) -> History:
    """Train a pretrained model layer by layer.

    Args:
        model: with a `layer_groups`, as `TextClassifier` has.
        batches: what to train on.
        settings: how; the learning rate is the head's.
        fine_tuning: which layers learn when, and how fast; None takes the defaults.
        options: any other argument of `train`.

    Raises: as `train` does.
    """
    recipe = fine_tuning or FineTuning()
    layers = model.layer_groups()  # type: ignore[operator]
    groups = recipe.parameter_groups(layers, settings.steps)
    return train(model, batches, settings, parameter_groups=groups, **options)
