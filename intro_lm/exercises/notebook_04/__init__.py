"""The exercises of notebook 04, the LSTM."""

from __future__ import annotations

from intro_lm.exercises.notebook_04.gates import GATES
from intro_lm.exercises.notebook_04.pieces import PIECES
from intro_lm.exercises.notebook_04.recipe import RECIPE
from intro_lm.exercises.notebook_04.step import STEP
from intro_lm.exercises.notebook_04.temperature import TEMPERATURE

EXERCISES = (STEP, GATES, TEMPERATURE, PIECES, RECIPE)
