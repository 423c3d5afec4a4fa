"""The exercises of notebook 05, transfer learning."""

from __future__ import annotations

from intro_lm.exercises.notebook_05.few import FEW
from intro_lm.exercises.notebook_05.pool import POOL
from intro_lm.exercises.notebook_05.recall import RECALL
from intro_lm.exercises.notebook_05.unfreezing import UNFREEZING

EXERCISES = (RECALL, POOL, UNFREEZING, FEW)
