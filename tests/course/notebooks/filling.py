"""Fill the solutions into a copy of a notebook, and keep of it only what the exercises need."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterable
from typing import Any, NamedTuple

from course.exercises import Exercise
from course.names import defined, imports, used

ASKED = re.compile(r'exercise\("(.+?)"\)\n\w+\.check\((\w+)\)')


class Placed(NamedTuple):
    """Where an exercise is: its name, its function, and the indices of its two cells."""

    name: str
    function: str
    stub: int
    check: int


def placed(notebook: Any) -> list[Placed]:
    """The exercises that a notebook checks, in order."""
    found = []
    for check, cell in enumerate(notebook.cells):
        if cell.cell_type == "code" and (asked := ASKED.search(cell.source)):
            name, function = asked.groups()
            stubs = [n for n in range(check) if definition(notebook.cells[n], function)]
            found.append(Placed(name, function, stubs[-1], check))
    return found


def definition(cell: Any, function: str) -> ast.FunctionDef | None:
    """The function of that name which a code cell defines."""
    body = ast.parse(cell.source).body if cell.cell_type == "code" else []
    return next((s for s in body if isinstance(s, ast.FunctionDef) and s.name == function), None)


def fill(notebook: Any, exercises: Iterable[Exercise]) -> Any:
    """A copy in which the function of each stub is the solution; the rest of its cell stays."""
    filled = copy.deepcopy(notebook)
    solutions = {exercise.name: exercise for exercise in exercises}
    for each in placed(notebook):
        cell = filled.cells[each.stub]
        stub = definition(cell, each.function)
        assert stub is not None
        lines = cell.source.splitlines()
        solution = solutions[each.name].source().rstrip()
        cell.source = "\n".join([*lines[: stub.lineno - 1], solution, *lines[stub.end_lineno :]])
    return filled


def needed(notebook: Any, cells: Iterable[int]) -> Any:
    """A copy with these code cells, those that they take names from, and every import above.

    So a notebook's solutions run in seconds, without its training.
    """
    code = {n: cell for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"}
    wanted: set[int] = set()
    waiting = list(cells)
    while waiting:
        index = waiting.pop()
        if index not in wanted:
            wanted.add(index)
            for name in used(code[index].source):
                above = [n for n in code if n < index and name in defined(code[n].source)]
                waiting += above[-1:]
    short = copy.deepcopy(notebook)
    short.cells = []
    for index in range(max(wanted) + 1):
        if index in code:
            cell = copy.deepcopy(code[index])
            if index not in wanted:
                cell.source = "\n".join(map(ast.unparse, imports(cell.source)))
            cell.outputs, cell.execution_count = [], None
            short.cells.append(cell)
    return short
