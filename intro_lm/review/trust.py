"""Can a stored run be trusted? What the execution counts, outputs and sources say together.

A kernel counts its executions. Run from top to bottom in a fresh kernel, a notebook's cells have
the counts 1, 2, 3, …; whatever else they have tells how it was run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache

from intro_lm.review.marks import Mark, at_cells
from intro_lm.review.names import defined, used
from intro_lm.review.stored import LARGE, Cell, Notebook

LONGEST_SOURCE = 50_000  # characters that are looked through for names
UNPARSED = (SyntaxError, ValueError, RecursionError, MemoryError)


def marks(notebook: Notebook) -> list[Mark]:
    """What there is to say of a stored run; of one clean run only that."""
    code = notebook.code()
    ran = [(place, cell) for place, cell in code if cell.count is not None]
    found = [*_of_outputs(code)]
    if not ran:
        return [Mark("never run", "no cell has run"), *found]
    waiting = [place for place, cell in code if cell.count is None]
    broken = [place for place, cell in code if cell.count is None and cell.outputs]
    if broken:
        found.append(
            Mark(
                "unfinished", f"{at_cells(broken)} has output and no count: it never ended", broken
            )
        )
    if waiting:
        found.append(Mark("not run", f"{at_cells(waiting)} did not run", waiting))
    late = _out_of_order(ran)
    if late:
        text = f"{at_cells(late)} did not run where it stands among the others"
        found.append(Mark("out of order", text, late))
    stale = _stale(ran) if late else []
    if stale:
        text = f"{at_cells(stale)} ran before a cell above that it depends on ran again"
        found.append(Mark("stale", text, stale))
    counts = [cell.count for _, cell in ran]
    if counts != list(range(1, len(counts) + 1)) and not late:
        between = (counts[-1] or 0) - len(counts)
        text = f"in order, and the kernel's count is {between} ahead of the cells"
        found.append(Mark("by hand", text))
    if counts == list(range(1, len(code) + 1)):
        found.insert(0, Mark("clean run", "one run from top to bottom"))
    return found


def _of_outputs(code: list[tuple[int, Cell]]) -> Iterable[Mark]:
    failed = [
        place
        for place, cell in code
        if any(output.kind == "error" for output in cell.outputs)
        and "raises-exception" not in cell.tags
    ]
    if failed:
        yield Mark("error", f"{at_cells(failed)} ended in an error", failed)
    large = [place for place, cell in code if cell.size > LARGE]
    if large:
        most = max(cell.size for _, cell in code) / 1e6
        yield Mark("large output", f"{at_cells(large)} holds up to {most:,.1f} MB of output", large)


def _out_of_order(ran: list[tuple[int, Cell]]) -> list[int]:
    """The fewest cells without which the counts of the others rise."""
    ends: list[int] = []  # the least count at which a rising row of each length ends
    lengths = []
    for _, cell in ran:
        count = cell.count or 0
        length = bisect_left(ends, count)
        ends[length : length + 1] = [count]
        lengths.append(length)
    late, wanted, above = [], len(ends) - 1, float("inf")
    for (place, cell), length in zip(reversed(ran), reversed(lengths), strict=True):
        if length == wanted and (cell.count or 0) < above:
            wanted, above = wanted - 1, cell.count or 0
        else:
            late.append(place)
    return late[::-1]


def _stale(ran: list[tuple[int, Cell]]) -> list[int]:
    """Cells that use a name which a cell above defined after they ran, or in another session."""
    latest: dict[str, int] = {}  # the count at which each name got its value, as it stands above
    stale = []
    for place, cell in ran:
        count = cell.count or 0
        takes, gives = _names(cell.source)
        newest = max((latest[name] for name in takes if name in latest), default=0)
        if newest >= count:
            stale.append(place)
        # What it defines is as new as itself, and as what it should have been made from.
        latest |= dict.fromkeys(gives, max(count, newest))
    return stale


@lru_cache(maxsize=1000)  # most cells are the curriculum's
def _names(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell takes from others, and that it defines; none if it can't be parsed."""
    if len(source) > LONGEST_SOURCE:
        return set(), set()
    try:
        return used(source), defined(source)
    except UNPARSED:
        return set(), set()
