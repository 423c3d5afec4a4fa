"""Figures that more than one notebook draws: of models, and of sweeps over hyperparameters.

Each function draws into the axes it is given (or the current ones) and returns them. What is drawn
more than once keeps its colour and marker throughout, so that figures read in greyscale too.
"""

from intro_lm.plots.hyperparameters import against_each, importances, parallel_coordinates
from intro_lm.plots.models import (
    COLOURS,
    LOSS_LABEL,
    MARKERS,
    embedding,
    losses,
    range_test,
    ranking,
)
from intro_lm.plots.scales import TRIAL_COLOURS, TRIAL_MARKERS
from intro_lm.plots.surface import contour
from intro_lm.plots.sweeps import (
    SAMPLER_COLOURS,
    SAMPLER_MARKERS,
    best_so_far,
    pruned_curves,
    seed_noise,
)

__all__ = [
    "COLOURS",
    "LOSS_LABEL",
    "MARKERS",
    "SAMPLER_COLOURS",
    "SAMPLER_MARKERS",
    "TRIAL_COLOURS",
    "TRIAL_MARKERS",
    "against_each",
    "best_so_far",
    "contour",
    "embedding",
    "importances",
    "losses",
    "parallel_coordinates",
    "pruned_curves",
    "range_test",
    "ranking",
    "seed_noise",
]
