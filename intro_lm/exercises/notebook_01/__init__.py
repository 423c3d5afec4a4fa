"""The exercises of notebook 01, the MLP baseline."""

from __future__ import annotations

from intro_lm.exercises.notebook_01.bugs import BUGS
from intro_lm.exercises.notebook_01.forward import FORWARD
from intro_lm.exercises.notebook_01.nll import NLL
from intro_lm.exercises.notebook_01.short import SHORT
from intro_lm.exercises.notebook_01.smoothing import SMOOTHING
from intro_lm.exercises.notebook_01.windows import WINDOWS

EXERCISES = (WINDOWS, NLL, SMOOTHING, FORWARD, BUGS, SHORT)
