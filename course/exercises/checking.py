"""One exercise: check an answer, give hints, show the solution."""

from __future__ import annotations

import ast
import builtins
import contextlib
import dis
import hashlib
import inspect
import linecache
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CodeType
from typing import Any

import intro_lm
from course.exercises import showing
from course.exercises.comparing import restore_builtins
from course.exercises.running import Check, Report, run_checks

EMPTY = (None, ...)
# The instructions of a function that does nothing but return a constant, in any Python.
IDLE = {"RESUME", "NOP", "CACHE", "POP_TOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST"}
RAISING = IDLE | {"LOAD_GLOBAL", "LOAD_COMMON_CONSTANT", "PUSH_NULL", "PRECALL", "CALL"}


@dataclass(frozen=True)
class Exercise:
    """An exercise of a notebook, by the name that stands there in `exercise("01.windows")`.

    Args:
        name: the notebook's number, a dot, and a word.
        title: what it is about, a few words.
        minutes: how long it takes, as the notebook says too.
        solved_by: the function that the learner is asked for, with the stub's name and signature.
        why: Markdown below the solution: why it is so.
        hints: Markdown, at least two, each giving away more.
        checks: functions that take the answer and raise `NotYet` if it fails; the first line of
            the docstring says what is tested.
        stub: the function as the notebook gives it, where its body is more than `...`.
    """

    name: str
    title: str
    minutes: int
    solved_by: Callable[..., Any]
    why: str
    hints: tuple[str, ...]
    checks: tuple[Check, ...]
    stub: Callable[..., Any] | None = None
    _shown: list[str] = field(default_factory=list, repr=False, compare=False)

    def check(self, answer: Any) -> None:
        """Test an answer and show what came of it. Whatever the answer does, this returns."""
        with _original_builtins():
            asked = self.solved_by.__name__
            if answer is ... or _is_untouched(answer, self.stub):
                self._publish("not attempted", showing.not_attempted(self.name, asked), answer)
            elif not callable(answer) or issubclass(type(answer), type):
                text = showing.not_a_function(self.name, asked, type(answer).__name__)
                self._publish("not yet", text, answer)
            else:
                report = run_checks(answer, self.checks)
                text = showing.checked(self.name, report, self._tested(report))
                outcome = "correct" if report.failed is None else "not yet"
                self._publish(outcome, text, answer, report.failed)

    def hint(self) -> None:
        """Show the first hint, and at each further call the next."""
        number = len(self._shown)
        if number == len(self.hints):
            showing.publish(
                f"{self.name}: that was the last of {number} hints. "
                "`ex.solution()` shows the solution, and why it is so."
            )
            return
        self._shown.append(self.hints[number])
        showing.publish(f"**Hint {number + 1} of {len(self.hints)}.** {self.hints[number]}")

    def solution(self) -> None:
        """Show the solution's source, and why it is so."""
        showing.publish(f"```python\n{self.source()}```\n\n{self.why}")

    def source(self) -> str:
        """The solution's source, as it may stand in the stub's cell."""
        return textwrap.dedent(inspect.getsource(self.solved_by))

    def _tested(self, report: Report) -> list[str]:
        names = report.passed if report.failed is None else [report.failed]
        said = {check.__name__: check.__doc__ or check.__name__ for check in self.checks}
        return [said[name].strip().splitlines()[0].rstrip(".") for name in names]

    def _publish(self, outcome: str, text: str, answer: Any, failed: str | None = None) -> None:
        record = {
            "exercise": self.name,
            "outcome": outcome,
            "failed": [failed] if failed else [],
            "version": intro_lm.__version__,
            "answer": _digest(answer),
        }
        showing.publish(text, record)


@contextlib.contextmanager
def _original_builtins() -> Iterator[None]:
    """An earlier cell may have redefined one; only the learner's own cells see that."""
    theirs = dict(vars(builtins))
    restore_builtins()
    try:
        yield
    finally:
        vars(builtins).update(theirs)


def _is_untouched(answer: Any, stub: Callable[..., Any] | None) -> bool:
    code = getattr(answer, "__code__", None)
    if type(code) is not CodeType:
        return False
    if stub is not None:
        return _does_nothing(code) or (_body(answer) == _body(stub) is not None)
    return _does_nothing(code)


def _does_nothing(code: CodeType) -> bool:
    steps = list(dis.get_instructions(code))
    names = {step.opname for step in steps}
    if names <= IDLE:
        return all(s.argval in EMPTY for s in steps if s.opname in ("LOAD_CONST", "RETURN_CONST"))
    loaded = [s.argval for s in steps if s.opname in ("LOAD_GLOBAL", "LOAD_COMMON_CONSTANT")]
    return names <= RAISING | {"RAISE_VARARGS"} and loaded == ["NotImplementedError"]


def _body(function: Callable[..., Any]) -> str | None:
    """What a function's code says, without its docstring and its layout; None if there is none."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return None
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return None
    body = definition.body[ast.get_docstring(definition) is not None :]
    return "\n".join(map(ast.dump, body))


def _digest(answer: Any) -> str | None:
    """The sha256 of the cell that defined the answer, as it stands; None if no cell did."""
    code = getattr(answer, "__code__", None)
    if type(code) is not CodeType:
        return None
    entry = linecache.cache.get(code.co_filename)
    if entry is None or len(entry) != 4 or entry[1] is not None:  # a file has a time of change
        return None
    return hashlib.sha256("".join(entry[2]).strip().encode()).hexdigest()
