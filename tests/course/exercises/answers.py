"""Answers given to exercises, and what the checks say of them.

The checks run in the tests' own process: a fork for each of several hundred answers would cost
minutes, and `test_running.py` shows what the fork does.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from course.exercises import Exercise, exercise
from course.exercises.comparing import NotYet
from course.exercises.running import results
from course.names import imports

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
Answer = Callable[..., Any]


def failure(name: str, answer: Answer) -> NotYet | None:
    """The first check of an exercise that an answer fails."""
    asked = exercise(name)
    return [*results(asked.named(answer), asked.checks)][-1]


def changed(name: str, *texts: str) -> Answer:
    """The solution with the first text replaced by the second, the third by the fourth, …."""
    asked = exercise(name)
    source = asked.source()
    for old, new in zip(texts[::2], texts[1::2], strict=True):
        assert old in source, old
        source = source.replace(old, new)
    return defined_by(source, asked)


def defined_by(source: str, asked: Exercise) -> Answer:
    """The function that a cell with this source defines below the notebook's imports."""
    names = dict(_imported(asked.name[:2]))
    file = f"<{asked.name}, {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    return names[asked.solved_by.__name__]


@cache
def _imported(number: str) -> dict[str, Any]:
    """What the imports of the notebook with this number bind."""
    names: dict[str, Any] = {}
    for cell in notebook_of(number).cells:
        if cell.cell_type == "code":
            exec("\n".join(map(ast.unparse, imports(cell.source))), names)
    return names


def notebook_of(name: str) -> Any:
    """The notebook with the number that an exercise's name begins with."""
    (path,) = NOTEBOOKS.glob(f"{name.partition('.')[0]}_*.ipynb")
    return nbformat.read(path, as_version=4)
