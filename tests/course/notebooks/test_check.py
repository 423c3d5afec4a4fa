import copy

import pytest

from course.notebooks.check import problems
from course.notebooks.downloads import dataset_of_cells
from tests.course.notebooks.makers import cell, error, figure, notebook, printed, value

IGNORED = ("nbval-ignore-output",)
RAISES = ("raises-exception",)
GOOD = notebook(
    cell("x = 1\nplt.rcParams.update({'figure.dpi': 100})"),
    cell("print(x)", printed("1\n")),
    cell("  \n"),  # nothing runs it, and nothing may ask for its run
    cell("# only a comment"),
    cell("plt.plot([x])\nplt.show()", figure()),
    cell("1 / 0", error("ZeroDivisionError", "division by zero"), tags=RAISES),
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


def test_a_good_notebook_has_no_problem():
    assert problems(GOOD) == []


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (cell("plt.plot([1])\nplt.show()"), "stores its figure"),
        (cell("plt.plot([1])", figure()), "ends with plt.show()"),
        (cell("x = 1", tags=("nbval-skip",)), "unknown tag nbval-skip"),
        (cell("x = 1", tags=RAISES), "raised nothing"),
        (cell("1 / 0", error("ZeroDivisionError", "no")), "it stores an error"),
        (cell("# NBVAL_IGNORE_OUTPUT\nx = 1"), "use a cell tag"),
        (cell("## NBVAL_SKIP\nx = 1"), "use a cell tag"),
        (cell("%time x = 1"), "magics"),
        (cell("!ls"), "magics"),
        (cell("x ="), "Python can't parse it"),
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
        (notebook(cell("")), "no code cell"),
    ],
)
def test_each_fault_is_found(made, expected):
    found = problems(made if "cells" in made else notebook(made))
    assert any(expected in problem for problem in found), found


@pytest.mark.parametrize(
    ("index", "change"),
    [
        (3, {"outputs": [printed("2\n")]}),  # as another run printed it
        (9, {"outputs": [figure(2)]}),  # as another run drew it
        (11, {"outputs": [error("ZeroDivisionError", "by zero")]}),
        (11, {"execution_count": 7}),
        (3, {"execution_count": None, "outputs": []}),  # never run
        (1, {"source": "x = 2"}),
    ],
)
def test_outputs_and_code_of_two_runs_in_one_file_are_noticed(index, change):
    mixed = copy.deepcopy(GOOD)
    mixed.cells[index].update(change)
    (problem,) = problems(mixed)
    assert "not those of one recording" in problem


def test_words_and_metadata_of_outputs_may_change_after_the_recording():
    other = copy.deepcopy(GOOD)
    other.cells[0].source = "I expected 12.50."
    other.cells[9].outputs[0].metadata["course"] = {"answer": "a"}
    assert problems(other) == []


@pytest.mark.parametrize(("ignored", "downloads", "refused"), [(2, 0, 0), (3, 0, 1), (3, 9, 1)])
def test_too_many_ignored_outputs_are_found_and_downloads_do_not_count(ignored, downloads, refused):
    kinds = [IGNORED] * ignored + [()] * (5 - ignored) + [("downloads",)] * downloads
    made = notebook(*(cell("assert True", tags=tags) for tags in kinds))
    assert sum("ignore their output" in problem for problem in problems(made)) == refused


def test_an_ignored_cell_is_proven_by_itself_or_the_compared_cell_below():
    rest = [cell("z = 1")] * 3
    by_itself = notebook(cell("assert True", tags=IGNORED), cell("y = 1"), *rest)
    by_the_next = notebook(cell("x = 1", tags=IGNORED), cell('expect("a", x)'), *rest)
    assert problems(by_itself) == problems(by_the_next) == []


def test_each_cell_belongs_to_the_dataset_named_last():
    sources = ("x = 1", 'if data.available("a"): pass', "y", "available('b-2')")
    assert dataset_of_cells([cell(source) for source in sources]) == [None, "a", "a", "b-2"]
