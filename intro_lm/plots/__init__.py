"""Figures that more than one notebook draws: of models, and of sweeps over hyperparameters.

Each function draws into the axes it is given (or the current ones) and returns them. What is drawn
more than once keeps its colour and marker throughout, so that figures read in greyscale too.
"""

from intro_lm.plots.models import (
    COLOURS,
    LOSS_LABEL,
    MARKERS,
    embedding,
    losses,
    range_test,
    ranking,
)
from intro_lm.plots.sweeps import SAMPLER_COLOURS, SAMPLER_MARKERS, best_so_far, seed_noise

__all__ = [
    "COLOURS",
    "LOSS_LABEL",
    "MARKERS",
    "SAMPLER_COLOURS",
    "SAMPLER_MARKERS",
    "best_so_far",
    "embedding",
    "losses",
    "range_test",
    "ranking",
    "seed_noise",
]
