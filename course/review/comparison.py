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

from course.review.difference import Line, difference, ended, whole
from course.review.marks import Mark, at_cells, quoted
from course.review.stored import Cell, Notebook

MOST_LIKENESSES = 4_000  # pairs of cells that are tried for being alike
LOOKED_AT = 800  # characters of a source that decide whether two cells are alike
SHORT = 10  # characters
IDS_LOST = 0.1  # of a notebook's cells: with so few known ids, they were given anew


@dataclass(frozen=True)
class Change:
    """A cell that is not as the curriculum has it.

    Args:
        how: added, edited, moved, deleted, or tagged where only its tags are others.
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

    @property
    def places(self) -> set[int | None]:
        """Where the changed cells stand in the submission."""
        return {change.place for change in self.changes}

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
                changes.append(Change("added", place, None, cell, whole("+", cell.source)))
            continue
        before = base.cells[pairs[place] - 1]
        tags = (", ".join(before.tags), ", ".join(cell.tags))
        differs = ended(before.source) != ended(cell.source) or tags[0] != tags[1]
        if differs or place in moved:
            changes.append(
                Change(
                    _how(place in moved, ended(before.source) != ended(cell.source)),
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
        _insert(changes, Change("deleted", None, number, cell, whole("-", cell.source)))
    known = {cell.id for cell in base.cells}
    lost = sum(cell.id in known for cell in own.cells) < IDS_LOST * len(own.cells)
    return Comparison(tuple(changes), pairs, lost and bool(pairs))


def has_not_run(found: Comparison, base: Notebook, own: Notebook) -> bool:
    """Whether all stored outputs and counts are the base's own, progress and pictures included."""
    pairs = [(base.cells[b - 1], own.cells[o - 1]) for o, b in found.pairs.items()]
    before, now = (
        (
            [(cell.count, cell.gave, cell.progress) for cell in cells]
            for cells in zip(*pairs, strict=True)
        )
        if pairs
        else ([], [])
    )
    ran = any(count is not None for count, _, _ in now)
    added = any(c.how == "added" and c.cell.count is not None for c in found.changes)
    return ran and before == now and not added


def _how(moved: bool, edited: bool) -> str:
    if moved:
        return "moved"
    return "edited" if edited else "tagged"


def marks(found: Comparison, base: Notebook, own: Notebook) -> Iterator[Mark]:
    """What there is to say of a comparison, and of sections on downloads that ran without them."""
    places: dict[str, list[int]] = {}
    for change in found.changes:
        places.setdefault(change.how, []).append(change.place or change.base or 0)
    if "deleted" in places:
        yield Mark("cells deleted", f"{at_cells(places['deleted'])} of the curriculum")
    if "moved" in places:
        text = f"{at_cells(places['moved'])}, which the curriculum has elsewhere"
        yield Mark("cells moved", text, places["moved"])
    if "added" in places:
        yield Mark("own cells", at_cells(places["added"]), places["added"])
    tagged = [change for change in found.changes if change.tags]
    if tagged:
        now = ", ".join(dict.fromkeys(f"{(c.tags or '')[1] or 'no tag'}" for c in tagged))
        cells = [change.place or 0 for change in tagged]
        yield Mark("tags changed", f"{at_cells(cells)}, now: {quoted(now)}", cells)
    if found.ids_lost:
        yield Mark("ids lost", "its cells have ids of their own and were matched by their text")
    silent = [
        place
        for place, number in found.pairs.items()
        if "downloads" in base.cells[number - 1].tags
        and base.cells[number - 1].outputs
        and own.cells[place - 1].count is not None
        and not own.cells[place - 1].outputs
    ]
    if silent:
        yield Mark("no downloads", f"{at_cells(sorted(silent))} ran without their data")


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


def _insert(changes: list[Change], deleted: Change) -> None:
    """Put a deletion where it would be read: before what follows it in the base."""
    assert deleted.base is not None
    after = [n for n, change in enumerate(changes) if (change.base or 0) > deleted.base]
    changes.insert(after[0] if after else len(changes), deleted)
