"""Exercise 00.lengths: count the letters of each name in a batch."""

from __future__ import annotations

import torch
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def name_lengths(batch: torch.Tensor) -> torch.Tensor:
    """Count the letters of each name.

    Args:
        batch: (B, T) LongTensor, one name a row: ids of letters, padded with 0 on the right.

    Returns:
        (B,) LongTensor, how many letters each name has.
    """
    return (batch != 0).sum(1)


def _by_column(batch: Tensor) -> Tensor:
    return (batch != 0).sum(0)


def _sum_of_ids(batch: Tensor) -> Tensor:
    return batch.sum(1)


def _padding(batch: Tensor) -> Tensor:
    return (batch == 0).sum(1)


def _all_together(batch: Tensor) -> Tensor:
    return (batch != 0).sum()


def _squeezed(batch: Tensor) -> Tensor:
    return (batch != 0).sum(1).squeeze()


def _first_name(batch: Tensor) -> Tensor:
    return (batch[:1] != 0).sum(1).expand(len(batch))


def _width(batch: Tensor) -> Tensor:
    return (batch == batch).sum(1)


MISTAKES = (
    Mistake(
        _by_column,
        "This counts along dimension 0, down the columns: one number per column, not per name. "
        "To count along each row, use dimension 1",
    ),
    Mistake(
        _sum_of_ids,
        "This adds up the ids. Count the letters instead: a comparison gives true or "
        "false for each, and `sum` counts the true ones",
    ),
    Mistake(_padding, "This counts the zeros, which are padding"),
    Mistake(_first_name, "This gives every name the length of the first"),
    Mistake(
        _squeezed,
        "A batch of one name loses its dimension: `squeeze` drops every dimension of size 1",
    ),
    Mistake(
        _all_together,
        "This counts the letters of all names together; `sum(1)` gives a number for each row",
    ),
    Mistake(_width, "This counts all columns, but those with 0 are padding"),
)


def lengths_of_two(answer: Answer) -> None:
    """the lengths of *anna* and *bob*"""
    compare(answer, name_lengths, (torch.tensor([[1, 14, 14, 1, 0], [2, 15, 2, 0, 0]]),), MISTAKES)


def lengths_at_the_edges(answer: Answer) -> None:
    """a square batch, a single name, and a row without letters"""
    for rows in ([[1, 0, 0], [2, 3, 4], [5, 6, 0]], [[3, 1, 0, 0, 0]], [[0, 0], [26, 0]]):
        compare(answer, name_lengths, (torch.tensor(rows),), MISTAKES)


LENGTHS = Exercise(
    name="00.lengths",
    solved_by=name_lengths,
    why=(
        "`batch != 0` has the shape of `batch` and is true where there is a letter. `sum(1)` "
        "adds along dimension 1, over the T columns of each row, counts every true as 1, and "
        "leaves one number per name. A tensor of true and false that says what counts is a "
        "*mask*. Any batch of names or texts of different lengths needs one."
    ),
    hints=(
        "Which numbers of the batch are letters, and which are padding? One comparison "
        "answers that for all of them.",
        "`(batch != 0).sum()` counts the letters of all names together. Give `sum` the "
        "dimension to add along: `sum(1)` goes along each row.",
    ),
    checks=(lengths_of_two, lengths_at_the_edges),
    mistakes=MISTAKES,
)
