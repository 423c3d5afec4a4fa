"""What the package stored beside outputs: how exercises went, and numbers against their bands."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from course.expected import bands
from course.review.marks import Mark
from course.review.stored import Cell, Notebook
from course.review.texts import Text, quoted

OUTCOMES = ("correct", "not yet", "not attempted")
NOT_CHECKED = "not checked"
# The number of each notebook that answers its question.
HEADLINES = {
    "01": "01.decay.validation_loss",
    "02": "02.largest.mlp",
    "03": "03.searched.validation_loss",
    "04": "04.lstm.validation_loss",
    "05": "05.curve.fine-tuned_30",
}
# A number outside its band is stored nowhere but in the error that it raised.
RAISED = re.compile(r"UnexpectedNumberError: (\d\d\.\S+) is (\S+), and the curriculum expects")


@dataclass(frozen=True)
class Outcome:
    """What became of an exercise."""

    exercise: str
    outcome: str = NOT_CHECKED  # or one of OUTCOMES
    failed: tuple[str, ...] = ()  # the names of the checks that failed
    said: Text | None = None  # what the check said
    cell: int | None = None  # the index of the check's cell; None if no result is stored
    doubt: str = ""  # why the result proves nothing about the answer as it is now
    again: str = ""  # the outcome when the check was run again
    answer: str = ""  # the digests of the answer's cell and of those that it uses

    @property
    def solved(self) -> bool:
        """Correct when run again; where it wasn't, correct and proven."""
        return (self.again or self.outcome) == "correct" and bool(self.again or not self.doubt)

    @property
    def settled(self) -> bool:
        """Proven, or found again by a second run."""
        return not self.doubt or self.again == self.outcome


@dataclass(frozen=True)
class Number:
    """A measured number, with its band and its mean over seeds from `expected.toml`."""

    name: str
    value: float
    verdict: str  # inside, below, above, or unknown without an entry in `expected.toml`
    cell: int  # the index of its cell
    low: float = -math.inf
    high: float = math.inf
    mean: float | None = None
    std: float | None = None

    @property
    def outside(self) -> bool:
        return self.verdict in ("below", "above")

    def in_words(self) -> str:
        if self.verdict == "unknown":
            return "not in expected.toml"
        if not self.outside:
            return "inside its band"
        beyond = self.low - self.value if self.verdict == "below" else self.value - self.high
        return f"{self.verdict} its band by {beyond:.3g}"


def outcomes(notebook: Notebook, exercises: Iterable[str]) -> list[Outcome]:
    """The outcome of each exercise, in the order given; if it was checked twice, the last."""
    last: dict[str, tuple[int, Outcome]] = {}  # by exercise, with the check's execution count
    for index, cell, output in notebook.published():
        stored, count = output.metadata, cell.count or 0
        name, outcome = stored.get("exercise"), stored.get("outcome")
        if name and (name not in last or count >= last[name][0]):
            found = Outcome(
                exercise=name,
                outcome=outcome if outcome in OUTCOMES else NOT_CHECKED,
                failed=tuple(stored.get("failed", ())),
                said=output.texts[0] if output.texts else None,
                cell=index,
                doubt=_doubt(notebook, cell, stored),
                answer="".join((stored.get("answer", ""), *stored.get("needs", ()))),
            )
            last[name] = count, found
    return [last[name][1] if name in last else Outcome(name) for name in exercises]


def _doubt(notebook: Notebook, check: Cell, stored: dict[str, Any]) -> str:
    """Why a result proves nothing about the answer as it is now; empty if it does."""
    outcome, answer = stored.get("outcome"), stored.get("answer", "")
    cells = [cell for _, cell in notebook.code()]
    homes = [cell for cell in cells if answer and cell.digest == answer]
    if outcome not in OUTCOMES:
        return f"its outcome {quoted(outcome)!r} is none that a check gives"
    if check.count is None:
        return "its check has a result but no count, so the result is from elsewhere"
    if not answer:
        found = outcome == "not attempted"
        return "" if found else "its answer was not defined in a cell of the notebook"
    if not homes:
        return "its cell was edited after the check, or is gone"
    if {*stored.get("needs", ())} - {cell.digest for cell in cells}:
        return "a cell that it uses was edited after the check, or is gone"
    return "" if any(cell.count for cell in homes) else "the cell with its answer has not run"


def marks_of_exercises(found: Iterable[Outcome]) -> list[Mark]:
    """Exercises with a mistake, and results that don't belong to the answer as it is now."""
    wrong = [outcome for outcome in found if outcome.outcome == "not yet"]
    doubtful = [outcome for outcome in found if not outcome.settled]
    marks = []
    for kind, outcomes in (("not yet", wrong), ("not proven", doubtful)):
        if outcomes:
            names = ", ".join(outcome.exercise for outcome in outcomes)
            text = names if kind == "not yet" else f"{names}: {doubtful[0].doubt}"
            marks.append(Mark(kind, text, [each.cell for each in outcomes if each.cell]))
    return marks


def versions(notebook: Notebook) -> list[str]:
    """The versions of the package that stored something in the notebook."""
    stored = (output.metadata.get("version") for _, _, output in notebook.published())
    return list(dict.fromkeys(quoted(version, 20) for version in stored if version))


def numbers(notebook: Notebook) -> list[Number]:
    """Each number that was checked, in order; if it was checked twice, the last."""
    found: dict[str, Number] = {}
    for index, cell in notebook.code():
        for output in cell.outputs:
            name, value = output.metadata.get("number"), output.metadata.get("value")
            raised = RAISED.match(output.texts[0].shown) if output.kind == "error" else None
            if raised:
                name, value = raised.groups()
            if name and value is not None:
                found[name] = judged(name, value, index)
    return list(found.values())


def judged(name: str, given: float | str, cell: int = 0) -> Number:
    """A number held against its band in `expected.toml`."""
    try:
        value = float(given)
    except (ValueError, OverflowError):
        value = math.nan
    entry: dict[str, Any] | None = bands().get(name)
    if entry is None:
        return Number(quoted(name, 60), value, "unknown", cell)
    exact = entry.get("value")
    low, high = entry.get("low", exact), entry.get("high", exact)
    low, high = -math.inf if low is None else low, math.inf if high is None else high
    # nan is neither below nor inside
    verdict = "below" if value < low else "inside" if value <= high else "above"
    mean = entry.get("mean", exact)
    return Number(name, value, verdict, cell, low, high, mean, entry.get("std"))


def marks_of_numbers(found: Iterable[Number]) -> list[Mark]:
    outside = [number for number in found if number.outside]
    if not outside:
        return []
    said = [f"{each.name} is {each.value:.6g}, {each.in_words()}" for each in outside[:3]]
    more = f"; {len(outside) - 3} more" if len(outside) > 3 else ""
    return [Mark("outside its band", "; ".join(said) + more, [each.cell for each in outside])]
