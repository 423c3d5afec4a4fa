"""Numbers held against their bands."""

import pytest

from course import expected
from course.expected import UnexpectedNumberError, bands, expect
from course.review import numbers as module
from course.review.numbers import HEADLINES, headline, less_is_better, marks, numbers
from tests.course.review.makers import code, failed, notebook, printed, shown

ENTRIES = {
    "01.mlp.validation_loss": {"mean": 2.2, "low": 2.1, "high": 2.3, "command": "so"},
    "05.x.accuracy": {"mean": 0.6, "low": 0.5, "high": 0.7, "command": "so"},
    "01.mlp.parameters": {"value": 11897, "command": "counted"},
    "03.luck": {"mean": 1.0, "low": 0.5, "command": "so"},
}


@pytest.fixture(autouse=True)
def few_entries(monkeypatch):
    monkeypatch.setattr(module, "bands", lambda: ENTRIES)
    monkeypatch.setattr(expected, "bands", lambda: ENTRIES)


def judged(name, value):
    record = {"number": name, "value": value, "version": "0.1.0"}
    (found,) = numbers(notebook(code("expect", shown(record, text_plain="…"))))
    return found


@pytest.mark.parametrize(
    ("name", "value", "verdict", "beyond"),
    [
        ("01.mlp.validation_loss", 2.15, "inside", 0),
        ("01.mlp.validation_loss", 2.05, "better", 0.05),
        ("01.mlp.validation_loss", 2.5, "worse", 0.2),
        ("05.x.accuracy", 0.75, "better", 0.05),
        ("05.x.accuracy", 0.25, "worse", 0.25),
        ("01.mlp.parameters", 11897, "inside", 0),
        ("01.mlp.parameters", 11900, "above", 3),
        ("03.luck", 0.25, "below", 0.25),
        ("03.luck", 1e9, "inside", 0),
        ("01.mlp.validation_loss", float("nan"), "worse", float("inf")),
        ("01.mlp.validation_loss", float("inf"), "worse", float("inf")),
        ("09.nonsense", 1.0, "unknown", 0),
    ],
)
def test_a_number_is_inside_better_or_worse_and_by_how_much(name, value, verdict, beyond):
    found = judged(name, value)
    assert (found.verdict, found.beyond) == (verdict, pytest.approx(beyond))
    assert (verdict in found.by_how_much()) or verdict == "unknown"
    assert bool(marks([found])) == (verdict not in ("inside", "unknown"))


@pytest.mark.parametrize("value", ["2.2", None, True, [2.2], {"a": 1}])
def test_a_value_that_is_no_number_is_none(value):
    record = {"number": "01.mlp.validation_loss", "value": value}
    assert numbers(notebook(code("expect", shown(record, text_plain="…")))) == []


def test_a_number_too_large_for_a_float_is_not_one():
    assert judged("01.mlp.validation_loss", 10**400).verdict == "worse"


def test_a_number_that_raised_is_read_from_the_error_itself():
    with pytest.raises(UnexpectedNumberError) as raised:
        expect("01.mlp.validation_loss", 2.41)
    error = failed("UnexpectedNumberError", str(raised.value))
    (found,) = numbers(notebook(code("expect", error)))
    assert (found.name, found.value, found.verdict) == ("01.mlp.validation_loss", 2.41, "worse")
    (mark,) = marks([found])
    assert mark.text == "01.mlp.validation_loss is 2.41, worse than its band by 0.11"


def test_a_line_of_an_earlier_version_says_that_it_was_inside(capsys):
    expect("01.mlp.validation_loss", 2.2)
    (found,) = numbers(notebook(code("expect", printed(capsys.readouterr().out))))
    assert (found.value, found.verdict, found.outside) == (None, "inside", False)


def test_the_headline_is_the_number_that_the_question_asks_for(monkeypatch):
    monkeypatch.setitem(HEADLINES, "01", "01.mlp.validation_loss")
    found = [judged("01.mlp.parameters", 11897), judged("01.mlp.validation_loss", 2.2)]
    assert headline("01", found) is found[1]
    assert headline("02", found) is None


def test_every_headline_is_promised():
    assert set(HEADLINES.values()) <= bands.__wrapped__().keys()


def test_which_headline_is_better_small():
    assert [less_is_better(number) for number in ("01", "02", "03", "04", "05")] == [True] * 4 + [
        False
    ]
