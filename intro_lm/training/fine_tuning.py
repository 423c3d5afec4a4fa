"""Fine-tuning a pretrained model: the new layers first, and the lower ones later and gently.

The recipe is ULMFiT's (Howard and Ruder 2018, sections 3.2 and 3.3). Its third part, a learning
rate that rises fast and falls slowly, is the settings' schedule `one-cycle`, except that ours ends
at 0 and theirs at 1/32 of the peak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from torch import nn

from intro_lm.checks import require_fraction, require_number
from intro_lm.data import Batches
from intro_lm.training.history import History
from intro_lm.training.loop import train
from intro_lm.training.optimizers import ParameterGroup
from intro_lm.training.settings import TrainingSettings


class LayeredModel(Protocol):
    """A `torch.nn.Module` that names its layers, such as `TextClassifier`."""

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters of each layer, from the bottom up; the last is the head."""


@dataclass(frozen=True)
class FineTuning:
    """When the layers of a pretrained model learn, and how fast. Each part can be switched off.

    Args:
        head_first: the head, which is new, learns alone for a stage.
        gradual_unfreezing: in each further stage one more layer learns, from the top down; off, all
            layers below the head begin together.
        stage: fraction of the steps in a stage, from 0 to below 1.
        rate_decay: each layer learns so many times slower than the one above (discriminative
            learning rates); 1 lets all learn alike.
        frozen: only the head ever learns: the pretrained layers serve as features.
    """

    head_first: bool = True
    gradual_unfreezing: bool = True
    stage: float = 0.1
    rate_decay: float = 2.6
    frozen: bool = False

    def __post_init__(self) -> None:
        require_fraction(stage=self.stage)
        require_number(at_least=1, rate_decay=self.rate_decay)

    def parameter_groups(
        self, layers: Sequence[Sequence[nn.Parameter]], steps: int
    ) -> list[ParameterGroup]:
        """How each layer, from the bottom up to the head, learns in a run of so many steps."""
        groups = []
        for below, parameters in zip(reversed(range(len(layers))), layers, strict=True):
            later = max(below - 1, 0) if self.gradual_unfreezing else 0
            stages = min(below, 1) * self.head_first + later
            start = steps if self.frozen and below else round(stages * self.stage * steps)
            if start >= steps and not self.frozen:
                most = math.floor(100 * (steps - 1) / (stages * steps)) / 100
                raise ValueError(
                    f"stage is {self.stage}, so layer {below} below the head would begin at step "
                    f"{start} of {steps}; choose a stage of at most {most}"
                )
            groups.append(ParameterGroup(parameters, self.rate_decay**-below, start))
        return groups


def fine_tune(
    model: LayeredModel,
    batches: Batches,
    settings: TrainingSettings,
    fine_tuning: FineTuning | None = None,
    **options: Any,
) -> History:
    """`train` with the parameter groups of `fine_tuning`, at the head's rate in the settings."""
    groups = (fine_tuning or FineTuning()).parameter_groups(model.layer_groups(), settings.steps)
    return train(cast(nn.Module, model), batches, settings, parameter_groups=groups, **options)
