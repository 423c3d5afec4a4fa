"""The marks that a review gives, and what each means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from course.review.texts import visible


class Meaning(NamedTuple):
    """How much a mark matters (good, note, look), and what it says; docs/mentors.md says more."""

    level: str
    says: str


MEANINGS = {
    "clean run": Meaning("good", "the stored outputs are one run from top to bottom"),
    "by hand": Meaning("note", "cells ran in order, some more than once or beside cells now gone"),
    "as given out": Meaning("note", "counts and outputs are the curriculum's: nobody has run it"),
    "not run since": Meaning(
        "look", "a cell was edited, and nothing has run since it was given out"
    ),
    "never run": Meaning("look", "no cell has run; what outputs there are mean nothing"),
    "not run": Meaning("look", "some cells have not run"),
    "unfinished": Meaning("look", "a cell began and did not end: the kernel died or was stopped"),
    "out of order": Meaning("look", "cells ran in another order than they stand in"),
    "stale": Meaning("look", "a cell's output rests on a value that was made again since"),
    "name missing": Meaning("look", "a cell uses a name that no cell above defines any more"),
    "error": Meaning("look", "a cell ended in an error that is not meant to"),
    "large output": Meaning("note", "a cell stores more than a megabyte of output"),
    "no downloads": Meaning("note", "sections on a download ran without the data, and say nothing"),
    "other version": Meaning("note", "its results were stored by another version of the package"),
    "older notebook": Meaning("note", "it was made from an earlier version of the notebook"),
    "unknown notebook": Meaning("note", "no notebook of the curriculum is like it"),
    "ids lost": Meaning("note", "its cells have other ids; they were matched by what they say"),
    "cells moved": Meaning("note", "cells stand elsewhere than in the curriculum"),
    "cells deleted": Meaning("look", "cells of the curriculum are missing"),
    "tags changed": Meaning("look", "a cell's tags, which tell the tests what to compare, differ"),
    "second copy": Meaning("note", "another notebook of the submission is the same one; see there"),
    "own cells": Meaning("note", "cells that are not the curriculum's: the intern's own work"),
    "not yet": Meaning("note", "a check failed: there is a mistake to talk about"),
    "not proven": Meaning("look", "a result does not belong to the exercise's cell as it stands"),
    "two outcomes": Meaning("look", "the same answer is correct here and was not yet elsewhere"),
    "outside its band": Meaning("look", "a number is not where the curriculum expects it"),
    "reproduced": Meaning("good", "run again, what can be compared came out as stored"),
    "not reproduced": Meaning("look", "run again, something came out otherwise"),
    "rerun failed": Meaning("look", "run again, it did not come to its end"),
    "unreadable": Meaning("look", "it can't be read as a notebook"),
}


@dataclass(frozen=True)
class Mark:
    """One finding: its kind (of `MEANINGS`), what was found, and the places of the cells."""

    kind: str
    text: str
    cells: Sequence[int] = ()

    @property
    def level(self) -> str:
        return MEANINGS[self.kind].level


def at_cells(places: Sequence[int], most: int = 6) -> str:
    """Cells by their places: cell 4; cells 4, 7 to 9; 32 cells from 82 to 141."""
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    if len(runs) > most:
        return f"{len(places)} cells from {places[0]} to {places[-1]}"
    parts = [f"{run[0]} to {run[-1]}" if len(run) > 2 else ", ".join(map(str, run)) for run in runs]
    return f"{'cells' if len(places) > 1 else 'cell'} {', '.join(parts)}"


def quoted(value: object, most: int = 80) -> str:
    """Something out of a submission, as it may stand in a sentence."""
    text = " ".join(visible(str(value)).split())
    return text if len(text) <= most else f"{text[:most]}…"
