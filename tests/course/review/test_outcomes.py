"""How the exercises went, and what proves it."""

import hashlib

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from course.review.outcomes import contradictions, outcomes, unproven
from tests.course.review.makers import code, notebook, shown

ANSWER = "def f(x):\n    return x"


def sha(source):
    return hashlib.sha256(source.strip().encode()).hexdigest()


def result(outcome="correct", answer=ANSWER, **more):
    record = {"exercise": "00.f", "outcome": outcome, "failed": [], "version": "0.1.0"}
    tested = "\n\n- all" if outcome != "correct" else " Tested:\n\n- all"
    said = more.pop("said", f"00.f: {outcome}.{tested}")
    return shown(record | {"answer": answer and sha(answer)} | more, text_plain=said)


def outcome(*cells):
    (found,) = outcomes(notebook(*cells), ["00.f"])
    return found


def test_a_correct_answer_whose_cell_is_as_it_was_checked_is_proven():
    found = outcome(code(ANSWER), code("ex.check(f)", result(), count=2))
    assert (found.outcome, found.cell, found.doubt, found.solved) == ("correct", 2, "", True)


def test_blank_lines_around_an_answer_change_nothing():
    assert outcome(code(f"\n{ANSWER}\n\n"), code("ex.check(f)", result(), count=2)).solved


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        ([code(ANSWER + " + 1"), code("check", result(), count=2)], "edited after it was checked"),
        ([code("check", result(), count=2)], "edited after it was checked, or is gone"),
        ([code(ANSWER), code("check", result(answer=None), count=2)], "not defined in a cell"),
        ([code(ANSWER, count=None), code("check", result(), count=2)], "has not run"),
        ([code(ANSWER), code("check", result(), count=None)], "a result and no count"),
        ([code(ANSWER), code("check", result("brilliant"), count=2)], "'brilliant' is none"),
        ([code(ANSWER), code("check", result(outcome=None), count=2)], "'None' is none"),
    ],
)
def test_other_results_are_not_proven_and_not_solved(cells, doubt):
    found = outcome(*cells)
    assert doubt in found.doubt
    assert not found.solved
    (mark,) = unproven([found])
    assert (mark.kind, "00.f" in mark.text) == ("not proven", True)


def test_a_result_for_the_stub_that_says_correct_is_not_proven():
    (found,) = outcomes(
        notebook(code(ANSWER), code("check", result(), count=2)), ["00.f"], stubs={sha(ANSWER)}
    )
    assert found.doubt == "its cell is the stub that the curriculum gives"


@pytest.mark.parametrize(
    "said", ["00.f: not yet. This adds up the ids.", "00.f: correct.", "", "01.f: correct. Tested:"]
)
def test_a_text_that_a_check_does_not_write_beside_correct_is_not_proven(said):
    found = outcome(code(ANSWER), code("check", result(said=said), count=2))
    assert found.doubt == "the text beside it is not what a check writes for that outcome"


def test_the_same_answer_correct_here_and_wrong_there_is_a_contradiction():
    right = outcome(code(ANSWER), code("check", result(), count=2))
    wrong = outcome(code(ANSWER), code("check", result("not yet"), count=2))
    other = outcome(code("def f(): 1"), code("check", result("not yet", "def f(): 1"), count=2))
    key = ("00.f", sha(ANSWER))
    assert contradictions([("a", right), ("b", wrong), ("c", other)]) == {key: "b"}
    forged = outcome(code("check", result("not yet"), count=2))  # without the answer's cell
    assert contradictions([("a", right), ("d", forged)]) == {}
    assert contradictions([("a", right), ("c", other)]) == {}


def test_an_answer_that_was_edited_after_a_failure_is_not_proven_either():
    found = outcome(code(ANSWER), code("check", result("not yet", "def f(): 1"), count=2))
    assert (found.outcome, bool(found.doubt)) == ("not yet", True)


def test_dots_in_place_of_an_answer_are_no_doubt():
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


def test_an_answer_that_is_indented_as_a_whole_is_known_too():
    indented = "    def f(x):\n        return x"
    executed = TransformerManager().transform_cell(indented)
    assert outcome(code(indented), code("check", result(answer=executed), count=2)).solved


def test_an_answer_in_a_cell_with_a_magic_is_known_by_what_ipython_made_of_it():
    magic = f"%matplotlib inline\n{ANSWER}"
    executed = TransformerManager().transform_cell(magic)
    assert outcome(code(magic), code("check", result(answer=executed), count=2)).solved
