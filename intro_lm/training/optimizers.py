"""Optimisers, and parts of a model with their own learning rates and first steps."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from intro_lm.checks import require_fraction, require_number
from intro_lm.training.settings import TrainingSettings


@dataclass(frozen=True, eq=False)
class ParameterGroup:
    """Parameters of a model that learn alike."""

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0  # their learning rate as a multiple of the schedule's
    start: int = 0  # the first step, from 0, in which they learn: no gradient, no decay until then


@dataclass(frozen=True)
class FineTuning:
    """When the layers of a pretrained model learn, and how fast. Each part can be switched off.

    The recipe is ULMFiT's (Howard and Ruder 2018, sections 3.2 and 3.3): the new layers first, the
    lower ones later and slower. Its third part, a learning rate that rises fast and falls slowly,
    is the schedule `one-cycle`, except that ours ends at 0 and theirs at 1/32 of the peak.

    Args:
        head_first: the new head learns alone for a stage.
        gradual_unfreezing: in each further stage one more layer learns, from the top down; if off,
            all layers below the head begin together.
        stage: fraction of the steps in a stage.
        rate_decay: each layer's rate is that of the layer above divided by this.
        frozen: only the head ever learns; the pretrained layers give features.
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
        """How each layer, from the bottom up to the head, learns in a run of `steps`."""
        groups = []
        for below, parameters in zip(reversed(range(len(layers))), layers, strict=True):
            stages = self.head_first + (below - 1) * self.gradual_unfreezing if below else 0
            start = steps if self.frozen and below else round(stages * self.stage * steps)
            if start >= steps and not self.frozen:
                raise ValueError(
                    f"stage is {self.stage}, so layer {below} below the head would begin at step "
                    f"{start} of {steps}; choose a smaller stage"
                )
            groups.append(ParameterGroup(parameters, self.rate_decay**-below, start))
        return groups


def make_optimizer(
    model: nn.Module,
    settings: TrainingSettings,
    groups: Sequence[ParameterGroup] | None = None,
) -> Optimizer:
    """The settings' optimiser for parameters that need gradients, in these groups or in one."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = groups or [ParameterGroup(trained)]
    if {id(p) for group in groups for p in group.parameters} != set(map(id, trained)):
        raise ValueError(
            "the parameter groups don't hold all parameters that need gradients, or they hold "
            "others; put each in one group"
        )
    parameters = [
        {"params": list(group.parameters), "relative_rate": group.rate, "start": group.start}
        for group in groups
    ]
    rate, decay = settings.learning_rate, settings.weight_decay
    # Fused: one kernel updates all parameters.
    if settings.optimizer == "sgd":
        return SGD(parameters, rate, weight_decay=decay, fused=True)
    return AdamW(parameters, rate, betas=(0.9, 0.99), weight_decay=decay, fused=True)


def freeze_groups(optimizer: Optimizer, step: float) -> None:
    """Freeze the groups that start after this step, and let the others learn."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            parameter.requires_grad_(step >= group["start"])
