"""Exercise 03.log_uniform: draw on a logarithmic scale."""

from __future__ import annotations

import math

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def log_uniform(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Turn numbers that are uniform from 0 to 1 into values whose logarithms are uniform.

    Args:
        fractions: (N,), each from 0 to 1.
        low: what a fraction of 0 becomes, above 0.
        high: what a fraction of 1 becomes.

    Returns:
        (N,), each from low to high.
    """
    return torch.exp(math.log(low) + fractions * (math.log(high) - math.log(low)))


def uniform(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return low + fractions * (high - low)


def still_logarithms(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return math.log(low) + fractions * (math.log(high) - math.log(low))


def still_decimal_logarithms(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return still_logarithms(fractions, low, high) / math.log(10)


def two_bases(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return still_decimal_logarithms(fractions, low, high).exp()


def two_bases_reversed(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return 10 ** still_logarithms(fractions, low, high)


def without_low(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return low * high**fractions


def from_the_top(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return high * (low / high) ** fractions


def evenly(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return torch.logspace(math.log10(low), math.log10(high), len(fractions))


def to_one(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return low ** (1 - fractions)


def from_one(fractions: torch.Tensor, low: float, high: float) -> torch.Tensor:
    return high**fractions


MISTAKES = (
    Mistake(
        uniform,
        "This is uniform in the value itself. Its logarithm should be uniform: take the logarithms "
        "of low and high, interpolate between them, and apply `exp`",
    ),
    Mistake(still_logarithms, "These are still logarithms; undo them with `exp`"),
    Mistake(still_decimal_logarithms, "These are still logarithms; undo them with `10 **`"),
    Mistake(
        two_bases,
        "Two bases are mixed: `exp` undoes the natural logarithm, `10 **` undoes `log10`",
    ),
    Mistake(
        two_bases_reversed,
        "Two bases are mixed: `10 **` undoes `log10`, `exp` undoes the natural logarithm",
    ),
    Mistake(
        without_low,
        "A fraction of 1 becomes low * high. Multiply low by high / low instead",
    ),
    Mistake(evenly, "These are evenly spaced and ignore `fractions`; go as far as each says"),
    Mistake(to_one, "A fraction of 1 becomes 1 whatever `high` is"),
    Mistake(from_one, "A fraction of 0 becomes 1 whatever `low` is"),
    Mistake(from_the_top, "This goes from high to low; a fraction of 0 must become low"),
)


def powers_of_ten(answer: Answer) -> None:
    """that halfway from 1 to 100 is 10"""
    compare(answer, log_uniform, (torch.tensor([0.0, 0.5, 1.0]), 1.0, 100.0), MISTAKES)


def learning_rates(answer: Answer) -> None:
    """a hundred learning rates from 0.0001 to 1"""
    fractions = torch.linspace(0, 1, 100)
    compare(answer, log_uniform, (fractions, 0.0001, 1.0), MISTAKES, tolerance=2e-6)
    fractions = torch.tensor([0.9, 0.1, 0.25, 0.0])
    compare(answer, log_uniform, (fractions, 0.002, 0.3), MISTAKES, tolerance=2e-6)


LOG_UNIFORM = Exercise(
    name="03.log_uniform",
    solved_by=log_uniform,
    why=(
        "Equal steps in the fraction become equal steps in the logarithm, and so equal *factors* "
        "in the value: each order of magnitude gets the same share of the draws. Without "
        "logarithms, it is `low * (high / low) ** fractions`."
    ),
    hints=(
        "From 1 to 100, a fraction of 0.5 must become 10. What do you notice about the logarithms "
        "of 1, 10 and 100?",
        "The fraction says how far to go from `math.log(low)` to `math.log(high)`.",
        "Take `torch.exp` of `math.log(low) + fractions * (math.log(high) - math.log(low))`.",
    ),
    checks=(powers_of_ten, learning_rates),
    mistakes=MISTAKES,
)
