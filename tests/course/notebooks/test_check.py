import pytest

from course.notebooks.check import problems
from course.notebooks.downloads import dataset_of_cells
from tests.course.notebooks.makers import cell, error, figure, notebook, printed, value

IGNORED = ("nbval-ignore-output",)
RAISES = ("raises-exception",)
GOOD = notebook(
    cell("x = 1\nplt.rcParams.update({'figure.dpi': 100})"),
    cell("print(x)", printed("1\n"), count=2),
    cell("x", value("1", 3), count=3),
    cell("plt.plot([x])\nplt.show()", figure(), count=4),
    cell("1 / 0", error("ZeroDivisionError", "division by zero"), count=5, tags=RAISES),
)


def altered(made, **metadata):
    """A notebook or a cell with more metadata."""
    made.metadata.update(metadata)
    return made


def widget():
    shown = value("1")
    shown.data["application/vnd.jupyter.widget-view+json"] = {"model_id": "1"}
    return cell("x", shown)


def markdown_with_metadata():
    made = notebook(cell("x = 1"))
    made.cells[0].metadata["collapsed"] = True
    return made


def repeated_ids():
    made = notebook(cell("x = 1"), cell("y = 1", count=2))
    made.cells[3]["id"] = made.cells[1]["id"]
    return made


def code_alone():
    made = notebook(*(cell(f"x = {n}", count=n) for n in range(1, 6)))
    made.cells = [c for c in made.cells if c.cell_type == "code"]
    return made


def test_a_good_notebook_has_no_problem():
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (cell("x = 1", count=None), "never executed"),
        (cell("x = 1", count=7), "should be 1 and it has 7"),
        (cell("print(1)"), "stores nothing printed"),
        (cell("x = 1\nx"), "no value is stored"),
        (cell("plt.plot([1])\nplt.show()"), "stores its figure"),
        (cell("plt.plot([1])", figure()), "ends with plt.show()"),
        (cell("x = 1", tags=("nbval-skip",)), "unknown tag nbval-skip"),
        (cell("x = 1", tags=RAISES), "stores no error"),
        (cell("1 / 0", error("ZeroDivisionError", "no")), "it stores an error"),
        (cell("# NBVAL_IGNORE_OUTPUT\nx = 1"), "use a cell tag"),
        (cell("## NBVAL_SKIP\nx = 1"), "use a cell tag"),
        (cell("%time x = 1"), "magics"),
        (cell("!ls"), "magics"),
        (cell("# only a comment"), "no statement"),
        (cell("x ="), "no statement"),
        (cell("print(1)", printed("/home/ada/project\n")), "path of the machine"),
        (cell("print(1)", printed("in /tmp/x1\n")), "path of the machine"),
        (cell("print(1)", printed("C:\\Users\\ada\n")), "path of the machine"),
        (cell("print(1)", printed("file:///home/ada\n")), "path of the machine"),
        (altered(cell("x = 1"), execution={"iopub.status": "2026"}), "metadata execution"),
        (widget(), "its output is a widget"),
        (cell("x = 1", tags=IGNORED), "asserts what was found"),
        (altered(notebook(cell("x = 1")), widgets={"state": {}}), "metadata holds widgets"),
        (altered(notebook(cell("x = 1")), kernelspec={"name": "mine"}), "not python3"),
        (markdown_with_metadata(), "Markdown cell holds metadata"),
        (repeated_ids(), "ids are missing or repeated"),
        (code_alone(), "explain more"),
        (notebook(), "no code cell"),
    ],
)
def test_each_fault_is_found(made, expected):
    found = problems(made if "cells" in made else notebook(made))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(("ignored", "downloads", "refused"), [(2, 0, 0), (3, 0, 1), (3, 9, 1)])
def test_too_many_ignored_outputs_are_found_and_downloads_do_not_count(ignored, downloads, refused):
    kinds = [IGNORED] * ignored + [()] * (5 - ignored) + [("downloads",)] * downloads
    made = notebook(*(cell("assert True", count=n, tags=tags) for n, tags in enumerate(kinds, 1)))
    assert sum("ignore their output" in problem for problem in problems(made)) == refused


def test_an_ignored_cell_is_proven_by_itself_or_the_compared_cell_below():
    rest = [cell("z = 1", count=n) for n in (3, 4, 5)]
    by_itself = notebook(cell("assert True", tags=IGNORED), cell("y = 1", count=2), *rest)
    by_the_next = notebook(cell("x = 1", tags=IGNORED), cell('expect("a", x)', count=2), *rest)
    assert problems(by_itself) == problems(by_the_next) == []


@pytest.mark.parametrize(
    ("text", "output", "right"),
    [
        ("The loss is 2.31.", "loss 2.3084\n", True),
        ("The loss is 2.31.", "loss 2.3184\n", False),
        ("It has 11,897 parameters and takes 3.5 s.", "11897 parameters\n", True),
        ("It has 11,898 parameters.", "11,897 parameters\n", False),
        ("$\\log 27 = 3.296$", "3.29584\n", True),
    ],
)
def test_a_number_in_the_text_must_be_shown_by_a_cell(text, output, right):
    made = notebook(cell("print(x)", printed(output)))
    made.cells[0].source = text
    found = [problem for problem in problems(made) if "shows that number" in problem]
    assert bool(found) != right


def test_each_cell_belongs_to_the_dataset_named_last():
    sources = ("x = 1", 'if data.available("a"): pass', "y", "available('b-2')")
    assert dataset_of_cells([cell(source) for source in sources]) == [None, "a", "a", "b-2"]
