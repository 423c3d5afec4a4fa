"""The exercises of notebook 04, the LSTM."""

from __future__ import annotations

from course.exercises.notebook_04.gates import GATES
from course.exercises.notebook_04.pieces import PIECES
from course.exercises.notebook_04.recipe import RECIPE
from course.exercises.notebook_04.step import STEP
from course.exercises.notebook_04.temperature import TEMPERATURE

EXERCISES = (STEP, GATES, TEMPERATURE, PIECES, RECIPE)
