"""What changed between two texts, line by line, as nbdime finds it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import nbdime

from course.review.texts import MOST_SHOWN, visible

CONTEXT = 2  # unchanged lines that are shown around changed ones
MOST_LINES = 200  # of one difference
Line = tuple[str, str]  # " ", "-", "+" or "⋯", and a line


def difference(before: str, now: str) -> tuple[Line, ...]:
    """The lines that changed, with some around them."""
    before, now = ended(before), ended(now)
    if before == now:
        return ()
    if max(len(before), len(now)) > 4 * MOST_SHOWN:
        return (("⋯", f"too long to compare: {len(before):,} and {len(now):,} characters"),)
    lines = _removed_first(_lines(before.splitlines(True), nbdime.diff(before, now)))
    return _clipped(_with_context(list(lines)))


def whole(sign: str, text: str) -> tuple[Line, ...]:
    """All lines of a text, as added or as taken away."""
    left_out = len(text) - 4 * MOST_SHOWN
    lines = [(sign, line) for line in text[: 4 * MOST_SHOWN].splitlines()]
    return _clipped([*lines, ("⋯", f"{left_out:,} characters more")] if left_out > 0 else lines)


def ended(text: str) -> str:
    """A text whose last line ends as the others do, so that lines are compared and not ends."""
    return text.rstrip("\n") + "\n" if text.strip("\n") else ""


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


def _removed_first(lines: Iterable[Line]) -> Iterator[Line]:
    """The same, and of lines that changed together first those taken away."""
    for changed, group in groupby(lines, key=lambda line: line[0] != " "):
        together = list(group)
        yield from sorted(together, key=lambda line: line[0] != "-") if changed else together


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
