"""The digest of a cell stays with what the cell does."""

import pytest

from course.meaning import digest

CELL = "def f(a, *, b='x'):\n    if a:\n        return f'{a}: {b!r:>{a}}'\n    return [a, b]"


@pytest.mark.parametrize(
    "source",
    [
        CELL.replace("\n", "\r\n"),
        f"\n{CELL}  # as asked\n\n",
        CELL.replace("'", '"')
        .replace("    ", "  ")
        .replace("*, b", "\n*,\nb\n")
        .replace("b]", "b,]"),
    ],
)
def test_layout_and_comments_leave_it_alone(source):
    assert digest(source) == digest(CELL)


@pytest.mark.parametrize(
    ("old", "new"), [("'x'", "'y'"), ("    return [", "        return ["), ("[a, b]", "(a, b)")]
)
def test_what_changes_the_code_changes_it(old, new):
    assert digest(CELL.replace(old, new)) != digest(CELL)


def test_magics_and_what_is_no_code_have_one_too():
    assert digest("%time f(1)") == digest("%time f(1)\n") != digest("%time f(2)")
    assert digest("it is\r\nno code\n") == digest("it is\nno code") != digest("it isn't")


def test_every_python_gives_the_same():
    assert digest(CELL) == "a39d3b469e5dfb637dcfa3e06014253472eb984da7975d3f562dbd15c68836db"
