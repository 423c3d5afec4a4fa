"""Hyperparameter search: what is searched, what a trial does, and the study over all of them."""

from intro_lm.search.experiment import Experiment, hyperparameters
from intro_lm.search.study import SweepFailedError, best_so_far, sweep, training_seconds

__all__ = [
    "Experiment", "SweepFailedError", "best_so_far", "hyperparameters", "sweep", "training_seconds",
]  # fmt: skip
