"""Every exercise: its stub isn't attempted, right answers are correct, wrong ones are told why."""

import ast
import importlib

import pytest

from course.exercises import Exercise, exercises, numbers
from course.exercises.checking import is_untouched
from tests.course.exercises.answers import changed, defined_by, failure

ALL = [each for number in numbers() for each in exercises(number)]
ANSWERS = [importlib.import_module(f"{__package__}.answers_{number}") for number in numbers()]
TRAINS = {"02.own", "03.beat", "04.recipe", "05.few"}  # networks, for a second or more
every_exercise = pytest.mark.parametrize("exercise", ALL, ids=[each.name for each in ALL])


def answer_of(name, given):
    """A function, or the solution with some texts changed."""
    return changed(name, *given) if isinstance(given, tuple) else given


@pytest.mark.parametrize(
    "name",
    [pytest.param(e.name, marks=[pytest.mark.slow] * (e.name in TRAINS)) for e in ALL],
)
def test_the_solution_is_correct_as_it_is_shown(name):
    assert failure(name, changed(name)) is None


@pytest.mark.parametrize(("name", "answer"), [row for each in ANSWERS for row in each.RIGHT])
def test_a_right_answer_written_otherwise_is_correct(name, answer):
    assert failure(name, answer_of(name, answer)) is None


@pytest.mark.parametrize(
    ("name", "answer", "words"),
    [(e.name, mistake.answer, mistake.message) for e in ALL for mistake in e.mistakes]
    + [row for each in ANSWERS for row in each.WRONG],
)
def test_a_wrong_answer_is_told_why(name, answer, words):
    found = failure(name, answer_of(name, answer))
    assert found is not None, "the answer is taken as correct"
    said = "\n".join(["", found.message, *found.case.values()])
    assert words in said  # where they begin with a line's end no mistake is named before


@every_exercise
def test_the_stub_is_not_attempted(exercise: Exercise):
    (solution,) = ast.parse(exercise.source()).body
    docstring = solution.body[0]
    solution.body = [docstring, ast.Expr(ast.Constant(...))]
    assert is_untouched(defined_by(ast.unparse(solution), exercise))


@every_exercise
def test_an_exercise_is_whole(exercise: Exercise):
    assert len(exercise.hints) >= 2
    assert all(check.__doc__ for check in exercise.checks)
    assert len({check.__name__ for check in exercise.checks}) == len(exercise.checks)
