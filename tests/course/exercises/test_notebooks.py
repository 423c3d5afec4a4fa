"""Notebooks and exercises agree: the cells are there, and the solutions pass where they stand."""

import ast
import hashlib
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from course.exercises import exercises, numbers
from course.notebooks.fill import definition, fill, needed, placed
from tests.course.exercises.proof import NOTEBOOKS, signature

ALL = sorted(NOTEBOOKS.glob("[0-9]*.ipynb"))


def number(path: Path) -> str:
    return path.name.partition("_")[0]


def records(cell):
    return [o.metadata["course"] for o in cell.outputs if "course" in o.get("metadata", {})]


def is_still_a_stub(cell, exercise) -> bool:
    body = definition(cell, exercise.solved_by.__name__).body
    return exercise.stub is None and ast.dump(body[-1]) == ast.dump(ast.Expr(ast.Constant(...)))


with_exercises = pytest.mark.parametrize(
    "path", [path for path in ALL if number(path) in numbers()], ids=lambda path: path.stem
)


def test_exercises_belong_to_notebooks_that_exist():
    assert set(numbers()) <= {number(path) for path in ALL}


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.stem)
def test_a_notebook_asks_for_the_exercises_that_there_are(path):
    asked = [place.name for place in placed(nbformat.read(path, as_version=4))]
    there = [e.name for e in exercises(number(path))] if number(path) in numbers() else []
    assert asked == there


@with_exercises
def test_an_exercise_is_three_cells(path):
    notebook = nbformat.read(path, as_version=4)
    by_name = {exercise.name: exercise for exercise in exercises(number(path))}
    for place in placed(notebook):
        exercise = by_name[place.name]
        assert place.stub == place.check - 1, f"{place.name}: the check stands below the stub"
        text, stub, check = notebook.cells[place.stub - 1 : place.check + 1]
        assert text.cell_type == "markdown"
        assert f"{exercise.minutes} minutes" in text.source
        solution = nbformat.v4.new_code_cell(exercise.source())
        function = exercise.solved_by.__name__
        assert place.function == function
        assert signature(stub, function) == signature(solution, function)
        assert not check.metadata.get("tags"), "the outcome is compared"


@with_exercises
def test_the_stored_outcome_is_that_of_the_stored_answer(path):
    notebook = nbformat.read(path, as_version=4)
    by_name = {exercise.name: exercise for exercise in exercises(number(path))}
    for place in placed(notebook):
        stub, check = notebook.cells[place.stub], notebook.cells[place.check]
        (record,) = records(check)
        assert record["exercise"] == place.name
        assert record["answer"] == hashlib.sha256(stub.source.strip().encode()).hexdigest()
        if is_still_a_stub(stub, by_name[place.name]):
            assert record["outcome"] == "not attempted"


@with_exercises
def test_with_the_solutions_filled_in_every_check_is_correct(path):
    notebook = nbformat.read(path, as_version=4)
    filled = fill(notebook, exercises(number(path)))
    cells = [index for place in placed(filled) for index in (place.stub, place.check)]
    short = needed(filled, cells)
    NotebookClient(
        short,
        timeout=60,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
    ).execute()
    outcomes = {r["exercise"]: r for cell in short.cells for r in records(cell)}
    assert list(outcomes) == [exercise.name for exercise in exercises(number(path))]
    assert {r["outcome"] for r in outcomes.values()} == {"correct"}, outcomes
