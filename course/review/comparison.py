"""What somebody changed in a notebook: cells added, edited, moved and deleted.

Two cells are the same if they have the same id; if none has, if their sources are equal; else if
nbdime finds the sources alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from difflib import SequenceMatcher, unified_diff
from itertools import islice

from nbdime.diffing.generic import compare_strings_approximate
from nbdime.diffing.snakes import compute_snakes

from course.review.marks import Mark, at_cells
from course.review.stored import Cell, Notebook
from course.review.texts import quoted, visible

MOST_PAIRS = 4_000  # pairs of cells that are tried for being alike
LOOKED_AT = 800  # characters of a source that decide whether two cells are alike
FEW_IDS = 0.1  # of a notebook's cells: with fewer known ids they are called lost
LONGEST_SOURCE = 24_000  # characters that are compared line by line
MOST_LINES = 200  # of one difference
LONGEST_LINE = 2_000  # characters
Line = tuple[str, str]  # " ", "-", "+" or "⋯" (something is left out), and a line


@dataclass(frozen=True)
class Change:
    """A cell that differs from the curriculum."""

    how: str  # added, edited, moved, deleted, or tagged where only its tags differ
    index: int | None  # in the submission, counted from 1; None if it was deleted
    base: int | None  # its index in the curriculum; None if it was added
    cell: Cell  # as submitted, or as it was before it was deleted
    lines: tuple[Line, ...] = ()  # the difference between the sources; empty if they are equal
    tags: tuple[str, str] | None = None  # before and now, where they differ


@dataclass(frozen=True)
class Comparison:
    """The changes in reading order, and for each index in the submission that in the base."""

    changes: tuple[Change, ...] = ()
    pairs: dict[int, int] = field(default_factory=dict)
    ids_lost: bool = False

    def cells(self, how: str) -> list[int]:
        """The indices of the cells that were changed in one way, in the base if deleted."""
        return [change.index or change.base or 0 for change in self.changes if change.how == how]


def compare(base: Notebook, own: Notebook) -> Comparison:
    """Compare a submission with the notebook that it was made from."""
    pairs, moved = _matched(base, own)
    changes: list[Change] = []
    for index, cell in enumerate(own.cells, 1):
        if index not in pairs:
            if cell.source.strip():
                changes.append(Change("added", index, None, cell, difference("", cell.source)))
            continue
        before = base.cells[pairs[index] - 1]
        same = before.content == cell.content
        lines = () if same else difference(before.source, cell.source)
        texts = ", ".join(before.tags), ", ".join(cell.tags)
        tags = texts if texts[0] != texts[1] else None
        if lines or tags or index in moved:
            how = "moved" if index in moved else "edited" if lines else "tagged"
            changes.append(Change(how, index, pairs[index], cell, lines, tags))
    for number in sorted(set(range(1, len(base.cells) + 1)) - set(pairs.values())):
        cell = base.cells[number - 1]
        # A deletion is read before whatever follows it in the base.
        later = [n for n, change in enumerate(changes) if (change.base or 0) > number]
        deleted = Change("deleted", None, number, cell, difference(cell.source, ""))
        changes.insert(later[0] if later else len(changes), deleted)
    ids = {cell.id for cell in base.cells}
    lost = sum(cell.id in ids for cell in own.cells) < FEW_IDS * len(own.cells)
    return Comparison(tuple(changes), pairs, lost and bool(pairs))


def given_out(found: Comparison, base: Notebook, own: Notebook) -> set[int]:
    """The indices of cells whose counts and outputs are the base's own, because nothing ran them.

    Most cells look the same after a run too. But an output of `expect` or `check` names the session
    of its kernel, and no two cells of a session have one count. A cell that doesn't tell ran if the
    next that does ran, in the order of counts, or later than itself in that of the notebook.
    """
    counts = {index: cell.count for index, cell in own.code() if cell.count is not None}
    told: dict[int, bool] = {}  # whether a cell ran
    for index in counts:
        cell, number = own.cells[index - 1], found.pairs.get(index)
        before = base.cells[number - 1] if number else None
        if not (
            before and (before.count, before.outputs_digest) == (cell.count, cell.outputs_digest)
        ):
            told[index] = True
    taken = {counts[index] for index in told}
    told |= {
        index: False
        for index in counts.keys() - told.keys()
        if own.cells[index - 1].in_session or counts[index] in taken
    }
    ran = {index for index in told if told[index]}
    for by_count in (True, False):
        order = sorted(counts, key=counts.__getitem__) if by_count else list(counts)
        latest = next((index for index in reversed(order) if index in told), 0)
        for index in reversed(order):
            if index in told:
                latest = index
            elif latest in ran and (by_count or counts[index] < counts[latest]):
                ran.add(index)
    return counts.keys() - ran


def marks(found: Comparison) -> Iterator[Mark]:
    """What there is to say about a comparison."""
    deleted, moved, added = map(found.cells, ("deleted", "moved", "added"))
    if deleted:
        yield Mark("cells deleted", f"{at_cells(deleted)} of the curriculum")
    if moved:
        yield Mark("cells moved", f"{at_cells(moved)}, elsewhere in the curriculum", moved)
    if added:
        yield Mark("own cells", at_cells(added), added)
    tags = {change.index or 0: change.tags[1] for change in found.changes if change.tags}
    if tags:
        now = ", ".join(dict.fromkeys(each or "no tag" for each in tags.values()))
        yield Mark("tags changed", f"{at_cells(list(tags))}, now: {quoted(now)}", list(tags))
    if found.ids_lost:
        yield Mark("ids lost", "its cells have new ids and were matched by their text")


def _matched(base: Notebook, own: Notebook) -> tuple[dict[int, int], set[int]]:
    """Pairs of indices, in the submission and in the base, and those of them that were moved."""
    ids = _ids_in_base(base, own)
    free = {cell.id for cell in base.cells} - set(ids)  # deleted, or edited and without their ids

    def alike(before: Cell, now: tuple[str, Cell]) -> bool:
        id, cell = now
        if id or before.id not in free or before.kind != cell.kind:
            return False
        return compare_strings_approximate(before.source[:LOOKED_AT], cell.source[:LOOKED_AT])

    pairs: dict[int, int] = {}
    aligned = SequenceMatcher(None, [cell.id for cell in base.cells], ids, autojunk=False)
    for tag, start, end, own_start, own_end in aligned.get_opcodes():
        one = base.cells[start] if end - start == own_end - own_start == 1 else None
        if tag == "equal":
            runs = [(0, 0, end - start)]
        elif (
            one and one.id in free and (ids[own_start], one.kind) == ("", own.cells[own_start].kind)
        ):
            runs = [(0, 0, 1)]  # a cell without its id between two known ones
        elif (end - start) * (own_end - own_start) <= MOST_PAIRS:
            known = list(zip(ids, own.cells, strict=True))[own_start:own_end]
            runs = compute_snakes(base.cells[start:end], known, alike)
        else:
            runs = []
        for before, now, length in runs:
            pairs |= {own_start + now + n: start + before + n for n in range(1, length + 1)}
    numbers = {cell.id: number for number, cell in enumerate(base.cells, 1)}
    # Of cells that changed their order not all can be aligned: those left over were moved.
    moved = {index for index, id in enumerate(ids, 1) if id and index not in pairs}
    return pairs | {index: numbers[ids[index - 1]] for index in moved}, moved


def _ids_in_base(base: Notebook, own: Notebook) -> list[str]:
    """For each cell of the submission the id of the same cell in the base, empty if unknown."""
    kinds = {cell.id: cell.kind for cell in base.cells}
    ids = [cell.id if kinds.get(cell.id) == cell.kind else "" for cell in own.cells]
    waiting = defaultdict(list)
    for cell in reversed(base.cells):
        if cell.id not in ids:
            waiting[cell.content].append(cell.id)
    for index, cell in enumerate(own.cells):
        equal = waiting[cell.content]
        if not ids[index] and equal:
            ids[index] = equal.pop()
    return ids


def difference(before: str, now: str) -> tuple[Line, ...]:
    """The lines that changed, with two unchanged ones around them; empty if none did."""
    before, now = before.rstrip("\n"), now.rstrip("\n")
    if before == now:
        return ()
    old, new = (text[:LONGEST_SOURCE].split("\n") if text else [] for text in (before, now))
    lines = [
        ("⋯", "") if line.startswith("@@") else (line[0], visible(line[1 : LONGEST_LINE + 1]))
        for line in islice(unified_diff(old, new, n=2, lineterm=""), 3, None)  # after the headers
    ]
    left_out = max(len(before), len(now)) - LONGEST_SOURCE
    if left_out > 0:
        lines.append(("⋯", f"{left_out:,} characters more, not compared"))
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [("⋯", f"{len(lines) - MOST_LINES:,} lines more")]
    return tuple(lines)
