"""What cells need from cells above: which outputs are stale, and which names are made nowhere."""

from __future__ import annotations

import builtins
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from course.review.names import defined, imports, used
from course.review.stored import Cell, Notebook

LONGEST_SOURCE = 20_000  # characters of a cell that is looked through for names
LONGEST_NOTEBOOK = 500_000  # and of all its cells
OF_IPYTHON = {"get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___", "_ih", "_oh"}
OUTPUT = re.compile(r"_i?\d+")  # IPython keeps outputs and inputs by their counts
# Through these a cell may define anything.
AT_WILL = re.compile(r"\b(exec|globals|locals|vars|setattr|get_ipython)\s*\(")
UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)


class Names(NamedTuple):
    """Names that a cell takes from elsewhere, that it makes, and that it imports."""

    takes: frozenset[str]
    makes: frozenset[str]
    imports: frozenset[str]


def stale(ran: Sequence[tuple[int, Cell]]) -> dict[int, int]:
    """Cells that use a name which a cell above made after they ran, or in another session.

    Args:
        ran: the cells that have run, with their places.

    Returns:
        The place of each such cell, and of the latest cell above that it should have waited for.
    """
    if sum(len(cell.source) for _, cell in ran) > LONGEST_NOTEBOOK:
        return {}
    latest: dict[str, tuple[int, int]] = {}  # of each name: the count at which it was made, where
    found = {}
    for place, cell in ran:
        count = cell.count or 0
        names = _names(cell.source)
        if names is None:
            continue
        above = [latest[name] for name in names.takes if name in latest]
        newest, cause = max(above, default=(0, 0))
        if newest >= count:
            found[place] = cause
        # What it makes is as new as itself, and as what it should have been made from.
        latest |= dict.fromkeys(names.makes, max((count, place), (newest, cause)))
    return found


def missing(notebook: Notebook) -> dict[str, list[int]]:
    """Names that no cell makes, with the cells that use them: run afresh, those would fail.

    Nothing is said of a notebook with a cell that can't be parsed or may define anything.
    """
    code = notebook.code()
    if sum(len(cell.source) for _, cell in code) > LONGEST_NOTEBOOK:
        return {}
    known = {*vars(builtins), *OF_IPYTHON, "__name__", "__file__"}
    cells = [(place, cell, _names(cell.source)) for place, cell in code]
    for _, cell, names in cells:
        if names is None or AT_WILL.search(cell.source) or "*" in names.imports:
            return {}
        known |= names.makes | names.imports
    found: dict[str, list[int]] = {}
    for place, cell, names in cells:
        if names is not None and "raises-exception" not in cell.tags:
            for name in sorted(names.takes - known):
                if not OUTPUT.fullmatch(name):
                    found.setdefault(name, []).append(place)
    return found


@lru_cache(maxsize=1000)  # most cells are the curriculum's
def _names(source: str) -> Names | None:
    """The names of a cell; None if it can't be parsed."""
    if len(source) > LONGEST_SOURCE:
        return None
    try:
        imported = {
            alias.asname or alias.name.split(".")[0]
            for statement in imports(source)
            for alias in statement.names
        }
        return Names(frozenset(used(source)), frozenset(defined(source)), frozenset(imported))
    except UNPARSED:
        return None
