"""What somebody changed in a notebook: cells added, edited, moved and deleted.

nbdime aligns the cells and compares their sources. Cells are one if they have the same id; else if
their sources are equal; else if nbdime finds them alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import nbdime
import nbformat

from intro_lm.review.stored import MOST_SHOWN, Cell, Notebook, visible

MOST_LIKENESSES = 4_000  # pairs of cells that are tried for being alike
LOOKED_AT = 800  # characters of a source that decide whether two cells are alike
SHORT = 10  # characters
CONTEXT = 2  # unchanged lines that are shown around changed ones
MOST_LINES = 200  # of one difference
IDS_LOST = 0.1  # of a notebook's cells: with so few known ids, they were given anew

Line = tuple[str, str]  # " ", "-", "+" or "⋯", and a line


@dataclass(frozen=True)
class Change:
    """A cell that is not as the curriculum has it.

    Args:
        how: added, edited, moved or deleted.
        place: of the cell in the submission, counted from 1; None if it was deleted.
        base: of the cell in the curriculum; None if it was added.
        cell: as submitted, or as it was before it was deleted.
        lines: the difference between the sources.
        tags: the cell's tags before and now, where they differ.
    """

    how: str
    place: int | None
    base: int | None
    cell: Cell
    lines: tuple[Line, ...] = ()
    tags: tuple[str, str] | None = None

    @property
    def edited(self) -> bool:
        return any(sign in "+-" for sign, _ in self.lines)


@dataclass(frozen=True)
class Comparison:
    """The changes in reading order, and for each place in the submission that in the base."""

    changes: tuple[Change, ...]
    pairs: dict[int, int] = field(default_factory=dict)
    ids_lost: bool = False

    def count(self, how: str) -> int:
        return sum(change.how == how for change in self.changes)


def compare(base: Notebook, own: Notebook) -> Comparison:
    """Compare a submission with the notebook that it was made from."""
    keys = _keys(base, own)
    pairs, moved = _aligned(base, own, keys)
    changes: list[Change] = []
    for place, cell in enumerate(own.cells, 1):
        if place not in pairs:
            if cell.source.strip():
                changes.append(Change("added", place, None, cell, _all("+", cell)))
            continue
        before = base.cells[pairs[place] - 1]
        tags = (", ".join(before.tags), ", ".join(cell.tags))
        differs = _ended(before.source) != _ended(cell.source) or tags[0] != tags[1]
        if differs or place in moved:
            changes.append(
                Change(
                    "moved" if place in moved else "edited",
                    place,
                    pairs[place],
                    cell,
                    difference(before.source, cell.source),
                    tags if tags[0] != tags[1] else None,
                )
            )
    gone = sorted(set(range(1, len(base.cells) + 1)) - set(pairs.values()))
    for number in gone:
        cell = base.cells[number - 1]
        _insert(changes, Change("deleted", None, number, cell, _all("-", cell)), pairs)
    known = {cell.id for cell in base.cells}
    lost = sum(cell.id in known for cell in own.cells) < IDS_LOST * len(own.cells)
    return Comparison(tuple(changes), pairs, lost and bool(pairs))


def difference(before: str, now: str) -> tuple[Line, ...]:
    """The lines that changed, with some around them."""
    before, now = _ended(before), _ended(now)
    if before == now:
        return ()
    if max(len(before), len(now)) > 4 * MOST_SHOWN:
        return (("⋯", f"too long to compare: {len(before):,} and {len(now):,} characters"),)
    return _clipped(_with_context(list(_lines(before.splitlines(True), nbdime.diff(before, now)))))


def _ended(text: str) -> str:
    """A text whose last line ends as the others do, so that lines are compared and not ends."""
    return text.rstrip("\n") + "\n" if text.strip("\n") else ""


def _keys(base: Notebook, own: Notebook) -> list[str]:
    """For each cell of the submission the id of its cell in the base, or one that is nobody's."""
    known = {cell.id: cell for cell in base.cells if cell.id}
    keys: list[str] = [""] * len(own.cells)
    taken: set[str] = set()
    for index, cell in enumerate(own.cells):
        if cell.id in known and cell.id not in taken and known[cell.id].kind == cell.kind:
            keys[index] = cell.id
            taken.add(cell.id)
    waiting = defaultdict(list)
    for cell in reversed(base.cells):
        if cell.id not in taken:
            waiting[cell.kind, cell.source].append(cell.id)
    for index, cell in enumerate(own.cells):
        if not keys[index]:
            same = waiting[cell.kind, cell.source]
            keys[index] = same.pop() if same else f"new {index}"
    return keys


