"""The exercises of notebook 01, the MLP baseline."""

from __future__ import annotations

from course.exercises.notebook_01.bugs import BUGS
from course.exercises.notebook_01.forward import FORWARD
from course.exercises.notebook_01.nll import NLL
from course.exercises.notebook_01.short import SHORT
from course.exercises.notebook_01.smoothing import SMOOTHING
from course.exercises.notebook_01.windows import WINDOWS

EXERCISES = (WINDOWS, NLL, SMOOTHING, FORWARD, BUGS, SHORT)
