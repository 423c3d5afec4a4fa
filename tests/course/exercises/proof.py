"""Proof that an exercise works, for every notebook's exercises alike.

A test file holds a `Case` for each exercise of its notebook, and turns them into tests:

    @pytest.mark.parametrize("claim", claims("01", CASES))
    def test_exercise(claim):
        claim()
"""

from __future__ import annotations

import ast
import inspect
import json
import linecache
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert.filters import markdown2html

from course.exercises import Exercise, checking, exercise, exercises
from course.notebooks.fill import definition

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
Answer = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """What an exercise must tell apart.

    Args:
        name: the exercise's, "01.windows".
        wrong: at least three answers that are plausible and wrong, each with a piece of the message
            that is meant for it.
        right: answers that are right and written differently from the solution.
    """

    name: str
    wrong: Sequence[tuple[Answer, str]]
    right: Sequence[Answer]


def claims(number: str, cases: Sequence[Case]) -> list[Any]:
    """Everything to be shown for the exercises of a notebook, as parameters of a test."""
    made = [_claim(f"{number}-each-exercise-has-a-case", each_has_a_case, number, cases)]
    for case in cases:
        made += [
            _claim(f"{case.name}-is-whole", is_whole, case),
            _claim(f"{case.name}-untouched", untouched_is_not_attempted, case.name),
            _claim(f"{case.name}-solution", solution_is_correct, case.name),
            _claim(f"{case.name}-renders", renders, case.name),
        ]
        for answer in case.right:
            made.append(_claim(f"{case.name}-right-{_name(answer)}", is_correct, case.name, answer))
        for answer, words in case.wrong:
            made.append(
                _claim(f"{case.name}-wrong-{_name(answer)}", fails, case.name, answer, words)
            )
    return made


def each_has_a_case(number: str, cases: Sequence[Case]) -> None:
    assert [case.name for case in cases] == [each.name for each in exercises(number)]


def is_whole(case: Case) -> None:
    asked = exercise(case.name)
    assert len(case.wrong) >= 3, "show three wrong answers"
    assert len(case.right) >= 1, "show a right answer that is written differently"
    assert len(asked.hints) >= 2
    assert asked.checks
    assert all((check.__doc__ or "").strip() for check in asked.checks)
    names = [check.__name__ for check in asked.checks]
    assert len(set(names)) == len(names)


def untouched_is_not_attempted(name: str) -> None:
    outcome, text = outcome_of(name, stub_of(name))
    assert outcome["outcome"] == "not attempted", text


def solution_is_correct(name: str) -> None:
    """As shown: from its source alone, with the notebook's imports."""
    is_correct(name, defined_by(exercise(name).source(), exercise(name)))


def is_correct(name: str, answer: Answer) -> None:
    outcome, text = outcome_of(name, answer)
    assert outcome["outcome"] == "correct", text
    assert outcome["failed"] == []


def fails(name: str, answer: Answer, words: str) -> None:
    outcome, text = outcome_of(name, answer)
    assert outcome["outcome"] == "not yet", text
    assert words in text, text
    assert set(outcome["failed"]) <= {check.__name__ for check in exercise(name).checks}


def renders(name: str) -> None:
    asked = exercise(name)
    for text in (*asked.hints, asked.why):
        assert "<p>" in markdown2html(text)
        assert text.count("```") % 2 == 0
        assert text.count("`") % 2 == 0
    compile(asked.source(), name, "exec")


def outcome_of(name: str, answer: Any) -> tuple[dict[str, Any], str]:
    """What `check` stores in the notebook, and the text that it shows."""
    published: list[tuple[str, Any]] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checking.showing, "publish", lambda *shown: published.append(shown))
        exercise(name).check(answer)
    ((text, record),) = published
    assert json.loads(json.dumps(record)) == record
    return record, checking.showing.same_everywhere(text)


def stub_of(name: str) -> Answer:
    """The stub as the exercise gives it; where its body is `...`, made from the signature."""
    asked = exercise(name)
    if asked.stub is not None:
        return defined_by(inspect.getsource(asked.stub), asked)
    solution = ast.parse(asked.source()).body[0]
    assert isinstance(solution, ast.FunctionDef)
    assert ast.get_docstring(solution), "the docstring tells the learner what goes in and out"
    solution.body = [solution.body[0], ast.Expr(ast.Constant(...))]
    return defined_by(ast.unparse(solution), asked)


def defined_by(source: str, asked: Exercise) -> Answer:
    """The function that a cell with this source defines below the notebook's imports."""
    names: dict[str, Any] = {}
    exec("import math\nimport torch\nimport torch.nn.functional as F\nfrom torch import nn", names)
    notebook = notebook_of(asked.name)
    for cell in notebook.cells if notebook else ():
        if cell.cell_type == "code":
            for statement in ast.parse(cell.source).body:
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    exec(ast.unparse(statement), names)
    file = f"<{asked.name}, {zlib.crc32(source.encode())}>"
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    exec(compile(source, file, "exec"), names)
    return names[asked.solved_by.__name__]


def notebook_of(name: str) -> Any:
    """The notebook whose number begins an exercise's name; None before it is written."""
    found = list(NOTEBOOKS.glob(f"{name.partition('.')[0]}_*.ipynb"))
    return nbformat.read(found[0], as_version=4) if found else None


def signature(source_or_cell: Any, function: str) -> str:
    """How a function's first line reads."""
    made = definition(source_or_cell, function)
    assert made is not None
    returns = f" -> {ast.unparse(made.returns)}" if made.returns else ""
    return f"{made.name}({ast.unparse(made.args)}){returns}"


def _claim(label: str, claim: Callable[..., None], *arguments: Any) -> Any:
    return pytest.param(partial(claim, *arguments), id=label)


def _name(answer: Any) -> str:
    return str(getattr(answer, "__name__", answer))