def _aligned(base: Notebook, own: Notebook, keys: list[str]) -> tuple[dict[int, int], set[int]]:
    """Pairs of places, in the submission and in the base, and those of them that were moved."""
    new = sum(key.startswith("new ") for key in keys)
    gone = len(base.cells) - (len(keys) - new)
    try_likeness = new * gone <= MOST_LIKENESSES
    left = _for_nbdime(base, [cell.id for cell in base.cells], True)
    right = _for_nbdime(own, keys, try_likeness)
    pairs: dict[int, int] = {}
    removed: list[int] = []
    added: list[int] = []
    here, there = 0, 0  # next cell of the base, of the submission
    on_cells = [op.diff for op in nbdime.diff_notebooks(left, right) if op.key == "cells"]
    for operation in chain.from_iterable(on_cells):
        while here < operation.key:
            here, there = here + 1, there + 1
            pairs[there] = here
        if operation.op == "addrange":
            added += range(there + 1, there + 1 + len(operation.valuelist))
            there += len(operation.valuelist)
        elif operation.op == "removerange":
            removed += range(here + 1, here + 1 + operation.length)
            here += operation.length
        else:
            here, there = here + 1, there + 1
            pairs[there] = here
    while here < len(base.cells):
        here, there = here + 1, there + 1
        pairs[there] = here
    by_id = {base.cells[number - 1].id: number for number in removed}
    moved = {place for place in added if keys[place - 1] in by_id}
    return pairs | {place: by_id[keys[place - 1]] for place in moved}, moved


def _for_nbdime(notebook: Notebook, ids: list[str], by_likeness: bool) -> Any:
    """The cells as nbdime takes them: what decides whether two are one, and no outputs."""
    cells = []
    for cell, name in zip(notebook.cells, ids, strict=True):
        unlike = name.startswith("new ") and not by_likeness
        source = cell.digest if unlike else cell.source[:LOOKED_AT]
        if len(source) < SHORT:  # nbdime would take any two of them for alike
            source = f"{source}\n" * SHORT
        stored: dict[str, Any] = {"cell_type": cell.kind, "id": name, "source": source}
        stored["metadata"] = {}
        if cell.kind == "code":
            stored |= {"outputs": [], "execution_count": None}
        cells.append(stored)
    return nbformat.from_dict({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def _lines(before: list[str], operations: Any) -> Iterator[Line]:
    """nbdime's operations on lines, as the lines kept, taken away and put there."""
    here = 0
    for operation in operations:
        for line in before[here : operation.key]:
            yield " ", line
        here = operation.key
        if operation.op == "addrange":
            for line in "".join(operation.valuelist).splitlines():
                yield "+", line
        elif operation.op == "removerange":
            for line in before[here : here + operation.length]:
                yield "-", line
            here += operation.length
        else:
            old, new = before[here], _patched(before[here], operation.diff)
            yield "-", old
            for line in new.splitlines():
                yield "+", line
            here += 1
    for line in before[here:]:
        yield " ", line


def _patched(line: str, operations: Any) -> str:
    """A line after nbdime's operations on its characters."""
    pieces, here = [], 0
    for operation in operations:
        pieces.append(line[here : operation.key])
        here = operation.key
        if operation.op == "addrange":
            pieces += operation.valuelist
        else:
            here += operation.length
    return "".join([*pieces, line[here:]])


def _with_context(lines: list[Line]) -> list[Line]:
    changed = [n for n, (sign, _) in enumerate(lines) if sign != " "]
    near = {m for n in changed for m in range(n - CONTEXT, n + CONTEXT + 1)}
    shown: list[Line] = []
    for number, line in enumerate(lines):
        if number in near:
            shown.append(line)
        elif not shown or shown[-1][0] != "⋯":
            shown.append(("⋯", ""))
    return shown


def _clipped(lines: list[Line]) -> tuple[Line, ...]:
    """So many lines and characters as somebody would read."""
    clipped = [
        (sign, visible((line if len(line) <= 2_000 else f"{line[:2_000]} ⋯").rstrip("\n")))
        for sign, line in lines[:MOST_LINES]
    ]
    if len(lines) > MOST_LINES:
        clipped.append(("⋯", f"{len(lines) - MOST_LINES:,} lines more"))
    return tuple(clipped)


def _all(sign: str, cell: Cell) -> tuple[Line, ...]:
    return _clipped([(sign, line) for line in cell.source.splitlines()])


def _insert(changes: list[Change], deleted: Change, pairs: dict[int, int]) -> None:
    """Put a deletion where it would be read: before what follows it in the base."""
    assert deleted.base is not None
    after = [n for n, change in enumerate(changes) if (change.base or 0) > deleted.base]
    changes.insert(after[0] if after else len(changes), deleted)
