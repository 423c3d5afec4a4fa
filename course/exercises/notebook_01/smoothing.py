"""Exercise 01.smoothing: add to the counts of a bigram model."""

from __future__ import annotations

import math

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare
from course.exercises.notebook_01.nll import LOG_OF_ZERO

Smoothed = tuple[torch.Tensor, float]


def smooth(
    counts: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Smooth a bigram model by adding to its counts, and measure it on pairs of tokens.

    Args:
        counts: (V, V) whole numbers, how often each token (column) came after each token (row).
        alpha: what is added to every count; 1 is add-one smoothing.
        before: (N,) ids of tokens.
        after: (N,) ids of the tokens that came after those.

    Returns:
        The probabilities (V, V), of which each row sums to 1, and the mean negative log-likelihood
        of the N pairs, in nats.
    """
    larger = counts + alpha  # (V, V)
    probabilities = larger / larger.sum(1, keepdim=True)
    return probabilities, -probabilities[before, after].log().mean().item()


def _measured(p: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return p, -p[before, after].log().mean().item()


def _rows(table: torch.Tensor) -> torch.Tensor:
    return table / table.sum(1, keepdim=True)


def _always_one(n: torch.Tensor, _: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n + 1), before, after)


def _never(n: torch.Tensor, _: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n), before, after)


def _late(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n) + alpha, before, after)


def _zeros(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(torch.where(n == 0, alpha, n)), before, after)


def _old_sum(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / n.sum(1, keepdim=True), before, after)


def _one_more(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n.sum(1, keepdim=True) + alpha), before, after)


def _columns(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(0, keepdim=True), before, after)


def _no_keepdim(
    n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor
) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(1), before, after)


def _whole(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(), before, after)


def _backward(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n + alpha), after, before)


def _three(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n.sum(1, keepdim=True) + 3 * alpha), before, after)


def _first(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n + alpha), before[:1], after[:1])


def _by_math(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    p = _rows(n + alpha)
    return p, -sum(math.log(each) for each in p[before, after]) / len(after)


def _added_up(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    p, loss = _measured(_rows(n + alpha), before, after)
    return p, loss * len(after)


def _unsigned(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    p, loss = _measured(_rows(n + alpha), before, after)
    return p, -loss


MISTAKES = (
    Mistake(_always_one, "1 is added whatever `alpha` is; add `alpha`"),
    Mistake(_never, "Nothing is added to the counts: a pair never seen still gets probability 0"),
    Mistake(
        _late,
        "`alpha` is added to the probabilities, which then no longer sum to 1. Add it to the "
        "counts, then divide",
    ),
    Mistake(
        _zeros,
        "Only the counts of 0 grow. Add `alpha` to every count: a pair seen once was lucky too",
    ),
    Mistake(
        _old_sum,
        "The rows sum to more than 1: they are divided by the sums from before `alpha` was added",
    ),
    Mistake(
        _one_more,
        "The rows sum to more than 1: each of the V counts in a row grows by `alpha`, so the row's "
        "sum grows by V times `alpha`",
    ),
    Mistake(_columns, "The columns sum to 1, but the rows should: a row is what follows one token"),
    Mistake(
        _no_keepdim,
        "The rows don't sum to 1: the (V,) sums line up with the columns. With `keepdim=True`, "
        "each row is divided by its own sum",
    ),
    Mistake(_whole, "The whole table sums to 1, but each row should"),
    Mistake(_backward, "The pairs are reversed: the row is the token before, the column after"),
    Mistake(_three, "The rows sum to 1 only for three tokens; V is the length of a row"),
    Mistake(_first, "Only the first pair is measured; the loss is the mean over all pairs"),
    Mistake(_by_math, LOG_OF_ZERO),
    Mistake(_added_up, "This is the sum over the pairs; divide by how many there are"),
    Mistake(_unsigned, "The sign is missing: log p is negative, the loss is minus log p"),
)


def smoothed_by_one(answer: Answer) -> None:
    """add-one smoothing: a table whose rows sum to 1, and the loss of one pair"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [5, 2, 1]])
    compare(answer, smooth, (counts, 1.0, torch.tensor([1]), torch.tensor([2])), MISTAKES)


def smoothed_by_other_amounts(answer: Answer) -> None:
    """a pair that was never counted, a token that was never seen, and amounts other than 1"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [0, 0, 0]])
    before, after = torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1])
    for alpha in (0.5, 100.0):
        compare(answer, smooth, (counts, alpha, before, after), MISTAKES)
        compare(answer, smooth, (counts[:2, :2], alpha, before[:2], after[:2]), MISTAKES)


def not_smoothed(answer: Answer) -> None:
    """that with `alpha` 0 a pair never counted makes the loss infinite"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [5, 2, 1]])
    pairs = torch.tensor([0, 1]), torch.tensor([0, 2])
    compare(answer, smooth, (counts, 0.0, *pairs), MISTAKES)


SMOOTHING = Exercise(
    name="01.smoothing",
    solved_by=smooth,
    why=(
        "Each of the V counts in a row grows by `alpha`, so the row's sum grows by V times "
        "`alpha`. Dividing by the new sum gives every pair a probability. Smoothing moves belief "
        "from what was counted to what wasn't. Where a row holds thousands of counts, 1 more or "
        "less hardly matters. Where it holds ten, the V added ones outweigh them, and every "
        "token becomes nearly as likely as any other. So choose the amount on names that you "
        "didn't count."
    ),
    hints=(
        "Add first, then divide. Which sum do you divide by: the old or the new one?",
        "`larger = counts + alpha` and its sums over dimension 1, with `keepdim=True`, give the "
        "table. The loss is that of the previous exercise, for the given pairs.",
        "`probabilities = larger / larger.sum(1, keepdim=True)`; then "
        "`-probabilities[before, after].log().mean().item()`.",
    ),
    checks=(smoothed_by_one, smoothed_by_other_amounts, not_smoothed),
    mistakes=MISTAKES,
)
