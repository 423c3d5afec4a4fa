"""What goes wrong in the exercises of notebook 05, and what to say to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch

from intro_lm.exercises.comparing import Answer, Mistake


def _shares(answers: torch.Tensor, labels: torch.Tensor, by: torch.Tensor) -> list[float]:
    right = answers == labels
    return [right[by == each].double().mean().item() for each in by.unique()]


def _accuracy(answers: torch.Tensor, labels: torch.Tensor) -> float:
    return (answers == labels).double().mean().item()


def _precision(answers: torch.Tensor, labels: torch.Tensor) -> float:
    shares = _shares(answers, labels, answers)
    return sum(shares) / len(shares)


def _over_answered(answers: torch.Tensor, labels: torch.Tensor) -> float:
    shares = _shares(answers, labels, labels)
    return sum(shares) / len(answers.unique())


def _over_all_ids(answers: torch.Tensor, labels: torch.Tensor) -> float:
    highest = max(answers.max().item(), labels.max().item())
    return sum(_shares(answers, labels, labels)) / (highest + 1)


def _over_either(answers: torch.Tensor, labels: torch.Tensor) -> float:
    return sum(_shares(answers, labels, labels)) / len(torch.cat([answers, labels]).unique())


def _f1(answers: torch.Tensor, labels: torch.Tensor) -> float:
    values = []
    for each in labels.unique():
        hits = ((answers == each) & (labels == each)).sum().item()
        values.append(2 * hits / ((answers == each).sum() + (labels == each).sum()).item())
    return sum(values) / len(values)


RECALL = (
    Mistake(_accuracy, "This is the accuracy, in which a class counts as often as it has names"),
    Mistake(
        _precision,
        "This is the mean precision: what is divided by is how many names were *given to* a class. "
        "Divide by how many belong to it",
    ),
    Mistake(
        _over_answered,
        "The recalls are right, and divided by the number of classes among the answers. A class "
        "that was never answered has recall 0 and counts",
    ),
    Mistake(
        _over_all_ids,
        "Classes without any name in `labels` are counted too; they have no recall. Take the mean "
        "over the classes that occur in `labels`",
    ),
    Mistake(
        _over_either,
        "A class that occurs in `answers` alone has no names to be found, so no recall. Take the "
        "mean over the classes that occur in `labels`",
    ),
    Mistake(_f1, "This is the macro-averaged F1; here the recall alone is asked for"),
)


def _pooled(hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    real = real[:, :, None]
    mean = (hidden * real).sum(1) / real.sum(1).clamp(min=1)
    largest = hidden.masked_fill(~real, -math.inf).amax(1)
    return torch.cat([mean, largest.where(real.any(1), torch.zeros(()))], dim=1)


def _ends(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    places = torch.arange(hidden.shape[1])
    return (places < lengths[:, None]) & (places >= lengths[:, None] - k)


def _last_columns(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return torch.cat([hidden[:, -k:].mean(1), hidden[:, -k:].amax(1)], dim=1)


def _real_among_last_columns(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    steps = hidden.shape[1]
    places = torch.arange(steps)
    return _pooled(hidden, (places < lengths[:, None]) & (places >= steps - k))


def _first_states(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) < lengths[:, None].clamp(max=k))


def _all_states(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) < lengths[:, None])


def _padding_after_the_end(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) >= lengths[:, None] - k)


def _one_too_far(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, _ends(hidden, lengths + 1, k))


def _one_too_far_inside(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, _ends(hidden, (lengths + 1).clamp(max=hidden.shape[1]), k))


def _with(
    hidden: torch.Tensor,
    lengths: torch.Tensor,
    k: int,
    divisor: torch.Tensor | int | None = None,
    filler: float | None = None,
) -> torch.Tensor:
    """The right result but for what the sum is divided by, or what stands in padding's place."""
    real = _ends(hidden, lengths, k)
    mean, largest = _pooled(hidden, real).chunk(2, dim=1)
    if divisor is not None:
        mean = (hidden * real[:, :, None]).sum(1) / divisor
    if filler is not None:
        largest = hidden.masked_fill(~real[:, :, None], filler).amax(1)
    return torch.cat([mean, largest], dim=1)


def _divided_by_k(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, divisor=k)


def _divided_by_k_over_zeros(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, divisor=k, filler=0.0)


def _divided_by_length(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, divisor=lengths[:, None].clamp(min=1))


def _largest_with_zeros(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, filler=0.0)


def _empty_is_infinite(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, filler=-math.inf)


