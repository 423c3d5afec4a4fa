"""The numbers that a notebook checked, held against `expected.toml`."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from course.expected import bands
from course.review.marks import Mark, quoted
from course.review.stored import Notebook

# Whether less or more is better, by the last word of a number's name; of the others neither is.
LESS = re.compile(r"(loss|perplexity|bits_per_character|mlp|lstm|rnn|given|kneser_ney_\d|mixture)$")
MORE = re.compile(r"(accuracy|gain|fine-tuned_\w+|scratch_\w+|baseline_\w+|fine-tuned|counted)$")
NEITHER = re.compile(r"(calibration\.|ahead_of|training_loss|naive_start|start\.loss)")
# The number of each notebook that its own question asks for.
HEADLINES = {
    "01": "01.decay.validation_loss",
    "02": "02.largest.mlp",
    "03": "03.searched.validation_loss",
    "04": "04.lstm.validation_loss",
    "05": "05.curve.fine-tuned_30",
}
LINE = re.compile(r"^(\d\d\.\S+): (.+), as expected$", re.MULTILINE)
RAISED = re.compile(r"UnexpectedNumberError: (\d\d\.\S+) is (\S+), and the curriculum expects")


@dataclass(frozen=True)
class Number:
    """A number of a submission.

    Args:
        name: its entry in `expected.toml`.
        value: what was measured; None where only the line that it is as expected is stored.
        verdict: inside, better, worse, above, below, or unknown for a name that is not promised.
        beyond: how far outside its band, in its own unit; 0 inside.
        mean, std: over the curriculum's seeds, or the one value where it is exact.
        band: from where to where it is expected.
        cell: the place of its cell.
    """

    name: str
    value: float | None
    verdict: str
    beyond: float
    mean: float | None
    cell: int
    std: float | None = None
    band: tuple[float, float] | None = None

    @property
    def outside(self) -> bool:
        return self.verdict not in ("inside", "unknown")

    def by_how_much(self) -> str:
        """A few words for a table."""
        if self.value is None:
            return "inside its band; an earlier version stored no value"
        if self.verdict == "unknown":
            return "not promised by expected.toml"
        if self.outside:
            return f"{self.verdict} than its band by {self.beyond:.3g}"
        return "inside its band"


def numbers(notebook: Notebook) -> list[Number]:
    """Each number that was checked, in order; of one checked again the last."""
    found: dict[str, Number] = {}
    for place, cell in notebook.code():
        for output in cell.outputs:
            name, value = output.record.get("number"), output.record.get("value")
            if isinstance(name, str) and type(value) in (int, float):
                found[name] = _judged(name, _number(value), place)
                continue
            text = output.texts[0].shown if output.texts else ""
            if output.kind == "error" and (raised := RAISED.match(text)):
                found[raised[1]] = _judged(raised[1], _number(raised[2]), place)
            if output.kind == "stdout":
                for name in (match[1] for match in LINE.finditer(text)):
                    found.setdefault(name, _judged(name, None, place))
    return list(found.values())


def is_inside(name: str, value: float) -> bool:
    """Whether a number is where `expected.toml` has it, if it has it at all."""
    return _judged(name, value, 0).verdict == "inside"


def marks(found: Iterable[Number]) -> list[Mark]:
    outside = [number for number in found if number.outside]
    if not outside:
        return []
    worst = max(outside, key=lambda number: number.beyond)
    others = f", and {len(outside) - 1} more" if len(outside) > 1 else ""
    text = f"{worst.name} is {worst.value:.5g}, {worst.by_how_much()}{others}"
    return [Mark("outside its band", text, sorted({number.cell for number in outside}))]


def less_is_better(lesson: str) -> bool:
    """Whether a smaller headline is the better one."""
    return bool(LESS.search(HEADLINES.get(lesson, "")))


def headline(lesson: str, found: Iterable[Number]) -> Number | None:
    """The number that answers the notebook's question, if the submission holds it."""
    return next((number for number in found if number.name == HEADLINES.get(lesson)), None)


def _judged(name: str, value: float | None, place: int) -> Number:
    shown = quoted(name, 60)
    entry: dict[str, Any] | None = bands().get(name)
    if entry is None:
        return Number(shown, value, "unknown", 0.0, None, place)
    low = entry.get("low", entry.get("value", -math.inf))
    high = entry.get("high", entry.get("value", math.inf))
    known = Number(
        name=shown,
        value=value,
        verdict="inside",
        beyond=0.0,
        mean=entry.get("mean", entry.get("value")),
        cell=place,
        std=entry.get("std"),
        band=(low, high),
    )
    if value is None or low <= value <= high:
        return known
    if math.isnan(value):
        return replace(known, verdict="worse", beyond=math.inf)
    beyond = low - value if value < low else value - high
    return replace(known, verdict=_verdict(name, below=value < low), beyond=beyond)


def _verdict(name: str, below: bool) -> str:
    if not NEITHER.search(name):
        if LESS.search(name):
            return "better" if below else "worse"
        if MORE.search(name):
            return "worse" if below else "better"
    return "below" if below else "above"


def _number(value: Any) -> float:
    try:
        return float(value)
    except (ValueError, OverflowError):
        return math.nan
