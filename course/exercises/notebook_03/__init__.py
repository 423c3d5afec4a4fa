"""The exercises of notebook 03, the hyperparameter sweep."""

from __future__ import annotations

from course.exercises.notebook_03.beat import BEAT
from course.exercises.notebook_03.log_uniform import LOG_UNIFORM
from course.exercises.notebook_03.noise import NOISE
from course.exercises.notebook_03.space import SPACE

EXERCISES = (LOG_UNIFORM, NOISE, SPACE, BEAT)
