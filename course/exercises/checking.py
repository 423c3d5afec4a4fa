"""One exercise: check an answer, give hints, show the solution."""

from __future__ import annotations

import ast
import contextlib
import functools
import inspect
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import intro_lm
from course import display
from course.exercises.comparing import Mistake, NotYet
from course.exercises.running import Check, run_checks
from course.meaning import as_python, digest
from course.names import defined, used


@dataclass
class Exercise:
    """An exercise, which a notebook gets by name: `exercise("01.windows")`.

    Args:
        name: the notebook's number, a dot, and a word.
        solved_by: the function that the learner writes, with the stub's name and signature.
        why: Markdown below the solution: why it works.
        hints: Markdown, at least two, each giving away more.
        checks: functions that take the answer and raise `NotYet` if it fails; the docstring's
            first line says what they test.
        mistakes: the wrong answers that the checks recognise.
    """

    name: str
    solved_by: Callable[..., Any]
    why: str
    hints: tuple[str, ...]
    checks: tuple[Check, ...]
    mistakes: tuple[Mistake, ...] = ()
    _hints_shown: int = field(default=0, init=False)

    def check(self, answer: Any) -> None:
        """Test an answer, then show and store the outcome."""
        asked = self.solved_by.__name__
        failed = []
        if answer is ... or is_untouched(answer):
            outcome = "not attempted"
            text = (
                f"Write `{asked}` in place of the `...`, run its cell, then this one. "
                "`ex.hint()` gives a hint."
            )
        elif not callable(answer) or isinstance(answer, type):
            outcome = "not yet"
            text = (
                f"Pass the function itself, `ex.check({asked})` without calling it. This is an "
                f"object of type `{type(answer).__name__}`."
            )
        elif failure := run_checks(self.named(answer), self.checks):
            outcome, failed = "not yet", [failure.check]
            text = self._explain(failure)
        else:
            outcome = "correct"
            text = "Tested:\n\n" + "\n".join(f"- {_tested(check)}" for check in self.checks)
        homes = [] if answer is self.solved_by else _homes(answer)
        metadata = {
            "exercise": self.name,
            "outcome": outcome,
            "failed": failed,
            "version": intro_lm.__version__,
            "answer": homes[0] if homes else None,
            "needs": homes[1:],
        }
        _publish(f"{self.name}: {outcome}.", f" {text}", metadata)

    def named(self, answer: Callable[..., Any]) -> Callable[..., Any]:
        """The answer with the stub's name and signature, which an object or a partial lacks."""
        return functools.update_wrapper(lambda *given: answer(*given), self.solved_by)

    def hint(self) -> None:
        """Show the first hint, and the next one at each further call."""
        shown, total = self._hints_shown, len(self.hints)
        if shown == total:
            _publish("", f"{self.name}: that was the last of {total} hints. Try `ex.solution()`.")
            return
        self._hints_shown += 1
        _publish(f"Hint {shown + 1} of {total}.", f" {self.hints[shown]}")

    def solution(self) -> None:
        """Show the solution's source, and why it works."""
        _publish("", f"```python\n{self.source()}```\n\n{self.why}")

    def source(self) -> str:
        """The solution's source, ready for the stub's cell."""
        return inspect.getsource(self.solved_by)

    def _explain(self, failure: NotYet) -> str:
        message = failure.message.rstrip()
        message += "" if message.endswith((".", "?", "!")) else "."
        width = max(map(len, failure.case), default=0) + 2
        case = "\n".join(f"{label + ':':{width}}{text}" for label, text in failure.case.items())
        fence = f"\n\n```text\n{case}\n```" if case else ""
        (check,) = (check for check in self.checks if check.__name__ == failure.check)
        return f"{message}{fence}\n\nThis tests {_tested(check)}."


def is_untouched(answer: Any) -> bool:
    """Whether a function is still a stub: `...`, `pass` or `raise NotImplementedError`."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(answer)))
    except (OSError, TypeError, SyntaxError):  # no source, or a lambda's
        return False
    function = tree.body[0]
    if not isinstance(function, ast.FunctionDef):
        return False
    steps = function.body[ast.get_docstring(function) is not None :]
    said = [ast.unparse(step) for step in steps]
    return all(s in ("...", "pass") or s.startswith("raise NotImplementedError") for s in said)


def _tested(check: Check) -> str:
    return (check.__doc__ or "").splitlines()[0]


def _homes(answer: Any) -> list[str]:
    """The digests of the cells that last defined the answer and the functions it uses."""
    shell = display.shell()
    if shell is None:
        return []
    cells = []  # the newest first: source, as Python, names
    for source in reversed(shell.history_manager.input_hist_raw):
        with contextlib.suppress(SyntaxError):
            cells.append((source, python := as_python(source), defined(python)))
    found: list[str] = []
    waiting = [{name for name, value in shell.user_ns.items() if value is answer}]
    while waiting:
        names = waiting.pop(0)
        source, python, _ = next((each for each in cells if names & each[2]), ("", "", set()))
        if source and digest(source) not in found:
            found.append(digest(source))
            known = ((name, shell.user_ns.get(name)) for name in sorted(used(python)))
            waiting += [{n} for n, v in known if inspect.isfunction(v) or inspect.isclass(v)]
    return found


def _publish(head: str, body: str, metadata: dict[str, Any] | None = None) -> None:
    text = re.sub(r"\n```\w*|^```\w*\n", "", head + body)
    display.publish(text, metadata, (head and f"**{head}**") + body)
