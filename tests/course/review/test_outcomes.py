"""How the exercises went, and what proves it."""

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from course.review.results import marks_of_exercises, outcomes
from course.review.texts import sha256
from tests.course.review.makers import code, notebook, shown

ANSWER = "def f(x):\n    return x"


def result(outcome="correct", answer=ANSWER, **more):
    stored = {"exercise": "00.f", "outcome": outcome, "answer": answer and sha256(answer.strip())}
    return shown(stored | more, text_plain=f"00.f: {outcome}.")


def outcome(*cells):
    (found,) = outcomes(notebook(*cells), ["00.f"])
    return found


@pytest.mark.parametrize("cell", [ANSWER, f"\n{ANSWER}\n\n"])
def test_a_correct_answer_whose_cell_is_as_it_was_checked_is_proven(cell):
    found = outcome(code(cell), code("ex.check(f)", result(), count=2))
    assert (found.outcome, found.cell, found.doubt, found.solved) == ("correct", 2, "", True)


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        ([code(ANSWER + " + 1"), code("check", result(), count=2)], "edited after the check"),
        ([code(ANSWER), code("check", result(answer=None), count=2)], "not defined in a cell"),
        ([code(ANSWER, count=None), code("check", result(), count=2)], "has not run"),
        ([code(ANSWER), code("check", result(), count=None)], "a result but no count"),
        ([code(ANSWER), code("check", result("brilliant"), count=2)], "'brilliant' is none"),
        ([code(ANSWER), code("check", result("not yet", "other"), count=2)], "edited after"),
    ],
)
def test_other_results_are_not_proven_and_not_solved(cells, doubt):
    found = outcome(*cells)
    assert doubt in found.doubt
    assert not found.solved
    assert marks_of_exercises([found])[-1].kind == "not proven"


def test_an_exercise_that_was_not_attempted_needs_no_answer():
    found = outcome(code("check", result("not attempted", None)))
    assert (found.outcome, found.doubt) == ("not attempted", "")


def test_of_several_checks_the_one_that_ran_last_counts():
    cells = [
        code(ANSWER),
        code("check", result("not yet", failed=["small"]), count=7),
        code("check again", result(), count=5),
    ]
    found = outcome(*cells)
    assert (found.outcome, found.failed, found.cell) == ("not yet", ("small",), 2)


def test_where_no_result_is_stored_it_was_not_checked():
    found = outcome(code(ANSWER))
    assert (found.outcome, found.cell, found.doubt) == ("not checked", None, "")


@pytest.mark.parametrize(
    "cell", ["    def f(x):\n        return x", f"%matplotlib inline\n{ANSWER}"]
)
def test_an_answer_is_known_by_what_ipython_made_of_its_cell(cell):
    executed = TransformerManager().transform_cell(cell)
    assert outcome(code(cell), code("check", result(answer=executed), count=2)).solved