def _empty_is_nothing(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    taken = lengths[:, None].clamp(max=k)
    return _with(hidden, lengths, k, divisor=taken, filler=-math.inf)


def _maximum_first(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    mean, largest = _with(hidden, lengths, k).chunk(2, dim=1)
    return torch.cat([largest, mean], dim=1)


_FAR = "It is one place too far: the last real state stands at `lengths - 1`"
_EMPTY = (
    "The text without a state gives NaN or minus infinity: a mean of nothing is 0/0, and the "
    "largest of nothing is minus infinity. Such a row is to be zeros"
)
_ZEROS = (
    "Zeros of the padding win the maximum where all real states are negative. Put minus infinity "
    "in the place of what doesn't count (`masked_fill`), not 0"
)
POOL = (
    Mistake(
        _last_columns,
        "These are the last `k` columns, padding and all; a short text ends earlier. What stands "
        "behind its end must not count",
    ),
    Mistake(
        _real_among_last_columns,
        "Padding is masked, but the last `k` *columns* are taken: a short text ends earlier, and "
        "its last `k` states end at its own length",
    ),
    Mistake(
        _padding_after_the_end,
        "The padding behind the end is pooled too: a place counts if it is before the length *and* "
        "not before the length less `k`",
    ),
    Mistake(_one_too_far, _FAR),
    Mistake(_one_too_far_inside, _FAR),
    Mistake(_first_states, "These are the first `k` states; the last `k` real ones are asked for"),
    Mistake(_all_states, "All real states are pooled; take the last `k` of them"),
    Mistake(
        _divided_by_k,
        "The sum is divided by `k` where the text has fewer states; divide by how many were taken",
    ),
    Mistake(
        _divided_by_length,
        "The sum of the last states is divided by the length of the whole text; divide by how many "
        "were taken",
    ),
    Mistake(_largest_with_zeros, _ZEROS),
    Mistake(
        _divided_by_k_over_zeros,
        "A text shorter than `k` has fewer states, so its sum is not to be divided by `k`. And its "
        "maximum is taken over zeros, too",
    ),
    Mistake(_empty_is_infinite, _EMPTY),
    Mistake(_empty_is_nothing, _EMPTY),
    Mistake(_maximum_first, "The maximum stands first; the mean is asked for first"),
)


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

    def starts(self) -> list[int]:
        """When each layer begins, from the head down."""
        stages = (min(k, 1) * self.head_first + max(k - 1, 0) * self.gradual for k in self.below())
        return [round(n * self.stage * self.steps) for n in stages]

    def below(self) -> range:
        return range(self.layers)


def _rates(of: Callable[[Plan, int, int], float]) -> Answer:
    """What gives all rates, out of what gives that of layer k below the head with its start."""

    def rates(*arguments: Any) -> list[float]:
        plan = Plan(*arguments)
        return [of(plan, k, start) for k, start in enumerate(plan.starts())][::-1]

    return rates


def _turned(*arguments: Any) -> list[float]:
    plan = Plan(*arguments)
    down = [plan.rate * plan.decay**-k for k in plan.below()]
    return [each if plan.step >= plan.starts()[k] else 0.0 for k, each in enumerate(down)]


def _steps_down(plan: Plan, k: int, start: int) -> float:
    return plan.rate * plan.decay**-k if plan.step >= start else 0.0


RATES = (
    Mistake(
        _turned, "The rates are turned round: the lowest layer stands first, and the head last"
    ),
    Mistake(
        _rates(lambda plan, k, start: plan.rate * plan.decay**-k),
        "Every layer learns from the first step; one whose time has not come has rate 0",
    ),
    Mistake(
        _rates(lambda plan, k, start: plan.rate if plan.step >= start else 0.0),
        "All layers learn at the head's rate; each is to learn `decay` times more slowly than the "
        "one above it",
    ),
    Mistake(
        _rates(lambda p, k, start: p.rate * p.decay**k if p.step >= start else 0.0),
        "The lower layers learn *faster* than the head: divide by `decay`, don't multiply",
    ),
    Mistake(
        _rates(lambda p, k, start: p.rate / (1 + k * (p.decay - 1)) if p.step >= start else 0.0),
        "The factor grows by steps; layer k below the head is slower by `decay` to the power of k",
    ),
    Mistake(
        _rates(lambda p, k, start: _steps_down(p, k, round(k * p.stage * p.steps))),
        "A switch is ignored: this is what both switches on give",
    ),
    Mistake(
        _rates(lambda plan, k, start: _steps_down(plan, k, start + (k > 0))),
        "Layers begin one step too late: a layer learns at the step that it begins with (`>=`)",
    ),
    Mistake(
        _rates(lambda p, k, start: _steps_down(p, k, round((k + 1) * p.stage * p.steps))),
        "The head itself waits; it learns from the first step, which is step 0 (with "
        "`step > start` it would miss that one, too; `>=` is meant)",
    ),
)
