"""Exercise 00.derivative: a gradient from formulas, without autograd."""

from __future__ import annotations

import torch
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, NotYet, call, compare, describe
from course.exercises.notebook_00.watching import Watch
from course.exercises.values import difference

Pair = tuple[Tensor, Tensor]


def gradient(
    w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the loss (tanh(w·x + b) - y)², from formulas.

    Args:
        w, b: the parameters, tensors without dimensions.
        x, y: the input and what the output should be, tensors without dimensions.

    Returns:
        The derivative of the loss with respect to w, and the one with respect to b.
    """
    prediction = torch.tanh(w * x + b)
    db = 2 * (prediction - y) * (1 - prediction**2)
    return db * x, db


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


def _reversed(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (y - t) * (1 - t**2) * x, 2 * (y - t) * (1 - t**2)


def _swapped(w: Tensor, b: Tensor, x: Tensor, y: Tensor) -> Pair:
    t = (w * x + b).tanh()
    return 2 * (t - y) * (1 - t**2), 2 * (t - y) * (1 - t**2) * x


MISTAKES = (
    Mistake(_no_two, "Both are half of what they should be: the derivative of u² is 2u"),
    Mistake(
        _no_inner,
        "The last factor of the derivative with respect to w is missing: the chain ends with the "
        "derivative of w·x + b with respect to w",
    ),
    Mistake(
        _x_in_both,
        "The derivative of w·x + b with respect to b is 1, so the second has no factor x",
    ),
    Mistake(
        _no_slope,
        "The tanh is missing from the chain: the factor 1 - tanh² belongs between the square and "
        "the inside",
    ),
    Mistake(_slope_not_squared, "The derivative of tanh is 1 - tanh²; the square is missing"),
    Mistake(
        _slope_of_inside,
        "The derivative of tanh is 1 - tanh², but this squares what is inside the tanh",
    ),
    Mistake(
        _reversed,
        "The sign is wrong. In (p - y)² the p has a plus; in (y - p)² it has a minus, a factor "
        "of -1",
    ),
    Mistake(_swapped, "The two are swapped: w comes first, then b"),
)


def _numbers(*values: float) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(value, dtype=torch.float64) for value in values)


def gradient_at_a_point(answer: Answer) -> None:
    """the gradient at w = 0.5, b = -0.5 for x = 2, y = -1"""
    compare(answer, gradient, _numbers(0.5, -0.5, 2, -1), MISTAKES, tolerance=1e-5)


def gradient_elsewhere(answer: Answer) -> None:
    """other parameters, a negative x, and a point where the loss is 0"""
    for point in ((-1.0, 0.3, 0.5, 0.2), (0.4, 0.1, -3.0, 1.0), (0.7, 0.0, 0.0, 0.0)):
        compare(answer, gradient, _numbers(*point), MISTAKES, tolerance=1e-5)


def gradient_from_formulas(answer: Answer) -> None:
    """that the gradient comes from formulas, without autograd"""
    point = _numbers(0.5, -0.1, 2, 1e10)  # the loss is 1e20: rounding swallows differences
    if difference(call(answer, *point), gradient(*point), 1e-5):
        raise NotYet(
            "The numbers are right where the loss is small, but lost to rounding where it is "
            "large. Are they differences of two losses? Write the two formulas instead",
            {"inputs": describe(answer, point)},
        )
    with Watch(torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad) as watch:
        call(answer, *point)
    if watch.seen:
        raise NotYet(
            "The numbers are right, but autograd found them. Write the two formulas, and compare "
            "them with autograd"
        )


DERIVATIVE = Exercise(
    name="00.derivative",
    solved_by=gradient,
    why=(
        "The chain rule multiplies the slopes of three steps. With p = tanh(w·x + b), the square "
        "gives 2(p - y); tanh gives 1 - p²; and w·x + b gives x with respect to w and 1 with "
        "respect to b. So the two differ only by the factor x, and we calculate the rest once. "
        "`backward()` saves work in the same way."
    ),
    hints=(
        "The loss has three steps: w·x + b, then tanh, then the square of the distance to y. "
        "What is the derivative of each step alone?",
        "With p = tanh(w·x + b): the square gives 2(p - y), tanh gives 1 - p², and the inside "
        "gives x with respect to w and 1 with respect to b.",
        "Multiply the three: `db = 2 * (p - y) * (1 - p**2)`, and `dw` is `db * x`. Return "
        "`dw, db`.",
    ),
    checks=(gradient_at_a_point, gradient_elsewhere, gradient_from_formulas),
    mistakes=MISTAKES,
)
