"""Hyperparameter search: what is searched, a trial, a study."""

from intro_lm.search.experiment import Experiment, hyperparameters
from intro_lm.search.study import best_so_far, sweep, training_seconds

__all__ = ["Experiment", "best_so_far", "hyperparameters", "sweep", "training_seconds"]
