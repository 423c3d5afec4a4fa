"""Exercise 01.windows: cut a name into contexts and targets."""

from __future__ import annotations

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare

Windows = tuple[torch.Tensor, torch.Tensor]


def build_windows(tokens: list[int], context_length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut one name into examples: every context, and the token that comes after it.

    Args:
        tokens: the n ids of the name's letters, without boundaries. The boundary is id 0.
        context_length: T, how many tokens a context holds.

    Returns:
        inputs, a LongTensor (n + 1, T), and targets, a LongTensor (n + 1,).
    """
    padded = torch.tensor([0] * context_length + tokens + [0])  # (T + n + 1,)
    windows = padded.unfold(0, context_length + 1, 1)  # (n + 1, T + 1)
    return windows[:, :-1], windows[:, -1]


def _cut(padded: list[int], length: int) -> Windows:
    rows = [padded[n : n + length + 1] for n in range(len(padded) - length)]
    windows = torch.tensor(rows, dtype=torch.long).view(len(rows), length + 1)
    return windows[:, :-1], windows[:, -1]


def _without_end(tokens: list[int], length: int) -> Windows:
    return _cut([0] * length + tokens, length)


def _without_padding(tokens: list[int], length: int) -> Windows:
    return _cut([*tokens, 0], length)


def _one_boundary(tokens: list[int], length: int) -> Windows:
    return _cut([0, *tokens, 0], length)


def _reversed(tokens: list[int], length: int) -> Windows:
    inputs, targets = build_windows(tokens, length)
    return inputs.flip(1), targets


def _padded_at_the_end(tokens: list[int], length: int) -> Windows:
    inputs, targets = build_windows(tokens, length)
    rows = [[*tokens[max(0, n - length) : n], *[0] * (length - n)] for n in range(len(inputs))]
    return torch.tensor(rows), targets


def _target_inside(tokens: list[int], length: int) -> Windows:
    inputs, targets = build_windows(tokens, length)
    return torch.cat([inputs[:, 1:], targets[:, None]], 1), targets


MISTAKES = (
    Mistake(_without_end, "The end is missing: the boundary after the last letter is a target too"),
    Mistake(
        _without_padding,
        "The beginning is missing: the first letters are predicted too, from a context padded "
        "with boundaries in front",
    ),
    Mistake(
        _one_boundary,
        "One boundary in front isn't enough: the first context is boundaries only, "
        "`context_length` of them",
    ),
    Mistake(_reversed, "The contexts are reversed: the most recent token comes last, on the right"),
    Mistake(_padded_at_the_end, "The padding follows the letters, but belongs before them"),
    Mistake(_target_inside, "Each context holds the very token that it should predict"),
)


ANNA = [1, 14, 14, 1]


def windows_of_anna(answer: Answer) -> None:
    """the windows of 'anna' with 3 tokens of context"""
    compare(answer, build_windows, (ANNA, 3), MISTAKES)


def windows_of_other_lengths(answer: Answer) -> None:
    """a context of one token, a context longer than the name, and a name without letters"""
    for tokens, length in ((ANNA, 1), ([5], 4), ([], 2)):
        compare(answer, build_windows, (tokens, length), MISTAKES)


WINDOWS = Exercise(
    name="01.windows",
    solved_by=build_windows,
    why=(
        "With T boundaries in front, each letter of the name has T tokens before it, and one "
        "rule works for all. `unfold` slides a window of T + 1 tokens over the padded name, one "
        "step at a time: all but the last are the context, the last is the target. It copies "
        "nothing; both results are views of the padded name."
    ),
    hints=(
        "Write down the five examples of *anna* as ids. Which list of ids, cut into pieces of "
        "`context_length + 1`, gives them all?",
        "Pad in front with `[0] * context_length`, and put one 0 at the end. There is one window "
        "for each letter and one for the end.",
        "`padded[i : i + context_length]` is context number i, and "
        "`padded[i + context_length]` its target. `tensor.unfold(0, size, 1)` gives all "
        "windows at once.",
    ),
    checks=(windows_of_anna, windows_of_other_lengths),
    mistakes=MISTAKES,
)
