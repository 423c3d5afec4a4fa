"""How exercises went and what proves it; numbers against their bands."""

import pytest
from IPython.core.inputtransformer2 import TransformerManager

from course import expected
from course.expected import UnexpectedNumberError, bands, expect
from course.meaning import digest
from course.review import results
from tests.course.review.makers import code, failed, notebook, printed, shown

ANSWER = "def f(x):\n    return x"
LOSS = "01.mlp.validation_loss"
BANDS = {
    LOSS: {"mean": 2.2, "low": 2.1, "high": 2.3, "command": "so"},
    "01.mlp.parameters": {"value": 11897, "command": "counted"},
    "03.luck": {"mean": 1.0, "low": 0.5, "command": "so"},
}


def check(outcome="correct", answer=ANSWER, count=2, **more):
    stored = {"exercise": "00.f", "outcome": outcome, "answer": answer and digest(answer)}
    return code(f"check {count}", shown(stored | more, text_plain="00.f: …"), count=count)


def outcome(*cells):
    (found,) = results.outcomes(notebook(*cells), ["00.f"])
    return found


@pytest.mark.parametrize(
    ("source", "executed"),
    [
        (ANSWER, ANSWER),
        (f"\n{ANSWER}\n\n", ANSWER),
        ("    def f(x):\n        return x", None),
        (f"%matplotlib inline\n{ANSWER}", None),
    ],
)
def test_a_correct_answer_whose_cell_is_as_it_was_checked_is_proven(source, executed):
    executed = executed or TransformerManager().transform_cell(source)
    found = outcome(code(source), check(answer=executed))
    assert (found.outcome, found.cell, found.doubt, found.solved) == ("correct", 2, "", True)


@pytest.mark.parametrize(
    ("cells", "doubt"),
    [
        ([code(ANSWER + " + 1"), check()], "edited after the check"),
        ([code(ANSWER), check("not yet", "other")], "edited after the check"),
        ([code(ANSWER), check(answer=None)], "not defined in a cell"),
        ([code(ANSWER, count=None), check()], "has not run"),
        ([code(ANSWER), code("g = 1"), check(needs=[digest("g = 2")])], "that it uses was edited"),
        ([code(ANSWER), check(count=None)], "a result but no count"),
        ([code(ANSWER), check("brilliant")], "'brilliant' is none"),
    ],
)
def test_other_results_are_not_proven_and_not_solved(cells, doubt):
    found = outcome(*cells)
    assert doubt in found.doubt
    assert not found.solved
    assert results.marks_of_exercises([found])[-1].kind == "not proven"


def test_without_an_attempt_or_a_result_there_is_nothing_to_prove():
    outcomes = outcome(check("not attempted", None)), outcome(code(ANSWER))
    assert [(one.outcome, one.doubt) for one in outcomes] == [
        ("not attempted", ""),
        ("not checked", ""),
    ]


def test_of_several_checks_the_one_that_ran_last_counts():
    found = outcome(code(ANSWER), check("not yet", count=7, failed=["small"]), check(count=5))
    assert (found.outcome, found.failed, found.cell) == ("not yet", ("small",), 2)


@pytest.fixture
def few_bands(monkeypatch):
    monkeypatch.setattr(results, "bands", lambda: BANDS)
    monkeypatch.setattr(expected, "bands", lambda: BANDS)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        (LOSS, 2.15, "inside its band"),
        (LOSS, 2.05, "below its band by 0.05"),
        (LOSS, 2.5, "above its band by 0.2"),
        (LOSS, float("nan"), "above its band by nan"),
        (LOSS, 10**400, "above its band by nan"),
        ("01.mlp.parameters", 11897, "inside its band"),
        ("01.mlp.parameters", 11900, "above its band by 3"),
        ("03.luck", 0.25, "below its band by 0.25"),
        ("03.luck", 1e9, "inside its band"),
        ("09.nonsense", 1.0, "not in expected.toml"),
    ],
)
def test_a_number_is_inside_its_band_or_outside_by_so_much(few_bands, name, value, words):
    cells = [code("x", shown({"number": name, "value": each})) for each in (value, "2", True)]
    (found,) = results.numbers(notebook(*cells))
    assert found.in_words() == words
    assert bool(results.marks_of_numbers([found])) == (" by " in words)


def test_a_number_that_raised_is_read_from_the_error(few_bands):
    with pytest.raises(UnexpectedNumberError) as raised:
        expect(LOSS, 2.41)
    found = results.numbers(notebook(code("x", failed("UnexpectedNumberError", str(raised.value)))))
    (mark,) = results.marks_of_numbers(found)
    assert mark.text == f"{LOSS} is 2.41, above its band by 0.11"


def test_a_printed_promise_is_no_number():
    said = printed(f"{LOSS}: between 2.1 and 2.3, as expected\n")
    assert results.numbers(notebook(code("x", said, shown(text_plain=said["text"])))) == []


def test_every_headline_is_promised():
    assert set(results.HEADLINES.values()) <= bands().keys()
