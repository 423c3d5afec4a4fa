"""What execution counts, outputs and sources say of a stored run."""

import pytest

from course.review.marks import at_cells
from course.review.trust import marks
from tests.course.review.makers import code, counted, failed, notebook, printed, text


def found(made) -> dict[str, list[int]]:
    return {mark.kind: list(mark.cells) for mark in marks(made)}


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ((1, 2, 3), {"clean run": []}),
        ((None, None), {"never run": []}),
        ((1, 2, None), {"not run": [3]}),
        ((1, None, 2), {"not run": [2]}),
        ((2, 3, 4), {"by hand": []}),
        ((1, 3, 7), {"by hand": []}),
        ((3, 1, 2), {"out of order": [1]}),
        ((1, 9, 2, 3), {"out of order": [2]}),
        ((1, 2, 2, 3), {"out of order": [2]}),
        ((5, 4, 3), {"out of order": [1, 2]}),
        ((1, 2, 30, 31, 5, 6, 7), {"out of order": [3, 4]}),
        ((), {"never run": []}),
    ],
)
def test_counts_tell_how_a_notebook_was_run(counts, expected):
    assert found(counted(*counts)) == expected


def test_empty_cells_and_markdown_have_no_count_and_need_none():
    made = notebook(code("x = 1"), text("words"), code("", count=None), code("y = 2", count=2))
    assert found(made) == {"clean run": []}


def test_only_what_depends_on_a_cell_that_ran_again_is_stale():
    made = notebook(
        code("a = 1", count=1),
        code("b = 2", count=9),
        code("c = a", count=3),
        code("d = b", count=4),
        code("def f():\n    return d", count=5),
        code("f()", count=6),
        code("print(a)", count=7),
    )
    assert found(made) == {"out of order": [2], "stale": [4, 5, 6]}


def test_a_name_that_no_cell_makes_is_missing():
    made = notebook(
        code("import math as m\nfrom os import path", count=2),
        code("print(m.pi, path, inputs)", count=3),
        code("def f():\n    return later + after", count=4),
        code("after = 1", count=5),
        code("print(__name__, len([]), display, _3)", count=6),
    )
    assert found(made) == {"by hand": [], "name missing": [2, 3]}
    (mark,) = (mark for mark in marks(made) if mark.kind == "name missing")
    assert mark.text == "inputs, later: used in cells 2, 3, and no cell defines it"


def test_of_a_clean_run_no_name_is_missing():
    assert found(notebook(code("print(inputs)"))) == {"clean run": []}


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        "match [1, 2]:\n    case [first, *rest]:\n        print(first, rest)",
        "match {'a': 1}:\n    case {'a': x, **others}:\n        print(x, others)",
        "with open('x') as file:\n    print(file)",
        "print([y for y in range(3) if (z := y)], z)",
        "class A:\n    b = 1\n    c = b",
        "for i, (j, k) in []:\n    print(i, j, k)\nelse:\n    print(i)",
        "import os.path\nos",
        "f = lambda x, *y, **z: (x, y, z)",
        "def g(n: int = 3) -> int:\n    h = n\n    return g(h)",
        "global q\nq = 1\nprint(q)",
        "def count():\n    global n\n    n = 1\ncount()\nprint(n)",
        "async def fetch(a):\n    return a\nawait fetch(1)",
        "del_me = 1\ndel del_me",
    ],
)
def test_what_a_cell_makes_itself_is_not_missing(source):
    assert "name missing" not in found(notebook(code(source, count=2)))


@pytest.mark.parametrize("source", ["%run x.py", "from math import *", "exec('x = 1')", "x = ("])
def test_where_a_cell_may_define_anything_nothing_is_missing(source):
    assert "name missing" not in found(notebook(code(source), code("print(x)", count=3)))


def test_a_cell_that_is_meant_to_raise_may_use_what_there_is_not():
    made = notebook(code("print(x)", failed("NameError", "x"), tags=("raises-exception",)))
    assert found(made) == {"clean run": []}


def test_the_mark_names_the_cell_that_ran_later():
    made = notebook(code("a = 1", count=9), code("b = a", count=2), code("c = b", count=3))
    said = {mark.kind: mark.text for mark in marks(made)}
    assert said["stale"] == "cells 2, 3: what they use from cell 1 was computed later"
    assert said["out of order"] == "in order except for cell 1"


@pytest.mark.parametrize(
    ("first", "second", "stale"), [(3, 3, [2]), (9, 2, [2]), (7, 8, []), (1, 2, [])]
)
def test_a_cell_is_stale_where_what_it_uses_has_the_same_or_a_later_count(first, second, stale):
    made = notebook(code("a = 1", count=first), code("b = a", count=second), code("c", count=4))
    assert found(made).get("stale", []) == stale


def test_an_error_counts_unless_the_cell_is_meant_to_raise():
    raised = failed("ValueError", "no")
    made = notebook(
        code("1", raised, count=1), code("2", raised, count=2, tags=("raises-exception",))
    )
    assert found(made) == {"clean run": [], "error": [1]}
    assert next(m.text for m in marks(made) if m.kind == "error") == "cell 1: ValueError: no"


def test_output_without_a_count_is_a_cell_that_never_ended():
    made = notebook(code("1", count=1), code("2", printed("step 1"), count=None))
    assert found(made) == {"unfinished": [2], "not run": [2]}


def test_more_than_a_megabyte_of_output_is_marked():
    made = notebook(code("1", printed("x" * 1_000_001)), code("2", printed("x" * 990_000), count=2))
    assert found(made) == {"clean run": [], "large output": [1]}


@pytest.mark.parametrize(
    "source", ["%time x = 1", "x = (", "(" * 5000, "\0", "x = " + "-" * 9999 + "1"]
)
def test_a_source_that_does_not_parse_makes_nothing_stale(source):
    made = notebook(code("x = 1", count=5), code(source, count=2))
    assert "stale" not in found(made)


def test_cells_are_named_in_few_words():
    assert at_cells([4]) == "cell 4"
    assert at_cells([4, 5, 7, 8, 9]) == "cells 4, 5, 7 to 9"
    assert at_cells(range(1, 99, 2)) == "49 cells from 1 to 97"
