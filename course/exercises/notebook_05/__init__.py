"""The exercises of notebook 05, transfer learning."""

from __future__ import annotations

from course.exercises.notebook_05.few import FEW
from course.exercises.notebook_05.pool import POOL
from course.exercises.notebook_05.recall import RECALL
from course.exercises.notebook_05.unfreezing import UNFREEZING

EXERCISES = (RECALL, POOL, UNFREEZING, FEW)
