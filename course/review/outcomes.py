"""How the exercises went, from what their checks stored, and whether that can be believed."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course.review.marks import Mark, quoted
from course.review.stored import Cell, Notebook, records
from course.review.texts import Text, sha256

OUTCOMES = ("correct", "not yet", "not attempted")
NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Outcome:
    """What became of an exercise.

    Args:
        exercise: its name.
        outcome: correct, not yet, not attempted, or not checked where no result is stored.
        failed: the checks that failed, by their names.
        said: what the check said.
        cell: the place of the check's cell; None if no result is stored.
        doubt: why the result proves nothing about the cell as it stands; empty if it does.
        again: what came out when the check was run again; empty if it was not.
        answer: the digest of the answer's cell; empty where none is stored.
    """

    exercise: str
    outcome: str
    failed: tuple[str, ...] = ()
    said: Text | None = None
    cell: int | None = None
    doubt: str = ""
    again: str = ""
    answer: str = ""

    @property
    def solved(self) -> bool:
        """Correct in the second run; where there was none, correct and proven."""
        if self.again:
            return self.again == "correct"
        return self.outcome == "correct" and not self.doubt

    @property
    def settled(self) -> bool:
        """Proven, or found again by a second run."""
        return not self.doubt or self.again == self.outcome


def outcomes(
    notebook: Notebook, asked: Iterable[str], stubs: Collection[str] = ()
) -> list[Outcome]:
    """The outcome of each exercise asked for, in that order: of several checks the last run.

    Args:
        notebook: as submitted.
        asked: the exercises' names.
        stubs: digests of the curriculum's own cells, in which no answer is correct.
    """
    latest: dict[str, tuple[int, int, Cell, dict[str, Any], Text | None]] = {}
    for place, cell in notebook.code():
        for output in cell.outputs:
            name = output.record.get("exercise")
            if not isinstance(name, str):
                continue
            count = cell.count or 0
            if name not in latest or count >= latest[name][0]:
                said = output.texts[0] if output.texts else None
                latest[name] = (count, place, cell, output.record, said)
    found = []
    for name in asked:
        if name not in latest:
            found.append(Outcome(name, NOT_CHECKED))
            continue
        _, place, cell, record, said = latest[name]
        outcome = record.get("outcome")
        failed = record.get("failed")
        found.append(
            Outcome(
                name,
                outcome if outcome in OUTCOMES else NOT_CHECKED,
                tuple(quoted(each) for each in failed) if isinstance(failed, list) else (),
                said,
                place,
                _doubt(cell, record, notebook, stubs) or _mismatch(name, record, said),
                answer=str(record.get("answer") or ""),
            )
        )
    return found


def contradictions(found: Iterable[tuple[str, Outcome]]) -> dict[tuple[str, str], str]:
    """Answers, by exercise and digest, that are correct for one intern and not yet for another.

    Args:
        found: outcomes with the names of those who handed them in.

    Returns:
        For each such answer somebody for whom it is not yet right.
    """
    correct = set()
    wrong: dict[tuple[str, str], str] = {}
    for intern, outcome in found:
        key = outcome.exercise, outcome.answer
        if not outcome.answer or outcome.doubt:
            continue
        if outcome.outcome == "correct":
            correct.add(key)
        if outcome.outcome == "not yet":
            wrong.setdefault(key, intern)
    return {key: intern for key, intern in wrong.items() if key in correct}


def not_yet(found: Iterable[Outcome]) -> list[Mark]:
    """A mark for the exercises with a mistake in them."""
    wrong = [outcome for outcome in found if outcome.outcome == "not yet"]
    if not wrong:
        return []
    places = [outcome.cell for outcome in wrong if outcome.cell]
    return [Mark("not yet", ", ".join(outcome.exercise for outcome in wrong), places)]


def unproven(found: Iterable[Outcome]) -> list[Mark]:
    """A mark for the results that say nothing about their cells as they stand."""
    doubtful = [outcome for outcome in found if not outcome.settled]
    if not doubtful:
        return []
    names = ", ".join(outcome.exercise for outcome in doubtful)
    places = [outcome.cell for outcome in doubtful if outcome.cell]
    return [Mark("not proven", f"{names}: {doubtful[0].doubt}", places)]


def of_version(notebook: Notebook, version: str) -> list[Mark]:
    """A mark for results that another version of the package than this one stored."""
    others = sorted({each for each in versions(notebook) if each != version})
    if not others:
        return []
    return [Mark("other version", f"stored by intro_lm {', '.join(others)}; here is {version}")]


def versions(notebook: Notebook) -> list[str]:
    """The package's versions that stored something in the notebook."""
    stored = (record.get("version") for _, _, record in records(notebook))
    return list(dict.fromkeys(quoted(v, 20) for v in stored if isinstance(v, str)))


def _doubt(
    cell: Cell,
    record: dict[str, Any],
    notebook: Notebook,
    stubs: Collection[str],
) -> str:
    if record.get("outcome") not in OUTCOMES:
        return f"its outcome {quoted(record.get('outcome'))!r} is none that a check gives"
    if cell.count is None:
        return "its check has a result and no count, so the result is from elsewhere"
    answer = record.get("answer")
    if answer is None:
        if record["outcome"] == "not attempted":
            return ""
        return "its answer was not defined in a cell of the notebook"
    cells = [each for _, each in notebook.code()]
    homes = [each for each in cells if each.digest == answer]
    homes = homes or [each for each in cells if _as_executed(each.source) == answer]
    if not homes:
        return "its cell was edited after it was checked, or is gone"
    if all((home.count or 0) == 0 for home in homes):
        return "the cell that holds its answer has not run"
    if record["outcome"] == "correct" and answer in stubs:
        return "its cell is the stub that the curriculum gives"
    return ""


def _mismatch(name: str, record: dict[str, Any], said: Text | None) -> str:
    """Why a result's text is none that a check writes beside that outcome; empty if it is."""
    outcome = record["outcome"]
    text = said.shown if said else ""
    if text.startswith(f"{name}: {outcome}.") and (outcome != "correct" or "Tested:" in text):
        return ""
    return "the text beside it is not what a check writes for that outcome"


def _as_executed(source: str) -> str:
    """The digest of what IPython makes of a cell first: magics as Python, the whole dedented."""
    try:
        return sha256(TransformerManager().transform_cell(source).strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
