"""Fill the solutions into a copy of a notebook, and keep of it only what the exercises need.

    placed(notebook)                 where its exercises are
    fill(notebook, exercises)        a copy with each stub replaced by its solution
    needed(notebook, cells)          a copy with these cells and those that they depend on

What a cell depends on is read from its source: for each name that it uses and doesn't define
itself, the latest cell above that defines it, and so on. Imports are always kept. So a notebook's
solutions run in seconds, without its training.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from course.exercises import Exercise
from course.review.names import defined, imports, used

Notebook = Any  # nbformat's NotebookNode: a dictionary whose entries are attributes too


@dataclass(frozen=True)
class Placed:
    """Where an exercise is: its name, its function, and the indices of its two cells."""

    name: str
    function: str
    stub: int | None
    check: int


def placed(notebook: Notebook) -> list[Placed]:
    """The exercises that a notebook checks, in order."""
    found = []
    for index, cell in enumerate(notebook.cells):
        for name, function in _checks(cell):
            stubs = [n for n in range(index) if definition(notebook.cells[n], function)]
            found.append(Placed(name, function, stubs[-1] if stubs else None, index))
    return found


def definition(cell: Any, function: str) -> ast.FunctionDef | None:
    """The function of that name which a code cell defines."""
    if cell.cell_type != "code":
        return None
    body = ast.parse(cell.source).body
    return next((s for s in body if isinstance(s, ast.FunctionDef) and s.name == function), None)


def fill(notebook: Notebook, exercises: Iterable[Exercise]) -> Notebook:
    """A copy in which the function of each stub is the solution; the rest of its cell stays."""
    filled = copy.deepcopy(notebook)
    solutions = {exercise.name: exercise for exercise in exercises}
    for each in placed(notebook):
        if each.stub is None or each.name not in solutions:
            continue
        cell = filled.cells[each.stub]
        stub = definition(cell, each.function)
        assert stub is not None
        lines = cell.source.splitlines()
        first = min([stub.lineno, *(d.lineno for d in stub.decorator_list)]) - 1
        solution = solutions[each.name].source().rstrip()
        cell.source = "\n".join([*lines[:first], solution, *lines[stub.end_lineno :]])
    return filled


def needed(notebook: Notebook, cells: Iterable[int]) -> Notebook:
    """A copy with these code cells, what they depend on, and every import above them."""
    code = {n: cell for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"}
    wanted: set[int] = set()
    waiting = list(cells)
    while waiting:
        index = waiting.pop()
        if index in wanted:
            continue
        wanted.add(index)
        for name in used(code[index].source):
            above = [n for n in code if n < index and name in defined(code[n].source)]
            waiting += above[-1:]
    sliced = copy.deepcopy(notebook)
    sliced.cells = []
    for index in range(max(wanted, default=-1) + 1):
        if index not in code:
            continue
        cell = copy.deepcopy(code[index])
        if index not in wanted:
            cell.source = "\n".join(map(ast.unparse, imports(cell.source)))
        cell.outputs, cell.execution_count = [], None
        if cell.source:
            sliced.cells.append(cell)
    return sliced


def _checks(cell: Any) -> Iterator[tuple[str, str]]:
    """Each `ex = exercise("name")` of a cell with the function that its check is called with."""
    if cell.cell_type != "code" or "exercise(" not in cell.source:
        return
    names: dict[str, str] = {}
    for node in ast.walk(ast.parse(cell.source)):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=variable)],
                value=ast.Call(func=ast.Name(id="exercise"), args=[ast.Constant(value=str(name))]),
            ):
                names[variable] = name
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=variable), attr="check"),
                args=[ast.Name(id=function)],
            ) if variable in names:
                yield names[variable], function
