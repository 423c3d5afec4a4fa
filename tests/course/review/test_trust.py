"""What execution counts, outputs and sources say of a stored run."""

import pytest

from course.review.marks import at_cells
from course.review.stored import parse
from course.review.trust import marks
from tests.course.review.interns import NOTEBOOKS
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
        code("%time a"),
    )
    assert found(made) == {"out of order": [2, 7], "stale": [4, 5, 6]}
    said = {mark.kind: mark.text for mark in marks(made)}
    assert said["out of order"] == "in order except for cells 2, 7"
    assert said["stale"] == "cells 4 to 6: what they use from cell 2 was computed later"


def test_a_name_that_no_cell_defines_is_missing_unless_the_run_is_clean():
    sources = (
        "import math as m\nfrom os import path",
        "print(m.pi, path, inputs)",
        "def f():\n    return later + after",
        "after = 1",
        "print(__name__, len([]), display, _3)",
    )
    made = notebook(*(code(source, count=n) for n, source in enumerate(sources, 2)))
    assert found(made) == {"by hand": [], "name missing": [2, 3]}
    assert marks(made)[-1].text == "inputs, later: used in cells 2, 3, and no cell defines it"
    assert found(notebook(code("print(inputs)"))) == {"clean run": []}


@pytest.mark.parametrize(
    "source",
    [
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        "match [1, 2]:\n    case [first, *rest]:\n        print(first, rest)",
        "match {'a': 1}:\n    case {'a': x, **others}:\n        print(x, others)",
        "print([y for y in range(3) if (z := y)], z)",
        "def g(n: int = 3) -> int:\n    h = n\n    return g(h)",
        "def count():\n    global n\n    n = 1\ncount()\nprint(n)",
        "async def fetch(a):\n    return a\nawait fetch(1)",
    ],
)
def test_what_a_cell_defines_itself_is_not_missing(source):
    assert "name missing" not in found(notebook(code(source, count=2)))


@pytest.mark.parametrize("source", ["%run x.py", "from math import *", "exec('x = 1')", "x = ("])
def test_where_a_cell_may_define_anything_nothing_is_missing(source):
    assert "name missing" not in found(notebook(code(source), code("print(x)", count=3)))


def test_an_error_counts_unless_the_cell_is_meant_to_raise():
    raised = failed("ValueError", "no")
    made = notebook(code("1", raised), code("x", raised, count=2, tags=("raises-exception",)))
    assert found(made) == {"clean run": [], "error": [1]}
    assert marks(made)[-1].text == "cell 1: ValueError: no"


def test_output_without_a_count_is_a_cell_that_never_ended():
    made = notebook(code("1", count=1), code("2", printed("step 1"), count=None))
    assert found(made) == {"unfinished": [2], "not run": [2]}


def test_more_than_a_megabyte_of_output_is_marked():
    made = notebook(code("1", printed("x" * 1_000_001)), code("2", printed("x"), count=2))
    assert found(made) == {"clean run": [], "large output": [1]}


@pytest.mark.parametrize("source", ["(" * 5000, "\0", "x = " + "-" * 9999 + "1"])
def test_a_source_that_cannot_be_parsed_makes_nothing_stale(source):
    assert "stale" not in found(notebook(code("x = 1", count=5), code(source, count=2)))


def test_many_cells_are_named_in_few_words():
    assert at_cells([4, 5, 7, 8, 9]) == "cells 4, 5, 7 to 9"
    assert at_cells(range(1, 99, 2)) == "49 cells from 1 to 97"


@pytest.mark.parametrize(
    "source",
    [
        "import course.expected as e\ne.bands = lambda: {}",
        "from course.display import publish",
        "import sys\nsys.modules['course.exercises.running'].run_checks = print",
        "display({}, metadata={'course': {'exercise': '00.f', 'outcome': 'correct'}})",
        "ex.checks = ()",
        "type(ex).check = print",
        "vars(ex)['checks'] = ()",
        "setattr(expect, 'x', 1)",
        "exercise.__globals__.clear()",
    ],
)
def test_a_cell_that_reaches_into_the_checks_is_marked(source):
    assert found(notebook(code(source))) == {"clean run": [], "checks touched": [1]}


def test_the_curriculums_cells_and_honest_looks_at_an_exercise_do_not_reach_into_the_checks():
    sources = ["print('of course')", "print(ex); help(ex.check)", "ex.hint()", "expect('x', a[0])"]
    made = notebook(*(code(source, count=n) for n, source in enumerate(sources, 1)))
    assert "checks touched" not in found(made)
    for path in NOTEBOOKS.glob("[0-9]*.ipynb"):
        assert "checks touched" not in found(parse(path.read_bytes()))
