"""Notebooks and exercises agree: the cells are there, and the solutions pass where they belong."""

import ast

import nbformat
import pytest
from nbclient import NotebookClient

from course.exercises import exercises, numbers
from course.meaning import digest
from tests.course.exercises.answers import NOTEBOOKS
from tests.course.notebooks.filling import definition, fill, needed, placed

ALL = {path.name[:2]: path for path in sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))}
each_notebook = pytest.mark.parametrize("number", numbers())


def read(number):
    return nbformat.read(ALL[number], as_version=4)


def outcomes(cell):
    return [o.metadata["course"] for o in cell.outputs if "course" in o.get("metadata", {})]


def signature(cell, function):
    made = definition(cell, function)
    return ast.unparse(made.args), made.returns and ast.unparse(made.returns)


@pytest.mark.parametrize("number", ALL)
def test_a_notebook_asks_for_the_exercises_that_there_are(number):
    asked = [each.name for each in placed(read(number))]
    assert asked == ([each.name for each in exercises(number)] if number in numbers() else [])


@each_notebook
def test_the_stub_has_the_solutions_signature_and_the_check_follows(number):
    notebook = read(number)
    for each, exercise in zip(placed(notebook), exercises(number), strict=True):
        assert each.function == exercise.solved_by.__name__
        assert each.check == each.stub + 1
        assert notebook.cells[each.stub - 1].cell_type == "markdown"
        solution = nbformat.v4.new_code_cell(exercise.source())
        stub = notebook.cells[each.stub]
        assert signature(stub, each.function) == signature(solution, each.function)


@each_notebook
def test_the_stored_outcome_is_that_of_the_stored_answer(number):
    notebook = read(number)
    for each in placed(notebook):
        (stored,) = outcomes(notebook.cells[each.check])
        assert stored["exercise"] == each.name
        assert stored["answer"] == digest(notebook.cells[each.stub].source)


@pytest.mark.slow
@each_notebook
def test_with_the_solutions_filled_in_every_check_is_correct(number):
    filled = fill(read(number), exercises(number))
    short = needed(filled, [index for each in placed(filled) for index in (each.stub, each.check)])
    resources = {"metadata": {"path": str(NOTEBOOKS)}}
    NotebookClient(short, timeout=60, kernel_name="python3", resources=resources).execute()
    stored = {each["exercise"]: each["outcome"] for cell in short.cells for each in outcomes(cell)}
    assert stored == {each.name: "correct" for each in exercises(number)}
