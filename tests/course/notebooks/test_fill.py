"""Keeping of a notebook what some of its cells need."""

import nbformat

from course.exercises import exercises
from course.notebooks.fill import defined, fill, needed, placed, used
from tests.course.notebooks.makers import cell, notebook


def kept(made, *indices):
    return [c.source for c in needed(made, indices).cells]


def test_a_cell_takes_the_latest_cell_above_for_each_name():
    made = notebook(cell("x = 1"), cell("x = 2"), cell("y = x"), cell("x = 3"), cell("z = y"))
    assert kept(made, 9) == ["x = 2", "y = x", "z = y"]


def test_of_other_cells_the_imports_stay():
    made = notebook(cell("import math\nslow = math.fsum([1])"), cell("y = math.pi"))
    assert kept(made, 3) == ["import math", "y = math.pi"]


def test_a_name_that_a_cell_defines_before_it_reads_it_is_not_needed():
    assert used("x = 1\ny = x") == set()
    assert used("x = x + 1") == {"x"}
    assert used("x += 1") == {"x"}
    assert used("for a in b:\n    c = a\nprint(c)") == {"b"}
    assert used("[a for a in b]") == {"b"}


def test_a_function_needs_what_it_reads_when_it_is_called():
    source = "def f(a: T = d):\n    local = a\n    return g(local) + later\nlater = 1"
    assert used(source) == {"T", "d", "g"}


def test_changing_a_thing_in_place_counts_as_defining_it():
    assert defined("model.weight[0] = 1") == {"model"}
    assert used("model.weight[0] = 1") == {"model"}
    assert defined("import a\nfrom b import c\nd = a") == {"d"}


def test_a_solution_takes_the_place_of_the_stub_and_of_nothing_else():
    stub = "import math\n\n\ndef build_windows(tokens, context_length):\n    ...\n\n\nafter = 1"
    check = 'ex = exercise("01.windows")\nex.check(build_windows)'
    made = notebook(cell(stub), cell(check))
    (place,) = placed(made)
    assert (place.name, place.function, place.stub, place.check) == (
        "01.windows", "build_windows", 1, 3,
    )  # fmt: skip
    filled = fill(made, exercises("01"))
    source = filled.cells[1].source
    assert source.startswith("import math\n\n\ndef build_windows(tokens: list[int]")
    assert "unfold" in source
    assert source.endswith("\n\n\nafter = 1")
    assert made.cells[1].source == stub
    assert nbformat.validate(filled) is None
