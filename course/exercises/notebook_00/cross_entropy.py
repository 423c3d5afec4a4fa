"""Exercise 00.cross_entropy: the loss from logits of any size."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, NotYet, call, compare
from course.exercises.notebook_00.watching import Watch


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean negative log-likelihood of the right answers, from logits of any size.

    Args:
        logits: (B, V) floats, a row of scores for each example.
        targets: (B,) LongTensor, which column of each row is the right answer.

    Returns:
        The mean over the B examples, in nats: a tensor without dimensions.
    """
    moved = logits - logits.max(1, keepdim=True).values  # (B, V), none above 0
    log_sums = moved.exp().sum(1).log()  # (B,)
    chosen = moved[torch.arange(len(targets)), targets]  # (B,)
    return (log_sums - chosen).mean()


def _picked(log_p: Tensor, targets: Tensor) -> Tensor:
    return -log_p.gather(1, targets[:, None]).mean()


def _positive(logits: Tensor, targets: Tensor) -> Tensor:
    return -_picked(logits.log_softmax(1), targets)


def _summed(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.log_softmax(1), targets) * len(targets)


def _over_examples(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.log_softmax(0), targets)


def _over_all(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.flatten().log_softmax(0).view_as(logits), targets)


def _without_keepdim(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked((logits.exp() / logits.exp().sum(1)).log(), targets)


def _without_keepdim_in_logs(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits - logits.logsumexp(1), targets)


def _twice(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.softmax(1).log_softmax(1), targets)


def _not_normalised(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits, targets)


def _without_log(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.softmax(1), targets)


def _all_columns(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.log_softmax(1)[:, targets].mean()


def _log_of_mean(logits: Tensor, targets: Tensor) -> Tensor:
    return -logits.softmax(1).gather(1, targets[:, None]).mean().log()


def _overflows(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked((logits.exp() / logits.exp().sum(1, keepdim=True)).log(), targets)


def _overflows_in_sum(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits - logits.exp().sum(1, keepdim=True).log(), targets)


def _log_of_zero(logits: Tensor, targets: Tensor) -> Tensor:
    return _picked(logits.softmax(1).log(), targets)


def _log_by_math(logits: Tensor, targets: Tensor) -> Tensor:
    chosen = logits.softmax(1)[range(len(targets)), targets]
    return -torch.tensor([math.log(p) for p in chosen]).mean()


def _one_largest(logits: Tensor, targets: Tensor) -> Tensor:
    moved = logits - logits.max()
    return _picked(moved - moved.exp().sum(1, keepdim=True).log(), targets)


LOG_OF_ZERO = (
    "The probability is so small that 32 bits round it to 0, and log 0 is -inf, or an error in "
    "`math`. Skip the probability: log p is the logit minus the logarithm of the sum"
)
TOO_LARGE = (
    "`exp` of a large number is inf in 32 bits, and inf/inf is nan. First subtract each row's "
    "largest logit from its row: the probabilities stay the same, and no `exp` exceeds 1"
)
KEEPDIM = (
    "The trap of broadcasting: the sums line up with the columns. `keepdim=True` keeps each sum "
    "in its own row"
)
ONE_LARGEST = (
    "The same largest logit is subtracted from all rows. A row far below it becomes all zeros "
    "after `exp`: subtract each row's own largest"
)
MISTAKES = (
    Mistake(_log_of_zero, LOG_OF_ZERO),
    Mistake(_log_by_math, LOG_OF_ZERO),
    Mistake(_overflows, TOO_LARGE),
    Mistake(_overflows_in_sum, TOO_LARGE),
    Mistake(_positive, "The sign is missing: log p is negative, and the loss is minus log p"),
    Mistake(_twice, "The softmax is applied twice, the second time to probabilities"),
    Mistake(
        _not_normalised,
        "A logit is not yet a log-probability: subtract the logarithm of the sum of the row's "
        "`exp`",
    ),
    Mistake(_without_log, "The logarithm is missing: the loss is minus log p, not minus p"),
    Mistake(
        _over_examples,
        "The softmax goes down the columns, over the examples. Each row is a distribution: sum "
        "along dimension 1",
    ),
    Mistake(_over_all, "This is one sum over the whole table, but each row is a distribution"),
    Mistake(_without_keepdim, KEEPDIM),
    Mistake(_without_keepdim_in_logs, KEEPDIM),
    Mistake(
        _all_columns,
        "`[:, targets]` takes all targets from every row. Each row has one target: "
        "`[torch.arange(len(targets)), targets]` pairs them",
    ),
    Mistake(_summed, "This is the sum over the examples; the loss is their mean"),
    Mistake(_log_of_mean, "This is the logarithm of a mean; take the mean of the logarithms"),
    Mistake(_one_largest, ONE_LARGEST),
)


def _compare_losses(answer: Answer, *cases: tuple[list[list[float]], list[int]]) -> None:
    for logits, targets in cases:
        arguments = (torch.tensor(logits), torch.tensor(targets))
        compare(answer, cross_entropy, arguments, MISTAKES)


def loss_of_one_example(answer: Answer) -> None:
    """the loss of one example with three logits"""
    _compare_losses(answer, ([[1.0, 2.0, 0.5]], [0]))


def loss_of_a_batch(answer: Answer) -> None:
    """the mean over a batch, including one with as many rows as columns"""
    square = [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 2.5, -2.0]]
    _compare_losses(answer, (square, [0, 2, 0]), (square[:2], [1, 1]))


def loss_of_large_logits(answer: Answer) -> None:
    """logits of 1000 and of -1000, alone and in one batch"""
    large, small = [1000.0, 0.0, 0.0], [-1000.0, -1001.0, -1000.0]
    _compare_losses(
        answer,
        ([large], [0]),
        ([large], [1]),
        ([small], [1]),
        ([large[::-1]], [2]),
        ([[1000.0, 999.0, 1.0], small], [1, 0]),
    )


def loss_without_ours(answer: Answer) -> None:
    """that it does the work itself, without `F.cross_entropy`"""
    with Watch(F.cross_entropy) as watch:
        call(answer, torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([0]))
    if watch.seen:
        raise NotYet(
            "`F.cross_entropy` did the work. Write yours with `exp`, `sum` and `log`, and "
            "compare it with PyTorch's"
        )


CROSS_ENTROPY = Exercise(
    name="00.cross_entropy",
    solved_by=cross_entropy,
    why=(
        "The logarithm of the softmax is the logit minus the logarithm of the sum of the row's "
        "`exp`, so the loss needs no probability that might round to 0. Subtracting one number "
        "from all logits of a row divides numerator and denominator by the same factor, which "
        "changes nothing. If it is the row's largest logit, the largest `exp` is 1: no `exp` "
        "overflows, and the sum is at least 1. `torch.logsumexp`, `log_softmax` and "
        "`F.cross_entropy` all do this."
    ),
    hints=(
        "Write -log of the softmax as a difference. Which part depends on the right answer, and "
        "which on the whole row?",
        "The loss of a row is `log(sum(exp(z))) - z[target]`. "
        "`logits[torch.arange(len(targets)), targets]` picks one logit from each row.",
        "Start with `moved = logits - logits.max(1, keepdim=True).values`. Subtract the chosen "
        "entries of `moved` from `moved.exp().sum(1).log()`, and take the mean.",
    ),
    checks=(loss_of_one_example, loss_of_a_batch, loss_of_large_logits, loss_without_ours),
    mistakes=MISTAKES,
)
