"""Numbers against their bands."""

import pytest

from course import expected
from course.expected import UnexpectedNumberError, bands, expect
from course.review import results
from course.review.results import HEADLINES, marks_of_numbers, numbers
from tests.course.review.makers import code, failed, notebook, shown

ENTRIES = {
    "01.mlp.validation_loss": {"mean": 2.2, "low": 2.1, "high": 2.3, "command": "so"},
    "01.mlp.parameters": {"value": 11897, "command": "counted"},
    "03.luck": {"mean": 1.0, "low": 0.5, "command": "so"},
}


@pytest.fixture(autouse=True)
def few_entries(monkeypatch):
    monkeypatch.setattr(results, "bands", lambda: ENTRIES)
    monkeypatch.setattr(expected, "bands", lambda: ENTRIES)


def read(value, name="01.mlp.validation_loss"):
    return numbers(notebook(code("expect", shown({"number": name, "value": value}))))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("01.mlp.validation_loss", 2.15, "inside its band"),
        ("01.mlp.validation_loss", 2.05, "below its band by 0.05"),
        ("01.mlp.validation_loss", 2.5, "above its band by 0.2"),
        ("01.mlp.validation_loss", float("nan"), "above its band by nan"),
        ("01.mlp.validation_loss", 10**400, "above its band by nan"),
        ("01.mlp.parameters", 11897, "inside its band"),
        ("01.mlp.parameters", 11900, "above its band by 3"),
        ("03.luck", 0.25, "below its band by 0.25"),
        ("03.luck", 1e9, "inside its band"),
        ("09.nonsense", 1.0, "not in expected.toml"),
    ],
)
def test_a_number_is_inside_its_band_or_outside_by_so_much(name, value, words):
    (found,) = read(value, name)
    assert found.in_words() == words
    assert bool(marks_of_numbers([found])) == (" by " in words)


@pytest.mark.parametrize("value", ["2.2", None, True, [2.2]])
def test_a_value_that_is_not_a_number_is_left_out(value):
    assert read(value) == []


def test_a_number_that_raised_is_read_from_the_error():
    with pytest.raises(UnexpectedNumberError) as raised:
        expect("01.mlp.validation_loss", 2.41)
    found = numbers(notebook(code("x", failed("UnexpectedNumberError", str(raised.value)))))
    (mark,) = marks_of_numbers(found)
    assert mark.text == "01.mlp.validation_loss is 2.41, above its band by 0.11"


def test_every_headline_is_promised():
    assert set(HEADLINES.values()) <= bands.__wrapped__().keys()
