"""Answers given to exercises, and what the checks say of them.

The checks run in the tests' own process: a fork for each of several hundred answers would cost
minutes, and `test_running.py` shows what the fork does.
"""

from __future__ import annotations

import ast
import linecache
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from course.exercises import Exercise, exercise
from course.exercises.running import Failure, results
from course.review.names import imports

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
Answer = Callable[..., Any]


def failure(name: str, answer: Answer) -> Failure | None:
    """The first check of an exercise that an answer fails."""
    return [*results(answer, exercise(name).checks)][-1]


def is_correct(name: str, answer: Answer) -> None:
    assert failure(name, answer) is None


def is_not_yet(name: str, answer: Answer, words: str) -> None:
    found = failure(name, answer)
    assert found is not None, "the answer is taken as correct"
    assert words in " ".join([found.message, *found.case.values()])


def defined_by(source: str, asked: Exercise) -> Answer:
    """The function that a cell with this source defines below the notebook's imports."""
    names: dict[str, Any] = {}
    for cell in notebook_of(asked.name).cells:
        if cell.cell_type == "code":
            exec("\n".join(map(ast.unparse, imports(cell.source))), names)
    file = f"<{asked.name}, {hash(source)}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    return names[asked.solved_by.__name__]


def notebook_of(name: str) -> Any:
    """The notebook with the number that an exercise's name begins with."""
    (path,) = NOTEBOOKS.glob(f"{name.partition('.')[0]}_*.ipynb")
    return nbformat.read(path, as_version=4)
