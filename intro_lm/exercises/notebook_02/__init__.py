"""The exercises of notebook 02, the dataset swap."""

from __future__ import annotations

from intro_lm.exercises.notebook_02.bits import BITS
from intro_lm.exercises.notebook_02.file import FILE
from intro_lm.exercises.notebook_02.language import LANGUAGE
from intro_lm.exercises.notebook_02.own import OWN
from intro_lm.exercises.notebook_02.split import SPLIT

EXERCISES = (LANGUAGE, SPLIT, BITS, FILE, OWN)
