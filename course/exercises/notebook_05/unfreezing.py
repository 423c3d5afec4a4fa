"""Exercise 05.unfreezing: when each layer learns, and how fast."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def learning_rates(
    layers: int,
    step: int,
    steps: int,
    rate: float,
    stage: float,
    decay: float,
    head_first: bool = True,
    gradual: bool = True,
) -> list[float]:
    """The learning rate of each layer at one step of fine-tuning.

    Args:
        layers: how many there are, the head included.
        step: from 0; `steps` is how many the run has.
        rate: the head's learning rate at this step.
        stage: share of the steps in a stage; n stages end before step `round(n * stage * steps)`.
        decay: each layer learns so many times more slowly than the one above.
        head_first: the head learns alone for a stage.
        gradual: one more layer joins in each stage; without it all below the head join together.

    Returns:
        The rates from the lowest layer up, the head's last; 0.0 for a layer that doesn't learn yet.

    >>> learning_rates(3, 4, 8, 0.01, 0.25, 4.0)
    [0.000625, 0.0025, 0.01]
    """
    rates = []
    for below in range(layers):
        waits = (1 if head_first else 0) + (below - 1 if gradual else 0)  # stages
        start = round(waits * stage * steps) if below else 0
        rates.append(rate * decay**-below if step >= start else 0.0)
    return rates[::-1]


class Plan(NamedTuple):
    """What the rates of all layers depend on: the arguments of `learning_rates`."""

    layers: int
    step: int
    steps: int
    rate: float
    stage: float
    decay: float
    head_first: bool = True
    gradual: bool = True

    def waits(self, k: int) -> float:
        """How many steps layer k below the head waits, before rounding."""
        stages = min(k, 1) * self.head_first + max(k - 1, 0) * self.gradual
        return stages * self.stage * self.steps

    def starts(self) -> list[int]:
        """When each layer begins, from the head down."""
        return [round(self.waits(k)) for k in self.below()]

    def below(self) -> range:
        return range(self.layers)


def _rates(of: Callable[[Plan, int, int], float]) -> Answer:
    """An answer whose rate for layer k below the head is `of(plan, k, start)`."""

    def rates(*arguments: Any) -> list[float]:
        plan = Plan(*arguments)
        return [of(plan, k, start) for k, start in enumerate(plan.starts())][::-1]

    return rates


def _reversed(*arguments: Any) -> list[float]:
    plan = Plan(*arguments)
    down = [plan.rate * plan.decay**-k for k in plan.below()]
    return [each if plan.step >= plan.starts()[k] else 0.0 for k, each in enumerate(down)]


def _steps_down(plan: Plan, k: int, start: int) -> float:
    return plan.rate * plan.decay**-k if plan.step >= start else 0.0


_ROUNDED = (
    "If a stage isn't a whole number of steps, layers begin at the wrong step: round the product "
    "`n * stage * steps` once, to the nearest"
)
MISTAKES = (
    Mistake(_rates(lambda p, k, _: _steps_down(p, k, int(p.waits(k)))), _ROUNDED),
    Mistake(_rates(lambda p, k, _: _steps_down(p, k, math.ceil(p.waits(k)))), _ROUNDED),
    Mistake(_reversed, "The rates are reversed: the lowest layer comes first, and the head last"),
    Mistake(
        _rates(lambda plan, k, start: plan.rate * plan.decay**-k),
        "Every layer learns from the first step; a layer that hasn't begun has rate 0",
    ),
    Mistake(
        _rates(lambda plan, k, start: plan.rate if plan.step >= start else 0.0),
        "All layers learn at the head's rate; each should learn `decay` times more slowly than the "
        "one above it",
    ),
    Mistake(
        _rates(lambda p, k, start: p.rate * p.decay**k if p.step >= start else 0.0),
        "The lower layers learn *faster* than the head: divide by `decay`, don't multiply",
    ),
    Mistake(
        _rates(lambda p, k, start: p.rate / (1 + k * (p.decay - 1)) if p.step >= start else 0.0),
        "The factor grows linearly; layer k below the head is slower by `decay` to the power of k",
    ),
    Mistake(
        _rates(lambda p, k, start: _steps_down(p, k, round(k * p.stage * p.steps))),
        "A switch is ignored: this is the result with both on",
    ),
    Mistake(
        _rates(lambda plan, k, start: _steps_down(plan, k, start + (k > 0))),
        "Layers begin one step too late: a layer learns at the step where it begins (`>=`)",
    ),
    Mistake(
        _rates(lambda p, k, start: _steps_down(p, k, round((k + 1) * p.stage * p.steps))),
        "The head waits; it should learn from step 0. With `step > start` it would miss that step "
        "too: use `>=`",
    ),
)


def rates_of_three_layers(answer: Answer) -> None:
    """three layers at each of 8 steps, with both switches on"""
    for step in range(8):
        compare(
            answer,
            learning_rates,
            (3, step, 8, 0.01, 0.25, 4.0, True, True),
            MISTAKES,
            tolerance=1e-7,
        )


def rates_of_five_layers(answer: Answer) -> None:
    """five layers, other stages and another decay"""
    for stage, steps in ((0.125, (0, 9, 10, 25, 30, 40, 79)), (0.17, (13, 14, 27, 28, 41, 54))):
        for step in steps:
            plan = (5, step, 80, 0.02, stage, 2.0, True, True)
            compare(answer, learning_rates, plan, MISTAKES, tolerance=1e-7)


def rates_without_parts(answer: Answer) -> None:
    """the rates with either switch off, and with both off"""
    for head_first, gradual in ((False, True), (True, False), (False, False)):
        for step in (0, 1, 2, 4, 6):
            plan = (4, step, 8, 0.01, 0.25, 4.0, head_first, gradual)
            compare(answer, learning_rates, plan, MISTAKES, tolerance=1e-7)


UNFREEZING = Exercise(
    name="05.unfreezing",
    solved_by=learning_rates,
    why=(
        "Two things are separate: when a layer begins, and how fast it learns once it has begun. "
        "When: it waits for the head's stage, if there is one, and for one more stage for each "
        "layer between it and the head, if layers join one by one. How fast: `decay**-below`, "
        "whatever the switches say. The head never waits, so the rule doesn't apply to it. "
        "`FineTuning` works this out for the optimiser, and the next section switches it off part "
        "by part."
    ),
    hints=(
        "Count from the head down: layer 0 is the head, layer 1 the one below. With both "
        "switches on, after how many stages does layer 2 begin? And with `gradual` off?",
        "The head doesn't wait. Layer k below it waits for one stage if `head_first`, and for k - "
        "1 more if `gradual`. After n stages it learns from step `round(n * stage * steps)` on.",
        "For each k from 0 to `layers - 1` append `rate * decay**-k` if `step >= start`, otherwise "
        "0.0; return the list reversed.",
    ),
    checks=(rates_of_three_layers, rates_of_five_layers, rates_without_parts),
    mistakes=MISTAKES,
)
