"""The exercises of notebook 00, the warm-up."""

from __future__ import annotations

from course.exercises.notebook_00.beat import BEAT
from course.exercises.notebook_00.cross_entropy import CROSS_ENTROPY
from course.exercises.notebook_00.derivative import DERIVATIVE
from course.exercises.notebook_00.lengths import LENGTHS
from course.exercises.notebook_00.sgd import SGD

EXERCISES = (LENGTHS, DERIVATIVE, CROSS_ENTROPY, SGD, BEAT)
