"""What a learner sees: the three outcomes, hints one after another, the solution, unknown names."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from course.exercises import exercise, exercises, numbers
from tests.course.exercises.proof import defined_by, outcome_of

WINDOWS = "01.windows"


@pytest.fixture
def windows():
    return replace(exercise(WINDOWS), _shown=[])


def only_dots(tokens, context_length):
    """What it does."""
    ...


def only_pass(tokens, context_length):
    pass


def returns_dots(tokens, context_length):
    return ...


def not_implemented(tokens, context_length):
    """What it does."""
    raise NotImplementedError


def not_implemented_yet(tokens, context_length):
    raise NotImplementedError("later")


@pytest.mark.parametrize(
    "stub",
    [
        only_dots,
        only_pass,
        returns_dots,
        not_implemented,
        not_implemented_yet,
        lambda *_: None,
        ...,
    ],
)
def test_a_stub_is_not_attempted(stub):
    assert outcome_of(WINDOWS, stub)[0]["outcome"] == "not attempted"


def test_a_forgotten_return_is_an_attempt():
    def forgets(tokens, context_length):
        torch.tensor(tokens)

    record, text = outcome_of(WINDOWS, forgets)
    assert record["outcome"] == "not yet"
    assert "`forgets` returned None; is the `return` missing?" in text


@pytest.mark.parametrize("thing", [None, 5, "text", torch.zeros(2), object(), int, [len]])
def test_what_is_no_function_gets_a_message(thing):
    record, text = outcome_of(WINDOWS, thing)
    assert record["outcome"] == "not yet"
    assert "`ex.check(build_windows)` without calling it" in text


def test_a_function_with_other_parameters_gets_a_message():
    record, text = outcome_of(WINDOWS, lambda tokens: tokens)
    assert record["outcome"] == "not yet"
    assert "takes 1 positional argument but 2 were given" in text


def test_the_message_names_the_line_that_raised(windows):
    source = "def build_windows(tokens, context_length):\n    n = 1\n    return tokens[99] + n\n"
    _, text = outcome_of(WINDOWS, defined_by(source, windows))
    assert "raised IndexError: list index out of range, in the line `return tokens[99] + n`" in text
    assert "tokens = [1, 14, 14, 1], context_length = 3" in text


def test_a_correct_answer_hears_what_was_tested(windows, capsys):
    assert windows.check(windows.solved_by) is None
    said = capsys.readouterr().out
    assert said.startswith("01.windows: correct. Tested:\n\n- the windows of 'anna'")
    assert said.count("\n- ") == len(windows.checks)


def test_a_text_holds_no_address_and_no_path():
    def raises(tokens, context_length):
        raise ValueError(f"{object()} in {__file__}")

    _, text = outcome_of(WINDOWS, raises)
    assert "<object object> in test_exercise.py" in text


def test_a_record_says_what_failed():
    record, _ = outcome_of(WINDOWS, lambda tokens, length: exercise(WINDOWS).solved_by(tokens, 3))
    assert record == {
        "exercise": WINDOWS,
        "outcome": "not yet",
        "failed": ["windows_of_other_lengths"],
        "version": "0.1.0",
        "answer": None,
    }


def test_a_stub_with_a_body_is_not_attempted_until_it_changes(windows):
    source = 'def build_windows(tokens, n):\n    """Doc."""\n    return {"a": ..., "b": n}\n'
    asked = replace(windows, stub=defined_by(source, windows), solved_by=windows.solved_by)
    from course.exercises.checking import _is_untouched

    again = defined_by(
        source.replace("Doc.", "Other words.").replace(", n)", ", n) -> dict"), asked
    )
    assert _is_untouched(again, asked.stub)
    changed = defined_by(source.replace("...", "1"), asked)
    assert not _is_untouched(changed, again)


def test_hints_come_one_after_another(windows, capsys):
    for number, hint in enumerate(windows.hints, 1):
        windows.hint()
        said = capsys.readouterr().out
        assert said == f"Hint {number} of {len(windows.hints)}. {hint}\n"
    windows.hint()
    assert "`ex.solution()` shows the solution" in capsys.readouterr().out


def test_the_solution_is_shown_with_its_reason(windows, capsys):
    windows.solution()
    said = capsys.readouterr().out
    assert said.startswith("def build_windows(tokens: list[int]")
    assert said.rstrip().endswith(windows.why)
    assert "```" not in said


def test_an_unknown_name_lists_the_names():
    with pytest.raises(
        ValueError, match=r"Did you mean 01.windows\? There are: 01.windows, 01.nll"
    ):
        exercise("01.window")
    with pytest.raises(ValueError, match=r"no exercise 'windows'.*01.windows"):
        exercise("windows")


@pytest.mark.parametrize("number", numbers())
def test_names_carry_their_notebooks_number(number):
    names = [each.name for each in exercises(number)]
    assert all(name.startswith(f"{number}.") for name in names)
    assert len(set(names)) == len(names)


def test_nothing_of_the_package_imports_the_exercises():
    code = (
        "import sys, intro_lm.data, intro_lm.models, intro_lm.training, intro_lm.evaluation\n"
        "print([name for name in sys.modules if 'exercises' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
