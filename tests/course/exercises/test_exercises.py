"""Every exercise: its stub isn't attempted, its solution is correct, its mistakes are named."""

import ast

import pytest

from course.exercises import Exercise, exercises, numbers
from course.exercises.checking import is_untouched
from tests.course.exercises.answers import defined_by, failure, is_correct

ALL = [each for number in numbers() for each in exercises(number)]
TRAINS = {"02.own", "03.beat", "04.recipe", "05.few"}  # networks, for a second or more
every_exercise = pytest.mark.parametrize("exercise", ALL, ids=[each.name for each in ALL])


@pytest.mark.parametrize(
    "exercise",
    [
        pytest.param(each, id=each.name, marks=[pytest.mark.slow] * (each.name in TRAINS))
        for each in ALL
    ],
)
def test_the_solution_is_correct_as_it_is_shown(exercise: Exercise):
    is_correct(exercise.name, defined_by(exercise.source(), exercise))


@every_exercise
def test_the_stub_is_not_attempted(exercise: Exercise):
    (solution,) = ast.parse(exercise.source()).body
    docstring = solution.body[0]
    solution.body = [docstring, ast.Expr(ast.Constant(...))]
    assert is_untouched(defined_by(ast.unparse(solution), exercise))


@pytest.mark.parametrize(
    ("exercise", "mistake"),
    [
        pytest.param(each, mistake, id=f"{each.name}-{mistake.message[:40]}")
        for each in ALL
        for mistake in each.mistakes
    ],
)
def test_a_mistake_is_named(exercise: Exercise, mistake):
    found = failure(exercise.name, mistake.answer)
    assert found is not None
    assert mistake.message in found.message


@every_exercise
def test_an_exercise_is_whole(exercise: Exercise):
    assert len(exercise.hints) >= 2
    assert all(text.count("`") % 2 == 0 for text in (*exercise.hints, exercise.why))
    assert all(check.__doc__ for check in exercise.checks)
    assert len({check.__name__ for check in exercise.checks}) == len(exercise.checks)
