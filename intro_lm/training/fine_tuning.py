"""Fine-tuning a pretrained model: the new layers first, and the lower ones later and gently.

The recipe is ULMFiT's (Howard and Ruder 2018, sections 3.2 and 3.3). Its third part, a learning
rate that rises fast and falls slowly, is the schedule `one-cycle` of the settings, except that this
one ends at 0 and theirs at 1/32 of the peak.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from intro_lm.data import Batches, LabelledBatches
from intro_lm.training.history import History
from intro_lm.training.loop import train
from intro_lm.training.optimizers import ParameterGroup
from intro_lm.training.settings import TrainingSettings, is_number


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
        if not (is_number(self.stage) and 0 <= self.stage < 1):
            raise ValueError(f"stage is {self.stage!r}; it must be a share from 0 to below 1")
        if not (is_number(self.rate_decay) and self.rate_decay >= 1):
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
        deepest = len(layers) - 1
        last = round(self._stages(deepest) * self.stage * steps)
        if last >= steps and not self.frozen:
            most = math.floor(100 * (steps - 1) / (self._stages(deepest) * steps)) / 100
            raise ValueError(
                f"stage is {self.stage}, so layer {deepest} below the head would begin at step "
                f"{last} of {steps}; choose a stage of at most {most}"
            )
        groups = []
        for below, parameters in enumerate(reversed(layers)):
            start = round(self._stages(below) * self.stage * steps)
            if self.frozen and below:
                start = steps  # never
            groups.append(ParameterGroup(parameters, self.rate_decay**-below, start))
        return groups[::-1]

    def _stages(self, below: int) -> int:
        """How many stages pass before a layer so far below the head learns."""
        gradual = max(below - 1, 0) if self.gradual_unfreezing else 0
        return min(below, 1) * self.head_first + gradual


def fine_tune(
    model: nn.Module,
    batches: Batches,
    settings: TrainingSettings,
    fine_tuning: FineTuning | None = None,
    **options: Any,
) -> History:
    """Train a pretrained model layer by layer.

    Args:
        model: with `layer_groups` and a head `output`, as `TextClassifier` has.
        batches: what to train on.
        settings: how; the learning rate is the head's.
        fine_tuning: which layers learn when, and how fast; None takes the defaults.
        options: any other argument of `train`.

    Raises:
        ValueError: a label lies beyond the model's classes, a layer would begin to learn only after
            the last step, or as `train` does.
    """
    for name, part in {"training": batches, "validation": options.get("validation")}.items():
        if isinstance(part, LabelledBatches):
            _require_labels(name, part.labels, model.output.out_features)  # type: ignore[union-attr, arg-type]
    recipe = fine_tuning or FineTuning()
    layers = model.layer_groups()  # type: ignore[operator]
    groups = recipe.parameter_groups(layers, settings.steps)
    return train(model, batches, settings, parameter_groups=groups, **options)


def _require_labels(name: str, labels: Tensor, classes: int) -> None:
    beyond = (labels >= classes).nonzero()
    if len(beyond):
        row = int(beyond[0])
        raise ValueError(
            f"the label of text {row} of the {name} batches is {int(labels[row])}, and the model "
            f"has {classes} classes; labels must lie between 0 and {classes - 1}"
        )
