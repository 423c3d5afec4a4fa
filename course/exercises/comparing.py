"""What checks are written with: call an answer, compare what it gives, name the mistake.

A check calls the learner's function through `call`, or `compare`, which also runs the solution on
the same arguments. Whatever is wrong ends in one `NotYet`, with the smallest failing case.
Nothing here trusts what an answer returns: only exact, known types are looked into.
"""

from __future__ import annotations

import builtins
import inspect
import linecache
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from course.exercises.values import copied, difference, is_changed, show

Answer = Callable[..., Any]
BUILTINS = dict(vars(builtins))  # as they were before any answer could redefine one


class NotYet(Exception):
    """An answer does not pass: why, and the case that shows it (a label and a text a line)."""

    def __init__(self, message: str, case: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.case = case or {}


@dataclass(frozen=True)
class Mistake:
    """A wrong implementation that learners write, and what to tell who wrote it."""

    implementation: Answer
    message: str


@dataclass(frozen=True)
class Outcome:
    """What a call gave: a value, or what it raised."""

    value: Any = None
    raised: str = ""
    line: str = ""


def restore_builtins() -> None:
    """Undo what an answer may have done to `builtins`."""
    vars(builtins).update(BUILTINS)


def call(answer: Answer, *arguments: Any, may_change: bool = False, **keywords: Any) -> Any:
    """What the answer returns for copies of the arguments.

    Args:
        answer: the learner's function.
        arguments: what it is called with; it gets copies.
        may_change: whether it may change them. If so it gets the arguments themselves, so that
            the check can look at what it did to them.
        keywords: the same, by name.

    Raises:
        NotYet: it raised, returned None, or changed an argument.
    """
    inputs = describe(answer, arguments, keywords)
    given = (arguments, keywords) if may_change else (copied(arguments), copied(keywords))
    outcome = attempt(answer, *given[0], **given[1])
    if outcome.raised:
        raise NotYet(_raised(answer, outcome), {"inputs": inputs})
    if not may_change:
        _demand_unchanged(answer, given, (arguments, keywords), inputs)
        if outcome.value is None:
            raise NotYet(_returned_none(answer), {"inputs": inputs})
    return outcome.value


def compare(
    answer: Answer,
    solution: Answer,
    arguments: Iterable[Any],
    mistakes: Iterable[Mistake] = (),
    *,
    tolerance: float = 1e-4,
) -> None:
    """Demand that the answer gives for these arguments what the solution gives.

    Where it gives instead what a known mistake gives, or raises the same error, the message of
    that mistake comes first. A mistake that gives the right result here is passed over.

    Raises:
        NotYet: it gives something else.
    """
    arguments = tuple(arguments)
    expected = solution(*copied(arguments))
    inputs = describe(solution, arguments)
    given = copied(arguments)
    outcome = attempt(answer, *given)
    problem = _raised(answer, outcome) if outcome.raised else ""
    case = {"inputs": inputs}
    if not problem:
        if outcome.value is None and expected is not None:
            raise NotYet(_returned_none(answer), case)
        problem, places = difference(outcome.value, expected, tolerance)
        case |= {"expected": show(expected), "got": show(outcome.value)} | places
    if problem:
        for mistake in mistakes:
            wrong = attempt(mistake.implementation, *copied(arguments))
            if _alike(outcome, wrong, tolerance):
                raise NotYet(f"{mistake.message} ({problem})", case)
        raise NotYet(problem, case)
    _demand_unchanged(answer, (given, {}), (arguments, {}), inputs)


def same(
    got: Any, expected: Any, *, inputs: str = "", name: str = "it", tolerance: float = 1e-4
) -> None:
    """Demand that two values are equal: type, shape, kind of number, then values.

    A float may stand for a tensor without dimensions and the other way round, a list for a tuple.

    Args:
        got: what the answer gave.
        expected: what it should be: a tensor, number, text, tuple, list or dict.
        inputs: what it was called with, to be shown.
        name: what the message calls the value.
        tolerance: how far numbers may lie apart, relative to their size and at least to 1.

    Raises:
        NotYet: they differ.
    """
    problem, places = difference(got, expected, tolerance, name)
    if problem:
        case = {"inputs": inputs} if inputs else {}
        raise NotYet(problem, case | {"expected": show(expected), "got": show(got)} | places)


def attempt(function: Answer, *arguments: Any, **keywords: Any) -> Outcome:
    """Call a function that may do anything, and say what came of it."""
    try:
        with torch.enable_grad():
            value = function(*arguments, **keywords)
    except BaseException as error:  # an answer may raise whatever it likes, SystemExit too
        restore_builtins()
        return Outcome(raised=_one_line(error), line=_line_of(function, error))
    restore_builtins()
    return Outcome(value)


def describe(
    function: Answer, arguments: Iterable[Any], keywords: dict[str, Any] | None = None
) -> str:
    """The arguments of a call by their names: `tokens = [1, 14, 14, 1], context_length = 3`."""
    parts = zip(_names(function, arguments), arguments, strict=True)
    return ", ".join(
        f"{name} = {show(value)}" for name, value in [*parts, *(keywords or {}).items()]
    )


def _names(function: Answer, arguments: Iterable[Any]) -> list[str]:
    try:
        known = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        known = []
    return [known[n] if n < len(known) else f"argument {n + 1}" for n, _ in enumerate(arguments)]


def name_of(answer: Answer) -> str:
    name = getattr(answer, "__name__", None)
    return name if type(name) is str and name != "<lambda>" else "your function"


def _alike(got: Outcome, wrong: Outcome, tolerance: float) -> bool:
    if got.raised or wrong.raised:
        return got.raised == wrong.raised
    if wrong.value is None:
        return False
    return not difference(got.value, wrong.value, tolerance)[0]


def _demand_unchanged(answer: Answer, given: Any, originals: Any, inputs: str) -> None:
    names = [*_names(answer, originals[0]), *originals[1]]
    now = [*given[0], *given[1].values()]
    before = [*originals[0], *originals[1].values()]
    for name, after, original in zip(names, now, before, strict=True):
        if is_changed(after, original):
            raise NotYet(
                f"It changes its argument `{name}`. Whoever calls it will use that again: work on "
                "a copy, or make something new",
                {"inputs": inputs, "before": show(original), "after": show(after)},
            )


def _returned_none(answer: Answer) -> str:
    return f"`{name_of(answer)}` returned None; is the `return` missing?"


def _raised(answer: Answer, outcome: Outcome) -> str:
    where = f", in the line `{outcome.line}`" if outcome.line else ""
    return f"`{name_of(answer)}` raised {outcome.raised}{where}"


def _one_line(error: BaseException) -> str:
    try:
        text = " ".join(str(error).split())
    except BaseException:  # its __str__ is the learner's too
        text = ""
    text = text if len(text) <= 300 else text[:300] + " …"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _line_of(function: Answer, error: BaseException) -> str:
    """The line of the learner's cell that raised."""
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    frames = list(traceback.walk_tb(error.__traceback__))
    numbers = [number for frame, number in frames if frame.f_code.co_filename == file]
    return linecache.getline(file, numbers[-1]).strip() if file and numbers else ""
