"""Wrong answers to the exercises of notebook 00, and what to tell who gives them."""

from __future__ import annotations

from torch import Tensor

from intro_lm.exercises.comparing import Mistake

Pair = tuple[Tensor, Tensor]


def _by_column(batch: Tensor) -> Tensor:
    return (batch != 0).sum(0)


def _sum_of_ids(batch: Tensor) -> Tensor:
    return batch.sum(1)


def _padding(batch: Tensor) -> Tensor:
    return (batch == 0).sum(1)


def _all_together(batch: Tensor) -> Tensor:
    return (batch != 0).sum()


def _width(batch: Tensor) -> Tensor:
    return (batch == batch).sum(1)


LENGTHS = (
    Mistake(
        _by_column,
        "This counts along direction 0, down the columns: one number for each place, not for each "
        "name. A row is counted along direction 1",
    ),
    Mistake(
        _sum_of_ids,
        "This adds up the ids. Count the places that hold a letter: a comparison gives true or "
        "false for each, and `sum` counts the true ones",
    ),
    Mistake(_padding, "This counts the zeros, which are the places without a letter"),
    Mistake(
        _all_together,
        "This counts the letters of all names together; `sum(1)` gives a number for each row",
    ),
    Mistake(_width, "This counts all places; those that hold 0 are filling and don't count"),
)


def _no_two(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return (t - y) * (1 - t**2) * x, (t - y) * (1 - t**2)


def _no_inner(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * (1 - t**2), 2 * (t - y) * (1 - t**2)


def _x_in_both(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * (1 - t**2) * x, 2 * (t - y) * (1 - t**2) * x


def _no_slope(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * x, 2 * (t - y)


def _slope_not_squared(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * (1 - t) * x, 2 * (t - y) * (1 - t)


def _slope_of_inside(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t, slope = (w * x + b).tanh(), 1 - (w * x + b) ** 2
    return 2 * (t - y) * slope * x, 2 * (t - y) * slope


def _turned(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (y - t) * (1 - t**2) * x, 2 * (y - t) * (1 - t**2)


def _swapped(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * (1 - t**2), 2 * (t - y) * (1 - t**2) * x


DERIVATIVE = (
    Mistake(_no_two, "Both are half of what they should be: the derivative of a square, u², is 2u"),
    Mistake(
        _no_inner,
        "The derivative with respect to w lacks its last factor: the chain ends with the "
        "derivative of w·x + b with respect to w",
    ),
    Mistake(
        _x_in_both,
        "The derivative of w·x + b with respect to b is 1: there is no factor x in the second",
    ),
    Mistake(
        _no_slope,
        "The tanh is missing in the chain: a factor 1 - tanh² stands between the square and the "
        "inside",
    ),
    Mistake(_slope_not_squared, "The derivative of tanh is 1 - tanh²; the square is missing"),
    Mistake(
        _slope_of_inside,
        "The derivative of tanh is 1 - tanh², with the square of the tanh, and this squares what "
        "is inside it",
    ),
    Mistake(
        _turned,
        "The sign is turned round. In (p - y)² the p has a plus; for (y - p)² a minus comes out "
        "of the inside",
    ),
    Mistake(_swapped, "The two are swapped: first with respect to w, then with respect to b"),
)


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


def _one_largest(logits: Tensor, targets: Tensor) -> Tensor:
    moved = logits - logits.max()
    return _picked(moved - moved.exp().sum(1, keepdim=True).log(), targets)


TOO_LARGE = (
    "`exp` of a large number is inf in 32 bits, and inf/inf is nan. Take each row's largest logit "
    "from all of that row first: the probabilities stay the same, and no `exp` exceeds 1"
)
KEEPDIM = (
    "The sums are lined up with the columns: the trap of broadcasting. `keepdim=True` keeps each "
    "sum beside its own row"
)
ONE_LARGEST = (
    "One largest logit is taken from all rows. A row that lies far below it becomes all zeros "
    "after `exp`: take from each row its own largest"
)
CROSS_ENTROPY = (
    Mistake(
        _log_of_zero,
        "The probability is so small that 32 bits make it 0, and log 0 is -inf. Don't go through "
        "the probability: log p is the logit minus the logarithm of the sum",
    ),
    Mistake(_overflows, TOO_LARGE),
    Mistake(_overflows_in_sum, TOO_LARGE),
    Mistake(_positive, "The sign is missing: log p is negative, and the loss is minus log p"),
    Mistake(_twice, "The softmax is done twice: its probabilities are taken for logits again"),
    Mistake(
        _not_normalised,
        "A logit is not yet a log-probability: the logarithm of the sum of the row's `exp` has to "
        "be taken from it",
    ),
    Mistake(_without_log, "The logarithm is missing: the loss is minus log p, and not minus p"),
    Mistake(
        _over_examples,
        "The softmax goes down the columns, over the examples. Each row is a distribution: sum "
        "along direction 1",
    ),
    Mistake(_over_all, "One sum over the whole table; each row is a distribution of its own"),
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
