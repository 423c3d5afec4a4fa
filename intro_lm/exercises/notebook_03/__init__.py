"""The exercises of notebook 03, the hyperparameter sweep."""

from __future__ import annotations

from intro_lm.exercises.notebook_03.beat import BEAT
from intro_lm.exercises.notebook_03.log_uniform import LOG_UNIFORM
from intro_lm.exercises.notebook_03.noise import NOISE
from intro_lm.exercises.notebook_03.space import SPACE

EXERCISES = (LOG_UNIFORM, NOISE, SPACE, BEAT)
