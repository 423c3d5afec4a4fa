"""Which cells changed, and how."""

import random
import time

import nbformat
import pytest

from course.review.comparison import compare, marks
from course.review.difference import difference
from course.review.stored import Cell, Notebook, parse
from tests.course.review.interns import NOTEBOOKS
from tests.course.review.makers import code, notebook, printed, text

BASE = [
    text("# Title", id="t"),
    code("import torch", id="a"),
    code("x = torch.zeros(3)\ny = x + 1\nprint(y)", id="b"),
    text("And now something else.", id="c"),
    code("plt.plot(y.tolist())\nplt.show()", id="d"),
]


def changes(*cells, base=BASE):
    return [
        (change.how, change.place, change.base)
        for change in compare(notebook(*base), notebook(*cells)).changes
    ]


def test_equal_notebooks_have_no_changes():
    assert changes(*BASE) == []


def test_an_edited_cell_is_shown_as_a_difference_of_lines():
    edited = BASE[2] | {"source": "x = torch.zeros(3)\ny = x + 2\nprint(y)\nprint(x)"}
    (change,) = compare(notebook(*BASE), notebook(*BASE[:2], edited, *BASE[3:])).changes
    assert (change.how, change.place, change.base) == ("edited", 3, 3)
    assert change.lines == (
        (" ", "x = torch.zeros(3)"),
        ("-", "y = x + 1"),
        ("+", "y = x + 2"),
        (" ", "print(y)"),
        ("+", "print(x)"),
    )


def test_added_and_deleted_cells():
    new = code("print('mine')", id="new")
    assert changes(*BASE[:2], new, *BASE[2:]) == [("added", 3, None)]
    assert changes(*BASE[:2], *BASE[3:]) == [("deleted", None, 3)]
    assert changes(new, *BASE[:2], *BASE[3:]) == [("added", 1, None), ("deleted", None, 3)]


def test_empty_cells_that_were_added_say_nothing():
    assert changes(*BASE, code("  \n", id="e", count=None)) == []


def test_a_dragged_cell_is_moved_and_not_deleted_and_added():
    assert changes(BASE[0], *BASE[2:], BASE[1]) == [("moved", 5, 2)]


def test_a_dragged_cell_that_was_edited_shows_both():
    moved = BASE[1] | {"source": "import torch as t"}
    (change,) = compare(notebook(*BASE), notebook(BASE[0], *BASE[2:], moved)).changes
    assert (change.how, change.edited) == ("moved", True)


def test_without_ids_cells_are_matched_by_what_they_say():
    nameless = [cell | {"id": f"x{n}"} for n, cell in enumerate(BASE)]
    assert compare(notebook(*BASE), notebook(*nameless)).ids_lost
    nameless[2] = nameless[2] | {"source": BASE[2]["source"].replace("+ 1", "+ 2")}
    assert changes(*nameless) == [("edited", 3, 3)]


def test_the_same_id_twice_is_one_cell_and_a_copy():
    assert changes(*BASE[:3], BASE[2], *BASE[3:]) == [("added", 4, None)]


def test_an_id_on_a_cell_of_another_kind_is_not_that_cell():
    assert ("deleted", None, 2) in changes(BASE[0], text("# import", id="a"), *BASE[2:])


def test_changed_tags_are_changes():
    tagged = BASE[2] | {"metadata": {"tags": ["nbval-ignore-output"]}}
    (change,) = compare(notebook(*BASE), notebook(*BASE[:2], tagged, *BASE[3:])).changes
    assert (change.how, change.edited) == ("tagged", False)
    assert change.tags == ("", "nbval-ignore-output")


def test_removed_lines_stand_above_those_that_replace_them():
    lines = difference("def f():\n    ...\n", "def f():\n    x = 1\n    return {\n        x\n    }")
    assert [sign for sign, _ in lines] == [" ", "-", "+", "+", "+", "+"]


def test_sections_that_ran_without_their_data_are_named():
    section = code("print(1)", printed("1"), id="s", tags=("downloads",))
    silent = section | {"outputs": []}
    (mark,) = marks(
        compare(notebook(section), notebook(silent)), notebook(section), notebook(silent)
    )
    assert (mark.kind, mark.text) == ("no downloads", "cell 1 ran without their data")
    assert not list(marks(compare(notebook(section), notebook(section)), *[notebook(section)] * 2))


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ("a", "a\n", ()),
        ("a", "", (("-", "a"),)),
        ("", "a\nb", (("+", "a"), ("+", "b"))),
        ("a\nb\n", "b\na\n", (("+", "b"), (" ", "a"), ("-", "b"))),
        ("same", "same", ()),
    ],
)
def test_differences_of_short_texts(before, now, expected):
    assert difference(before, now) == expected


def test_a_difference_can_be_undone():
    generator = random.Random(0)
    for _ in range(200):
        before, now = (
            "\n".join(generator.choices(["a", "b", "ab", "", "x = 1"], k=generator.randrange(6)))
            for _ in range(2)
        )
        lines = difference(before, now)
        if lines and not any(sign == "⋯" for sign, _ in lines):
            kept = [line for sign, line in lines if sign != "+"], [s for g, s in lines if g != "-"]
            assert kept == tuple(text.rstrip("\n").splitlines() for text in (before, now))


def test_long_texts_are_shown_in_part():
    many = "\n".join(map(str, range(3_000)))
    assert len(difference("", many)) == 201
    assert difference("x" * 30_000, "y")[0][0] == "⋯"
    assert len(difference("", "x" * 20_000)[0][1]) < 2_100


def test_a_thousand_cells_of_nobody_are_compared_in_seconds():
    base = parse((NOTEBOOKS / "04_lstm.ipynb").read_bytes())
    generator = random.Random(1)
    strange = Notebook(
        tuple(
            Cell(str(n), "code", "".join(generator.choices("abc =\n", k=5_000)))
            for n in range(1_000)
        )
    )
    start = time.perf_counter()
    found = compare(base, strange)
    assert time.perf_counter() - start < 20
    assert (found.count("added"), found.count("deleted")) == (1_000, len(base.cells))


def test_every_notebook_of_the_curriculum_is_like_itself_without_its_ids():
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        stored = nbformat.read(path, as_version=4)
        for n, cell in enumerate(stored.cells):
            cell.id = f"n{n}"
        found = compare(parse(path.read_bytes()), parse(nbformat.writes(stored).encode()))
        assert (found.changes, found.ids_lost) == ((), True)
