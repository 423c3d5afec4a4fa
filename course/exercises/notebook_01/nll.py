"""Exercise 01.nll: the loss of a bigram model that is a table of counts."""

from __future__ import annotations

import math
from itertools import pairwise

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def negative_log_likelihood(counts: torch.Tensor, names: list[list[int]]) -> float:
    """Measure a bigram model that is a table of counts, on some names.

    Args:
        counts: (V, V), how often each token (column) came after each token (row).
        names: the ids of each name's letters, without boundaries. The boundary is id 0.

    Returns:
        The mean negative log-likelihood of the names, in nats per predicted token, the boundary
        at each name's end included. It is infinite where a pair was never counted.
    """
    before = torch.tensor([token for name in names for token in [0, *name]])  # (N,)
    after = torch.tensor([token for name in names for token in [*name, 0]])  # (N,)
    probabilities = counts / counts.sum(1, keepdim=True)
    return -probabilities[before, after].log().mean().item()


def _pairs(names: list[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    before = torch.tensor([token for name in names for token in [0, *name]])
    return before, torch.tensor([token for name in names for token in [*name, 0]])


def _mean_of_names(counts: torch.Tensor, names: list[list[int]]) -> float:
    return sum(negative_log_likelihood(counts, [name]) for name in names) / len(names)


def _summed(counts: torch.Tensor, names: list[list[int]]) -> float:
    return negative_log_likelihood(counts, names) * sum(len(name) + 1 for name in names)


def _by_column(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts.sum(0, keepdim=True))[_pairs(names)].log().mean().item()


def _without_boundary(counts: torch.Tensor, names: list[list[int]]) -> float:
    pairs = [pair for name in names for pair in pairwise(name)]
    probabilities = counts / counts.sum(1, keepdim=True)
    return -torch.stack([probabilities[pair] for pair in pairs]).log().mean().item()


def _without_last(counts: torch.Tensor, names: list[list[int]]) -> float:
    pairs = [pair for name in names for pair in zip([0, *name], name, strict=False)]
    probabilities = counts / counts.sum(1, keepdim=True)
    return -torch.stack([probabilities[pair] for pair in pairs]).log().mean().item()


def _positive(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -negative_log_likelihood(counts, names)


def _in_bits(counts: torch.Tensor, names: list[list[int]]) -> float:
    return negative_log_likelihood(counts, names) / torch.tensor(2.0).log().item()


def _reversed(counts: torch.Tensor, names: list[list[int]]) -> float:
    before, after = _pairs(names)
    return -(counts / counts.sum(1, keepdim=True))[after, before].log().mean().item()


def _smoothed(counts: torch.Tensor, names: list[list[int]]) -> float:
    return negative_log_likelihood(counts + 1, names)


def _one_sum(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts[0].sum())[_pairs(names)].log().mean().item()


def _whole(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts.sum())[_pairs(names)].log().mean().item()


def _first_name(counts: torch.Tensor, names: list[list[int]]) -> float:
    return negative_log_likelihood(counts, names[:1])


def _by_math(counts: torch.Tensor, names: list[list[int]]) -> float:
    chosen = (counts / counts.sum(1, keepdim=True))[_pairs(names)]
    return -sum(math.log(p) for p in chosen) / len(chosen)


def _log_of_mean(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts.sum(1, keepdim=True))[_pairs(names)].mean().log().item()


LOG_OF_ZERO = (
    "`math.log(0)` is an error in Python, but here the loss is infinite: take the logarithm of a "
    "tensor, which gives -inf"
)
MISTAKES = (
    Mistake(_positive, "The sign is missing: log p is negative, the loss is minus log p"),
    Mistake(_summed, "This is the sum over the predicted tokens; divide by how many there are"),
    Mistake(
        _mean_of_names,
        "This averages the names' means, so a token of a short name weighs more. Take one mean "
        "over all tokens",
    ),
    Mistake(_without_last, "The end is missing: each name also predicts the boundary at its end"),
    Mistake(
        _without_boundary,
        "The boundaries are missing: the first letter is predicted from the boundary, and the "
        "boundary from the last letter",
    ),
    Mistake(
        _by_column,
        "The columns are divided by their sums. A row holds what came after one token, so divide "
        "each row by its sum, `counts.sum(1, keepdim=True)`",
    ),
    Mistake(_reversed, "The pairs are reversed: the row is the token before, the column after"),
    Mistake(_in_bits, "This is in bits, a logarithm to base 2; nats use the natural logarithm"),
    Mistake(_smoothed, "The counts are smoothed; use them as they are"),
    Mistake(_one_sum, "Every row is divided by the same sum; divide each by its own"),
    Mistake(_whole, "All counts are divided by the sum of the whole table; each row must sum to 1"),
    Mistake(_first_name, "Only the first name is measured"),
    Mistake(_by_math, LOG_OF_ZERO),
    Mistake(_log_of_mean, "This is the logarithm of a mean; take the mean of the logarithms"),
)


COUNTS = torch.tensor([[0.0, 6, 2], [3, 1, 1], [5, 2, 3]])


def loss_of_one_name(answer: Answer) -> None:
    """the loss of a two-letter name, with counts for three tokens"""
    compare(answer, negative_log_likelihood, (COUNTS, [[1, 2]]), MISTAKES)


def loss_of_two_names(answer: Answer) -> None:
    """the loss of two names of different lengths, with a mean over tokens"""
    compare(answer, negative_log_likelihood, (COUNTS, [[1], [1, 2, 2, 1, 1]]), MISTAKES)


def loss_of_a_new_pair(answer: Answer) -> None:
    """that a pair never counted makes the loss infinite"""
    counts = COUNTS.clone()
    counts[2, 2] = 0
    compare(answer, negative_log_likelihood, (counts, [[1, 2, 2]]), MISTAKES)


NLL = Exercise(
    name="01.nll",
    solved_by=negative_log_likelihood,
    why=(
        "A row of counts, divided by its sum, is the distribution of the next token. Indexing "
        "with two tensors, `probabilities[before, after]`, picks the probability of every pair "
        "at once. The mean is over all predicted tokens, including the boundary that ends each "
        "name: a model must also say where a name ends. A pair that was never counted has "
        "probability 0, and minus log 0 is infinite. That is why models are smoothed."
    ),
    hints=(
        "Turn the counts into probabilities first. Which dimension must sum to 1?",
        "Each name gives the pairs of `[0, *name]` and `[*name, 0]`.",
        "With `before` and `after` as two LongTensors, `probabilities[before, after]` has one "
        "probability for each predicted token. Take minus the mean of their logarithms.",
    ),
    checks=(loss_of_one_name, loss_of_two_names, loss_of_a_new_pair),
    mistakes=MISTAKES,
)
