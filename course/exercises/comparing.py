"""What checks are made of: call an answer, compare its result, name the mistake."""

from __future__ import annotations

import copy
import inspect
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from course.exercises.values import difference, show

Answer = Callable[..., Any]


class NotYet(Exception):
    """An answer fails: why, and the case that shows it, a label and a text per line."""

    def __init__(self, message: str, case: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.message, self.case = message, case or {}
        self.check = ""  # the name of the check that it failed


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners write, and what we tell them."""

    answer: Answer
    message: str


def call(answer: Answer, *arguments: Any, may_change: bool = False) -> Any:
    """What the answer returns for copies of the arguments.

    With `may_change` it gets the arguments themselves, may change them, and may return None.

    Raises:
        NotYet: it raises an error, returns None, or changes an argument.
    """
    case = {"inputs": describe(answer, arguments)}
    given = arguments if may_change else copy.deepcopy(arguments)
    value = attempt(answer, *given)
    if isinstance(value, BaseException):
        said = f"`{answer.__name__}` raised {_in_a_line(value)}{_where(value)}"
        raise NotYet(said, case) from value
    if may_change:
        return value
    if value is None:
        raise NotYet(f"`{answer.__name__}` returned None; is the `return` missing?", case)
    names = inspect.signature(answer).parameters
    for name, after, before in zip(names, given, arguments, strict=False):
        if isinstance(before, list | dict | torch.Tensor) and difference(after, before, 0):
            raise NotYet(
                f"It changes its argument `{name}`, which the caller will use again. Work on a "
                "copy, or make something new",
                case | {"before": show(before), "after": show(after)},
            )
    return value


def compare(
    answer: Answer,
    solution: Answer,
    arguments: Iterable[Any],
    mistakes: Iterable[Mistake] = (),
    *,
    tolerance: float = 1e-4,
) -> None:
    """Require that the answer gives what the solution gives for these arguments.

    If it gives what a known mistake gives, or raises the same error, that mistake's message comes
    first. A mistake that gives the right result here is skipped.

    Raises:
        NotYet: it gives something else, or changes an argument.
    """
    arguments = tuple(arguments)
    expected = solution(*copy.deepcopy(arguments))
    got = None
    try:
        got = call(answer, *arguments)
        same(got, expected, inputs=describe(solution, arguments), tolerance=tolerance)
        return
    except NotYet as found:
        problem = found
    got = problem.__cause__ or got
    for mistake in mistakes:
        wrong = attempt(mistake.answer, *copy.deepcopy(arguments))
        if isinstance(got, BaseException) and isinstance(wrong, BaseException):
            is_alike = _in_a_line(got) == _in_a_line(wrong)
        else:
            is_alike = not difference(got, wrong, tolerance)
        if is_alike:
            raise NotYet(f"{mistake.message}. {problem.message}", problem.case)
    raise problem


def same(
    got: Any, expected: Any, *, inputs: str = "", name: str = "it", tolerance: float = 1e-4
) -> None:
    """Require that two values are equal: type, shape, kind of number, then values.

    Raises:
        NotYet: they differ. The message calls the value by `name`, and shows the `inputs`.
    """
    if problem := difference(got, expected, tolerance, name):
        case = {"inputs": inputs} if inputs else {}
        case |= {"expected": show(expected), "got": show(got)}
        raise NotYet(problem[0].upper() + problem[1:], case)


def attempt(function: Answer, *arguments: Any) -> Any:
    """What a call returns, or the exception it raises."""
    try:
        return function(*arguments)
    except (Exception, SystemExit) as error:
        return error


def describe(function: Answer, arguments: Iterable[Any]) -> str:
    """The arguments of a call by name: `tokens = [1, 14, 14, 1], context_length = 3`."""
    named = zip(inspect.signature(function).parameters, arguments, strict=False)
    return ", ".join(f"{name} = {show(value)}" for name, value in named)


def _in_a_line(error: BaseException) -> str:
    text = " ".join(str(error).split())[:300]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _where(error: BaseException) -> str:
    """The cell's line that raised; a cell isn't a file."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.line for frame in frames if frame.line and not Path(frame.filename).exists()]
    return f", in the line `{lines[-1]}`" if lines else ""
