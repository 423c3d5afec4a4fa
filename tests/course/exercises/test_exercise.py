"""What a learner sees: the three outcomes, hints one after another, the solution, unknown names."""

import functools
from dataclasses import replace

import pytest
import torch

from course.exercises import exercise
from tests.course.exercises.answers import defined_by


@pytest.fixture
def windows():
    return replace(exercise("01.windows"))  # as if no hint was shown yet


@pytest.mark.parametrize("body", ["...", "'What it does.'; ...", "raise NotImplementedError('!')"])
def test_a_stub_is_not_attempted(windows, body, capsys):
    windows.check(defined_by(f"def build_windows(tokens, context_length): {body}", windows))
    windows.check(...)
    said = "01.windows: not attempted. Write `build_windows`"
    assert capsys.readouterr().out.count(said) == 2


@pytest.mark.parametrize("thing", [None, torch.zeros(2), int, [len]])
def test_what_is_not_a_function_gets_a_message(windows, thing, capsys):
    windows.check(thing)
    said = capsys.readouterr().out
    assert said.startswith("01.windows: not yet.")
    assert "`ex.check(build_windows)` without calling it" in said


def test_a_wrong_answer_hears_why_and_what_was_tested(windows, capsys):
    source = "@torch.no_grad()\ndef build_windows(tokens, n):\n    return tokens[99] + 1\n"
    windows.check(defined_by(source, windows))
    assert capsys.readouterr().out == (
        "01.windows: not yet. `build_windows` raised IndexError: list index out of range, in the "
        "line `return tokens[99] + 1`.\n"
        "\ninputs: tokens = [1, 14, 14, 1], context_length = 3\n"
        "\nThis tests the windows of 'anna' with 3 tokens of context.\n"
    )


class Windows(torch.nn.Module):
    def forward(self, tokens, context_length):
        return exercise("01.windows").solved_by(tokens, context_length)


@pytest.mark.parametrize(
    "answer",
    [
        Windows(),
        torch.no_grad()(exercise("01.windows").solved_by),
        functools.partial(lambda k, tokens, n: Windows()(tokens, n + k), 0),
    ],
)
def test_a_correct_answer_hears_what_was_tested(windows, answer, capsys):
    windows.check(answer)
    said = capsys.readouterr().out
    assert said.startswith("01.windows: correct. Tested:\n\n- the windows of 'anna'")
    assert said.count("\n- ") == len(windows.checks)


@pytest.mark.parametrize("answer", [lambda tokens: tokens, functools.partial(len, 1)])
def test_a_function_with_other_parameters_gets_a_message(windows, answer, capsys):
    windows.check(answer)
    assert "`build_windows` raised TypeError: " in capsys.readouterr().out


def test_hints_come_one_after_another(windows, capsys):
    for number, hint in enumerate(windows.hints, 1):
        windows.hint()
        assert capsys.readouterr().out == f"Hint {number} of {len(windows.hints)}. {hint}\n"
    windows.hint()
    assert "that was the last" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["01.windows", "00.derivative", "05.unfreezing"])
def test_the_solution_is_shown_with_its_reason(name, capsys):
    exercise(name).solution()  # in the second and third there is a power, `**`
    assert capsys.readouterr().out == f"{exercise(name).source()}\n{exercise(name).why}\n"


def test_an_unknown_name_lists_the_names():
    with pytest.raises(ValueError, match=r"'01.window'; there are 01.windows, 01.nll"):
        exercise("01.window")
    with pytest.raises(ValueError, match=r"'windows'; there are 00.lengths.*01.windows"):
        exercise("windows")
