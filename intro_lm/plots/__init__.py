"""Figures for more than one notebook, drawn into the current axes, which they return."""

from intro_lm.plots.models import (
    COLOURS,
    LOSS_LABEL,
    MARKERS,
    embedding,
    losses,
    range_test,
    ranking,
)
from intro_lm.plots.sweeps import SAMPLER_COLOURS, best_so_far, seed_noise

__all__ = [
    "COLOURS", "LOSS_LABEL", "MARKERS", "SAMPLER_COLOURS", "best_so_far", "embedding", "losses",
    "range_test", "ranking", "seed_noise",
]  # fmt: skip
