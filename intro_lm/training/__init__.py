"""The training loop, checkpoints, and tracking in TensorBoard."""

from intro_lm.training.bookkeeping import NonFiniteLossError
from intro_lm.training.checkpoint import CheckpointError, load_weights
from intro_lm.training.device import choose_device
from intro_lm.training.fine_tuning import FineTuning, fine_tune
from intro_lm.training.history import History, HistoryEntry
from intro_lm.training.loop import train
from intro_lm.training.optimizers import ParameterGroup
from intro_lm.training.range_test import learning_rate_range_test
from intro_lm.training.settings import TrainingSettings
from intro_lm.training.tracking import Logger, Tracker, load_runs

__all__ = [
    "CheckpointError",
    "FineTuning",
    "History",
    "HistoryEntry",
    "Logger",
    "NonFiniteLossError",
    "ParameterGroup",
    "Tracker",
    "TrainingSettings",
    "choose_device",
    "fine_tune",
    "learning_rate_range_test",
    "load_runs",
    "load_weights",
    "train",
]
