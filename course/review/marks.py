"""The marks that a review gives, and what each means."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Meaning(NamedTuple):
    """How urgent a mark is (good, note, look) and what it says; docs/mentors.md says more."""

    level: str
    says: str


MEANINGS = {
    "clean run": Meaning("good", "the stored outputs are one run from top to bottom"),
    "by hand": Meaning("note", "cells ran in order, but some ran twice or were deleted since"),
    "as given out": Meaning("note", "counts and outputs are the curriculum's: nobody has run it"),
    "not run since": Meaning("look", "a cell was edited, and nothing has run since"),
    "never run": Meaning("look", "no cell has run, so its outputs mean nothing"),
    "not run": Meaning("look", "some cells have not run"),
    "unfinished": Meaning("look", "a cell began and did not end: the kernel died or was stopped"),
    "out of order": Meaning("look", "the cells did not run from top to bottom"),
    "stale": Meaning("look", "an output depends on a value that was computed again later"),
    "name missing": Meaning("look", "a cell uses a name that no cell defines"),
    "error": Meaning("look", "a cell ended in an error that it isn't meant to raise"),
    "checks touched": Meaning("look", "code that takes or changes parts of the checks themselves"),
    "large output": Meaning("note", "a cell stores more than a megabyte of output"),
    "other version": Meaning("note", "another version of the package stored its results"),
    "older notebook": Meaning("note", "it was made from an earlier version of the notebook"),
    "unknown notebook": Meaning("note", "no notebook of the curriculum is like it"),
    "ids lost": Meaning("note", "its cells have new ids, so they were matched by their text"),
    "cells moved": Meaning("note", "cells are in another place than in the curriculum"),
    "cells deleted": Meaning("look", "cells of the curriculum are missing"),
    "tags changed": Meaning("look", "a cell's tags, which tell the tests what to compare, differ"),
    "second copy": Meaning("note", "the submission holds the same notebook twice"),
    "own cells": Meaning("note", "the intern added cells"),
    "not yet": Meaning("note", "a check failed: there is a mistake to talk about"),
    "not proven": Meaning("look", "a stored result does not belong to the answer as it is now"),
    "two outcomes": Meaning("look", "the same answer is correct here and was not yet elsewhere"),
    "outside its band": Meaning("look", "a number is not where the curriculum expects it"),
    "reproduced": Meaning("good", "run again, everything comparable came out as stored"),
    "not reproduced": Meaning("look", "run again, something came out differently"),
    "rerun failed": Meaning("look", "run again, it did not reach its end"),
    "unreadable": Meaning("look", "it can't be read as a notebook"),
}


@dataclass(frozen=True)
class Mark:
    """One finding: its kind, a key of `MEANINGS`; what was found; and in which cells."""

    kind: str
    text: str
    cells: Sequence[int] = ()

    @property
    def level(self) -> str:
        return MEANINGS[self.kind].level


def most_urgent_first(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    return tuple(sorted(marks, key=lambda mark: ("look", "note", "good").index(mark.level)))


def at_cells(indices: Sequence[int]) -> str:
    """Cells in words: cell 4; cells 4, 7 to 9; 32 cells from 82 to 141."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    if len(runs) > 6:
        return f"{len(indices)} cells from {indices[0]} to {indices[-1]}"
    parts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"{'cells' if len(indices) > 1 else 'cell'} {', '.join(parts)}"
