"""Which cells changed, and how."""

import random

import pytest

from course.review.comparison import compare, difference, given_out
from course.review.stored import Cell, Notebook, parse
from tests.course.review.interns import NOTEBOOKS
from tests.course.review.makers import code, notebook, shown, text

BASE = [
    text("# Title", id="t"),
    code("import torch", id="a"),
    code("x = torch.zeros(3)\ny = x + 1\nprint(y)", id="b"),
    text("And now something else.", id="c"),
    code("plt.plot(y.tolist())\nplt.show()", id="d"),
]
NEW = code("print('mine')", id="new")


def changes(*cells):
    found = compare(notebook(*BASE), notebook(*cells)).changes
    return [(change.how, change.index, change.base) for change in found]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (BASE, []),
        ([*BASE[:2], NEW, *BASE[2:]], [("added", 3, None)]),
        ([*BASE[:2], *BASE[3:]], [("deleted", None, 3)]),
        ([NEW, *BASE[:2], *BASE[3:]], [("added", 1, None), ("deleted", None, 3)]),
        ([*BASE, code("  \n", id="e", count=None)], []),  # empty cells say nothing
        ([BASE[0], *BASE[2:], BASE[1]], [("moved", 5, 2)]),
        ([*BASE[:3], BASE[2], *BASE[3:]], [("added", 4, None)]),  # the same id twice
    ],
)
def test_added_deleted_and_moved_cells_are_found(cells, expected):
    assert changes(*cells) == expected


def test_an_edited_cell_is_shown_as_a_difference_of_lines():
    edited = BASE[2] | {"source": "x = torch.zeros(3)\ny = x + 2\nprint(y)\nprint(x)"}
    (change,) = compare(notebook(*BASE), notebook(*BASE[:2], edited, *BASE[3:])).changes
    assert (change.how, change.index, change.base) == ("edited", 3, 3)
    assert change.lines == (
        (" ", "x = torch.zeros(3)"),
        ("-", "y = x + 1"),
        ("+", "y = x + 2"),
        (" ", "print(y)"),
        ("+", "print(x)"),
    )


def test_a_moved_cell_that_was_edited_shows_both():
    moved = BASE[1] | {"source": "import torch as t"}
    (change,) = compare(notebook(*BASE), notebook(BASE[0], *BASE[2:], moved)).changes
    assert (change.how, bool(change.lines)) == ("moved", True)


def test_without_ids_cells_are_matched_by_their_text():
    nameless = [cell | {"id": f"x{n}"} for n, cell in enumerate(BASE)]
    assert compare(notebook(*BASE), notebook(*nameless)).ids_lost
    nameless[2] = nameless[2] | {"source": BASE[2]["source"].replace("+ 1", "+ 2")}
    assert changes(*nameless) == [("edited", 3, 3)]
    nameless[2] = nameless[2] | {"source": "def answer():\n    return 'nothing like it'"}
    assert changes(*nameless) == [("edited", 3, 3)]  # it stands where the other stood


def test_changed_tags_are_changes():
    tagged = BASE[2] | {"metadata": {"tags": ["nbval-ignore-output"]}}
    (change,) = compare(notebook(*BASE), notebook(*BASE[:2], tagged, *BASE[3:])).changes
    assert (change.how, change.lines, change.tags) == ("tagged", (), ("", "nbval-ignore-output"))


@pytest.mark.parametrize(
    ("run", "given"),
    [
        ({0: 1, 1: 2}, [3, 4, 5, 6]),
        ({0: 1, 1: 2, 4: 3, 5: 4}, [3, 4]),  # the middle was left out
        ({n: n + 1 for n in range(6)}, []),
        ({n: n + 1 for n in range(4)} | {3: 9}, [5, 6]),  # the last one more than once
        ({}, [1, 2, 3, 4, 5, 6]),
    ],
)
def test_cells_that_were_not_run_are_told_from_those_that_were(run, given):
    def cell(n, count, session):
        output = shown({"number": "00.x", "value": 1.0}, text_plain="x")
        output["metadata"]["session"] = session
        return code(f"x = {n}", *([output] if n % 2 else []), count=count, id=f"x{n}")

    base = notebook(*(cell(n, n + 1, "ours") for n in range(6)))
    own = notebook(
        *(cell(n, run.get(n, n + 1), "theirs" if n in run else "ours") for n in range(6))
    )
    assert sorted(given_out(compare(base, own), base, own)) == given


@pytest.mark.parametrize(
    ("before", "now", "signs"),
    [
        ("a", "a\n", ""),
        ("a", "", "-"),
        ("", "a\nb", "++"),
        ("def f():\n    ...", "def f():\n    x = 1\n    return x", " -++"),
        ("a\n1\n2\n3\n4\n5\nb", "A\n1\n2\n3\n4\n5\nB", "-+  ⋯  -+"),
    ],
)
def test_differences_show_what_changed_and_a_little_around_it(before, now, signs):
    assert "".join(sign for sign, _ in difference(before, now)) == signs


def test_a_thousand_unknown_cells_are_compared_too():
    base = parse((NOTEBOOKS / "04_lstm.ipynb").read_bytes())
    letters = random.Random(1)
    strange = Notebook(
        tuple(
            Cell(str(n), "code", "".join(letters.choices("abc =\n", k=500))) for n in range(1_000)
        )
    )
    found = compare(base, strange)
    assert len(found.cells("added")) == 1_000
    assert len(found.cells("deleted")) == len(base.cells)
