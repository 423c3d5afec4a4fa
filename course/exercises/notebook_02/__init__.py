"""The exercises of notebook 02, the dataset swap."""

from __future__ import annotations

from course.exercises.notebook_02.bits import BITS
from course.exercises.notebook_02.file import FILE
from course.exercises.notebook_02.language import LANGUAGE
from course.exercises.notebook_02.own import OWN
from course.exercises.notebook_02.split import SPLIT

EXERCISES = (LANGUAGE, SPLIT, BITS, FILE, OWN)
