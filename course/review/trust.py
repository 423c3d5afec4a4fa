"""Can a stored run be trusted? What the execution counts, outputs and sources say together.

A kernel counts its executions. Run from top to bottom in a fresh kernel, a notebook's cells have
the counts 1, 2, 3, …; whatever else they have tells how it was run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from course.review import dependencies
from course.review.marks import Mark, at_cells, quoted
from course.review.stored import LARGE, Cell, Notebook


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
        text = f"in order but for {at_cells(late)}"
        found.append(Mark("out of order", text, late))
    stale = dependencies.stale(ran) if late else {}
    if stale:
        causes = sorted(set(stale.values()))
        text = f"{at_cells(list(stale))}: what they use from {at_cells(causes)} was made later"
        found.append(Mark("stale", text, list(stale)))
    counts = [cell.count for _, cell in ran]
    if counts != list(range(1, len(counts) + 1)) and not late:
        between = (counts[-1] or 0) - len(counts)
        text = f"in order, with {between} executions more than there are cells with a count"
        found.append(Mark("by hand", text))
    if counts == list(range(1, len(code) + 1)):
        return [Mark("clean run", "one run from top to bottom"), *found]
    return [*found, *_of_names(notebook)]


def _of_outputs(code: list[tuple[int, Cell]]) -> Iterable[Mark]:
    failed = {
        place: output.texts[0].shown
        for place, cell in code
        for output in cell.outputs
        if output.kind == "error" and "raises-exception" not in cell.tags
    }
    if failed:
        (place, said), *more = failed.items()
        others = f"; also {at_cells([place for place, _ in more])}" if more else ""
        yield Mark("error", f"cell {place}: {quoted(said, 120)}{others}", list(failed))
    large = [place for place, cell in code if cell.size > LARGE]
    if large:
        most = max(cell.size for _, cell in code) / 1e6
        yield Mark("large output", f"{at_cells(large)} holds up to {most:,.1f} MB of output", large)


def _of_names(notebook: Notebook) -> Iterable[Mark]:
    missing = dependencies.missing(notebook)
    if missing:
        places = sorted({place for each in missing.values() for place in each})
        names = ", ".join(quoted(name, 30) for name in list(missing)[:6])
        text = f"{names}: used in {at_cells(places)}, and no cell defines it"
        yield Mark("name missing", text, places)


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
