"""Fill the solutions into a copy of a notebook, and keep of it only what the exercises need.

    placed(notebook)                 where the exercises stand
    fill(notebook, exercises)        a copy with each stub replaced by its solution
    needed(notebook, cells)          a copy with these cells and those that they depend on

What a cell depends on is read from its source: for each name that it uses and doesn't define
itself, the latest cell above that defines it, and so on. Imports are always kept. So a notebook's
solutions run in seconds, without its training.
"""

from __future__ import annotations

import ast
import builtins
import copy
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from intro_lm.exercises import Exercise

Notebook = Any  # nbformat's NotebookNode: a dictionary whose entries are attributes too


@dataclass(frozen=True)
class Placed:
    """Where an exercise stands: the name it is asked for by, its function, its cells' indices."""

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
    for place in placed(notebook):
        if place.stub is None or place.name not in solutions:
            continue
        cell = filled.cells[place.stub]
        stub = definition(cell, place.function)
        assert stub is not None
        lines = cell.source.splitlines()
        first = min([stub.lineno, *(d.lineno for d in stub.decorator_list)]) - 1
        solution = solutions[place.name].source().rstrip()
        cell.source = "\n".join([*lines[:first], solution, *lines[stub.end_lineno :]])
    return filled


def needed(notebook: Notebook, cells: Iterable[int]) -> Notebook:
    """A copy with these code cells, what they depend on, and every import above them."""
    code = {n: cell for n, cell in enumerate(notebook.cells) if cell.cell_type == "code"}
    wanted, waiting = set(), list(cells)
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
            cell.source = "\n".join(map(ast.unparse, _imports(cell.source)))
        cell.outputs, cell.execution_count = [], None
        if cell.source:
            sliced.cells.append(cell)
    return sliced


def defined(source: str) -> set[str]:
    """The names that a cell binds, or changes in place by an index or attribute; no imports."""
    tree = ast.parse(source)
    imported = {
        alias.asname or alias.name.split(".")[0] for s in _imports(source) for alias in s.names
    }
    return set().union(*(_bound(statement) for statement in tree.body)) - imported


def used(source: str) -> set[str]:
    """The names that a cell takes from cells above it, or from its imports."""
    free: set[str] = set()
    bound = {name for name in vars(builtins) if name != "_"}
    inside = _used_in_functions(source)
    for statement in _in_order(ast.parse(source).body):
        free |= _loaded(statement) - bound
        bound |= _bound(statement) - free
    return free | (inside - bound)


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


def _imports(source: str) -> list[ast.Import | ast.ImportFrom]:
    return [s for s in ast.parse(source).body if isinstance(s, ast.Import | ast.ImportFrom)]


def _in_order(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """The statements and heads of blocks as they are executed."""
    for statement in body:
        match statement:
            case ast.For():
                yield from (statement.iter, statement.target)
            case ast.While() | ast.If():
                yield statement.test
            case ast.With():
                yield from statement.items
            case ast.Try():
                pass
            case _:
                yield statement
                continue
        for part in ("body", "handlers", "orelse", "finalbody"):
            for inner in getattr(statement, part, []):
                yield from _in_order(
                    inner.body if isinstance(inner, ast.ExceptHandler) else [inner]
                )


def _bound(node: ast.AST) -> set[str]:
    """The names that a node binds or changes in place."""
    names: set[str] = set()
    for inner in _outside_functions(node):
        match inner:
            case ast.FunctionDef() | ast.ClassDef():
                names.add(inner.name)
            case ast.alias():
                names.add(inner.asname or inner.name.split(".")[0])
            case ast.Name(ctx=ast.Store()):
                names.add(inner.id)
            case ast.Subscript(ctx=ast.Store()) | ast.Attribute(ctx=ast.Store()):
                root: ast.expr = inner
                while isinstance(root, ast.Subscript | ast.Attribute):
                    root = root.value
                names |= {root.id} if isinstance(root, ast.Name) else set()
    return names


def _loaded(node: ast.AST) -> set[str]:
    """The names that a node reads, without those that it binds in a comprehension."""
    inner = list(_outside_functions(node))
    own = {
        name.id
        for part in inner
        if isinstance(part, ast.comprehension)
        for name in ast.walk(part.target)
        if isinstance(name, ast.Name)
    }
    read = {
        part.id for part in inner if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Load)
    }
    changed = {
        part.target.id
        for part in inner
        if isinstance(part, ast.AugAssign) and isinstance(part.target, ast.Name)
    }
    return (read - own) | changed


def _outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all inside it, but not the bodies of functions, which run later."""
    yield node
    for name, value in ast.iter_fields(node):
        if isinstance(node, ast.FunctionDef | ast.Lambda) and name in ("body", "args"):
            continue
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, ast.AST):
                yield from _outside_functions(inner)


def _used_in_functions(source: str) -> set[str]:
    """The global names that the functions of a cell read, their annotations and defaults too."""
    names: set[str] = set()
    tables = list(symtable.symtable(source, "cell", "exec").get_children())
    while tables:
        table = tables.pop()
        names |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
        tables += table.get_children()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            names |= {n.id for n in ast.walk(node.args) if isinstance(n, ast.Name)}
    return names
