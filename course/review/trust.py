"""Can a stored run be trusted? What the execution counts, outputs and sources say together.

A kernel counts its executions. When a notebook runs from top to bottom in a fresh kernel, its cells
get the counts 1, 2, 3, …; other counts tell how it was run instead.
"""

from __future__ import annotations

import builtins
import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from course.names import defined, imported, used
from course.review.marks import Mark, at_cells
from course.review.stored import Cell, Notebook
from course.review.texts import quoted

LARGE = 1_000_000  # characters of output in one cell
LONGEST_SOURCE = 20_000  # characters of a cell that is searched for names
OF_IPYTHON = {"get_ipython", "display", "In", "Out", "exit", "quit", "_", "__", "___", "_ih", "_oh"}
NUMBERED_OUTPUT = re.compile(r"_i?\d+")  # IPython keeps outputs and inputs by their counts
# Through these a cell may define anything.
DEFINES_ANYTHING = re.compile(r"\b(exec|globals|locals|vars|setattr|get_ipython)\s*\(")
# A cell that takes more of `course` than a notebook needs, or changes what it took, if it says so
# openly. Code that hides what it does is found by reading it.
NEEDED = re.compile(
    r"^from course\.(exercises import exercise|expected import (bands, )?expect)$", re.M
)
REACHES = re.compile(
    r"""^[ \t]*(import|from)\ course\b
    | (["'])course(\.[\w.]+)?\2  # sys.modules["course.expected"], the metadata of an output
    | \b(setattr|delattr|vars|type)\((ex|exercise|expect)\b
    | \b((ex|exercise|expect)\b|bands\(\))[\w.\[\]"']{0,80}(\.__|[.\]]\w*\s*=[^=])""",
    re.MULTILINE | re.VERBOSE,
)


def marks(notebook: Notebook, given: Collection[int] = ()) -> list[Mark]:
    """What there is to say about a stored run; cells `given` are as the curriculum gives them."""
    code = notebook.code()
    ran = [(index, cell) for index, cell in code if cell.count is not None]
    found = list(_about_outputs(code))
    reaching = [index for index, cell in code if _reaches(cell.source)]
    if reaching:
        text = f"{at_cells(reaching)} takes or changes parts of the checks: read it"
        found.append(Mark("checks touched", text, reaching))
    if given:
        text = f"{at_cells(sorted(given))}: counts and outputs are the curriculum's own"
        found.append(Mark("as given out", text, sorted(given)))
    if not ran:
        return found if given else [Mark("never run", "no cell has run"), *found]
    waiting = [index for index, cell in code if cell.count is None and index not in given]
    broken = [index for index, cell in code if cell.count is None and cell.outputs]
    if broken:
        text = f"{at_cells(broken)} has output but no count: it never ended"
        found.append(Mark("unfinished", text, broken))
    if waiting:
        found.append(Mark("not run", f"{at_cells(waiting)} did not run", waiting))
    counts = [cell.count or 0 for _, cell in ran]
    late = _out_of_order(ran)
    if late:
        found.append(Mark("out of order", f"in order except for {at_cells(late)}", late))
        stale = _stale(ran)
        if stale:
            causes = at_cells(sorted(set(stale.values())))
            text = f"{at_cells(list(stale))}: what they use from {causes} was computed later"
            found.append(Mark("stale", text, list(stale)))
    elif counts != list(range(1, len(counts) + 1)):
        extra = counts[-1] - len(counts)
        text = f"in order, with {extra} executions more than there are cells with a count"
        found.append(Mark("by hand", text))
    if counts == list(range(1, len(code) + 1)):
        return [Mark("clean run", "one run from top to bottom"), *found]
    missing = _missing(code)
    if missing:
        names = ", ".join(quoted(name, 30) for name in list(missing)[:6])
        cells = sorted({index for indices in missing.values() for index in indices})
        text = f"{names}: used in {at_cells(cells)}, and no cell defines it"
        found.append(Mark("name missing", text, cells))
    return found


def _reaches(source: str) -> bool:
    return bool(REACHES.search(NEEDED.sub("", source[:LONGEST_SOURCE])))


def _about_outputs(code: list[tuple[int, Cell]]) -> Iterator[Mark]:
    failed = {
        index: output.texts[0].shown
        for index, cell in code
        for output in cell.outputs
        if output.kind == "error" and "raises-exception" not in cell.tags
    }
    if failed:
        (index, message), *more = failed.items()
        others = f"; also {at_cells([index for index, _ in more])}" if more else ""
        yield Mark("error", f"cell {index}: {quoted(message, 120)}{others}", list(failed))
    large = [index for index, cell in code if cell.size > LARGE]
    if large:
        most = max(cell.size for _, cell in code) / 1e6
        yield Mark("large output", f"{at_cells(large)}: up to {most:,.1f} MB of output", large)


def _out_of_order(ran: list[tuple[int, Cell]]) -> list[int]:
    """The fewest cells without which the counts of the others rise."""
    # The longest rising subsequence of the counts; what is not in it is out of order.
    ends: list[int] = []  # the least count at which a rising subsequence of each length ends
    lengths = []
    for _, cell in ran:
        count = cell.count or 0
        length = bisect_left(ends, count)
        ends[length : length + 1] = [count]
        lengths.append(length)
    late, wanted, above = [], len(ends) - 1, float("inf")
    for (index, cell), length in zip(reversed(ran), reversed(lengths), strict=True):
        if length == wanted and (cell.count or 0) < above:
            wanted, above = wanted - 1, cell.count or 0
        else:
            late.append(index)
    return late[::-1]


class Names(NamedTuple):
    """The names that a cell takes from other cells, those it defines, and those it imports."""

    uses: set[str]
    defines: set[str]
    imports: set[str]


@lru_cache(maxsize=1000)  # most cells are the curriculum's
def _names(source: str) -> Names | None:
    """The names of a cell; None if it can't be parsed."""
    if len(source) > LONGEST_SOURCE:
        return None
    try:
        return Names(used(source), defined(source), imported(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _stale(ran: Sequence[tuple[int, Cell]]) -> dict[int, int]:
    """Cells that use a name which a cell above defined later, or in another session.

    Returns:
        For each such cell the latest cell above that it should have waited for, by their indices.
    """
    latest: dict[str, tuple[int, int]] = {}  # for each name: the count and the cell that made it
    found = {}
    for index, cell in ran:
        count = cell.count or 0
        names = _names(cell.source)
        if names is None:
            continue
        newest, cause = max((latest[name] for name in names.uses & latest.keys()), default=(0, 0))
        if newest >= count:
            found[index] = cause
        # What it defines is as new as itself, and as what it should have been computed from.
        latest |= dict.fromkeys(names.defines, max((count, index), (newest, cause)))
    return found


def _missing(code: Sequence[tuple[int, Cell]]) -> dict[str, list[int]]:
    """Names that no cell defines, and the cells that use them: in a fresh kernel those fail.

    Empty if a cell can't be parsed, or may define anything.
    """
    known = {*vars(builtins), *OF_IPYTHON, "__name__", "__file__"}
    uses: list[tuple[str, int]] = []
    for index, cell in code:
        names = _names(cell.source)
        if names is None or DEFINES_ANYTHING.search(cell.source) or "*" in names.imports:
            return {}
        known |= names.defines | names.imports
        if "raises-exception" not in cell.tags:
            uses += [(name, index) for name in sorted(names.uses)]
    found: dict[str, list[int]] = {}
    for name, index in uses:
        if name not in known and not NUMBERED_OUTPUT.fullmatch(name):
            found.setdefault(name, []).append(index)
    return found
