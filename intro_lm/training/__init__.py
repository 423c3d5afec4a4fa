"""The training loop, checkpoints, and tracking in TensorBoard."""

from intro_lm.training.bookkeeping import History, HistoryEntry, NonFiniteLossError
from intro_lm.training.checkpoint import CheckpointError, load_weights
from intro_lm.training.loop import fine_tune, train
from intro_lm.training.optimizers import FineTuning, ParameterGroup
from intro_lm.training.range_test import learning_rate_range_test
from intro_lm.training.settings import TrainingSettings, choose_device
from intro_lm.training.tracking import Logger, Tracker, load_runs

__all__ = [
    "CheckpointError", "FineTuning", "History", "HistoryEntry", "Logger", "NonFiniteLossError",
    "ParameterGroup", "Tracker", "TrainingSettings", "choose_device", "fine_tune",
    "learning_rate_range_test", "load_runs", "load_weights", "train",
]  # fmt: skip
