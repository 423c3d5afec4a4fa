"""What a learner sees: the three outcomes, hints one after another, the solution, unknown names."""

from dataclasses import replace

import pytest
import torch

from course.exercises import exercise
from tests.course.exercises.answers import defined_by


@pytest.fixture
def windows():
    return replace(exercise("01.windows"))  # as if no hint was shown yet


def only_dots(tokens, context_length):
    """What it does."""
    ...


def only_pass(tokens, context_length):
    pass


def not_implemented(tokens, context_length):
    raise NotImplementedError("later")


@pytest.mark.parametrize("stub", [only_dots, only_pass, not_implemented, ...])
def test_a_stub_is_not_attempted(windows, stub, capsys):
    windows.check(stub)
    assert capsys.readouterr().out.startswith("01.windows: not attempted. Write `build_windows`")


@pytest.mark.parametrize("thing", [None, 5, torch.zeros(2), int, [len]])
def test_what_is_not_a_function_gets_a_message(windows, thing, capsys):
    windows.check(thing)
    said = capsys.readouterr().out
    assert said.startswith("01.windows: not yet.")
    assert "`ex.check(build_windows)` without calling it" in said


def test_a_wrong_answer_hears_why_and_what_was_tested(windows, capsys):
    source = "def build_windows(tokens, context_length):\n    n = 1\n    return tokens[99] + n\n"
    windows.check(defined_by(source, windows))
    assert capsys.readouterr().out == (
        "01.windows: not yet. `build_windows` raised IndexError: list index out of range, in the "
        "line `return tokens[99] + n`.\n"
        "\ninputs: tokens = [1, 14, 14, 1], context_length = 3\n"
        "\nThis tests the windows of 'anna' with 3 tokens of context.\n"
    )


def test_a_correct_answer_hears_what_was_tested(windows, capsys):
    windows.check(windows.solved_by)
    said = capsys.readouterr().out
    assert said.startswith("01.windows: correct. Tested:\n\n- the windows of 'anna'")
    assert said.count("\n- ") == len(windows.checks)


def test_a_function_with_other_parameters_gets_a_message(windows, capsys):
    windows.check(lambda tokens: tokens)
    assert "takes 1 positional argument but 2 were given" in capsys.readouterr().out


def test_a_text_holds_no_address_and_no_folder(windows, capsys):
    def raises(tokens, context_length):
        raise ValueError(f"{object()} in {__file__}")

    windows.check(raises)
    assert "<object object> in test_exercise.py" in capsys.readouterr().out


def test_hints_come_one_after_another(windows, capsys):
    for number, hint in enumerate(windows.hints, 1):
        windows.hint()
        assert capsys.readouterr().out == f"Hint {number} of {len(windows.hints)}. {hint}\n"
    windows.hint()
    assert "that was the last" in capsys.readouterr().out


def test_the_solution_is_shown_with_its_reason(windows, capsys):
    windows.solution()
    assert capsys.readouterr().out == f"{windows.source()}\n{windows.why}\n"


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"'01.window'; there are 01.windows, 01.nll"):
        exercise("01.window")
    with pytest.raises(ValueError, match=r"'windows'; there are 00.lengths.*01.windows"):
        exercise("windows")
