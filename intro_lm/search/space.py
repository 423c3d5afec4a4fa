"""What a sweep searches: hyperparameters with their ranges, as plain data, and samplers over them.

A space is a dict, or a table in a TOML file, from a hyperparameter's name to one kind of range:

    {
        "learning_rate": {"log-uniform": [0.001, 0.1]},
        "weight_decay": {"uniform": [0.0, 0.5]},
        "hidden_size": {"integer": [50, 400]},
        "context_length": {"categorical": [3, 5, 8]},
    }

`log-integer` is there too, and the order of the entries makes no difference. A grid needs a number
of `points` beside every range but a categorical one: `{"log-uniform": [0.001, 0.1], "points": 5}`.
Without it an integer takes every value.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial

Value = float | int | str | bool
Space = Mapping[str, Mapping[str, Any]]

KINDS = ("log-uniform", "uniform", "integer", "log-integer", "categorical")
SAMPLERS = ("tpe", "random", "grid")
LARGEST_GRID = 10_000
STARTUP_TRIALS = 10  # drawn at random before TPE has something to model, Optuna's own default


def distributions(
    space: Space, known: Mapping[str, type] | None = None
) -> dict[str, BaseDistribution]:
    """Check a space and translate it for Optuna.

    Args:
        space: see the head of this module.
        known: the hyperparameters that there are, and their types; None takes any.

    Raises:
        ValueError: an entry can't be searched; the message names it.
    """
    if not space:
        raise ValueError("the space is empty; name at least one hyperparameter to search")
    return {name: _distribution(name, space[name], known) for name in sorted(space)}


def grid(space: Space) -> list[dict[str, Value]]:
    """Every point of the space's grid, the hyperparameters in the order of their names.

    Raises:
        ValueError: a range has no number of points, or the grid has more than 10,000.
    """
    axes = {name: _points(name, space[name], each) for name, each in distributions(space).items()}
    size = math.prod(len(points) for points in axes.values())
    if size > LARGEST_GRID:
        counts = " × ".join(f"{name} {len(points)}" for name, points in axes.items())
        raise ValueError(
            f"the grid has {size:,} points ({counts}), over {LARGEST_GRID:,}; give fewer points, "
            "or use the sampler random"
        )
    combinations: list[dict[str, Value]] = [{}]
    for name, points in axes.items():
        combinations = [{**each, name: value} for each in combinations for value in points]
    return combinations


class SlotSampler(BaseSampler):
    """Draws each trial's values from a generator seeded by the sweep's seed and the trial's slot.

    Optuna's samplers have one generator a process, so that a study resumed with the same seed draws
    its first trials again, and two workers with the same seed draw the same. Here the values hang
    on the slot, the place of the trial in the sweep, and for TPE on the trials before it. So a grid
    and random search are the same however they were interrupted and spread, and TPE is where one
    worker ran.

    Args:
        sampler: one of `SAMPLERS`.
        space: what is searched.
        seed: the sweep's.
        slot_of: from a study and a trial to the trial's slot.
    """

    def __init__(
        self,
        sampler: str,
        space: Space,
        seed: int,
        slot_of: Callable[[Study, FrozenTrial], int],
    ) -> None:
        self._kind, self._seed, self._slot_of = sampler, seed, slot_of
        self._space = distributions(space)
        self._grid: list[dict[str, Value]] = []
        if sampler == "grid":
            points = grid(space)
            order = np.random.default_rng(seed).permutation(len(points))
            self._grid = [points[place] for place in order]
        self._slot = 0
        self._inner: BaseSampler = RandomSampler()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self._slot = self._slot_of(study, trial)
        seed = int(np.random.SeedSequence([self._seed, self._slot]).generate_state(1)[0])
        if self._kind == "tpe":
            self._inner = TPESampler(
                seed=seed, multivariate=True, constant_liar=True, n_startup_trials=STARTUP_TRIALS
            )
        else:
            self._inner = RandomSampler(seed=seed)

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return self._space

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """All values at once, so that each is the same whichever of them are fixed already."""
        if self._kind == "grid":
            return dict(self._grid[self._slot % len(self._grid)])
        values = self._inner.sample_relative(study, trial, search_space)
        for name, each in search_space.items():
            if name not in values:
                values[name] = self._inner.sample_independent(study, trial, name, each)
        return values

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        return self._inner.sample_independent(study, trial, param_name, param_distribution)


def _distribution(
    name: str, entry: Mapping[str, Any], known: Mapping[str, type] | None
) -> BaseDistribution:
    if known is not None and name not in known:
        raise ValueError(
            f"space.{name} is not a hyperparameter, or is fixed; there are "
            f"{', '.join(sorted(known))}"
        )
    kinds = [key for key in entry if key != "points"] if isinstance(entry, Mapping) else []
    if len(kinds) != 1 or kinds[0] not in KINDS:
        raise ValueError(
            f"space.{name} is {entry!r}; give one of {', '.join(KINDS)}, "
            'say {"uniform": [0.0, 0.5]}'
        )
    kind, bounds = kinds[0], entry[kinds[0]]
    if not isinstance(bounds, Sequence) or isinstance(bounds, str):
        raise ValueError(f"space.{name}: {kind} is {bounds!r}; give a list")
    wanted = known[name] if known is not None else None
    if kind == "categorical":
        return _categorical(name, bounds, wanted)
    if len(bounds) != 2:
        raise ValueError(f"space.{name}: {kind} is {bounds!r}; give the bounds [low, high]")
    whole = kind.endswith("integer")
    for bound in bounds:
        if not _fits(bound, int if whole else float):
            raise ValueError(
                f"space.{name}: the bound {bound!r} is not a {'whole ' if whole else ''}number"
            )
    if wanted is not None and wanted not in ((int, float) if whole else (float,)):
        raise ValueError(
            f"space.{name} is {kind}, but {name} is of type {wanted.__name__}; "
            f"use {'integer or ' if wanted is int else ''}categorical"
        )
    low, high = bounds
    if low >= high:
        raise ValueError(f"space.{name}: the bounds {low!r} and {high!r} are not low and high")
    log = kind.startswith("log")
    if log and low <= 0:
        raise ValueError(
            f"space.{name}: a log range can't begin at {low!r}; begin above 0, or use "
            f"{'integer' if whole else 'uniform'}"
        )
    if whole:
        return IntDistribution(low, high, log=log)
    return FloatDistribution(float(low), float(high), log=log)


def _categorical(name: str, choices: Sequence[Any], wanted: type | None) -> BaseDistribution:
    if not choices:
        raise ValueError(f"space.{name}: categorical has no choices; give at least one")
    for choice in choices:
        if not isinstance(choice, str | int | float | bool):
            raise ValueError(
                f"space.{name}: the choice {choice!r} is neither text, number nor true/false"
            )
        if wanted is not None and not _fits(choice, wanted):
            raise ValueError(
                f"space.{name}: the choice {choice!r} is not of {name}'s type, {wanted.__name__}"
            )
    if len(set(choices)) < len(choices):
        raise ValueError(f"space.{name}: a choice stands twice in {list(choices)!r}")
    return CategoricalDistribution(list(choices))


def _fits(value: Any, wanted: type) -> bool:
    """Whether a value is of the type; a whole number may stand for a float."""
    if wanted is float:
        number = isinstance(value, int | float) and not isinstance(value, bool)
        return number and math.isfinite(value)
    return type(value) is wanted


def _points(name: str, entry: Mapping[str, Any], distribution: BaseDistribution) -> list[Value]:
    """The values of one hyperparameter on the grid."""
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)  # type: ignore[arg-type]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    whole = isinstance(distribution, IntDistribution)
    low, high = distribution.low, distribution.high
    if whole and "points" not in entry and high - low < LARGEST_GRID:
        return list(range(int(low), int(high) + 1))
    count = entry.get("points", high - low + 1 if whole else None)
    if type(count) is not int or count < 2:
        raise ValueError(
            f"space.{name}: a grid needs a whole number of points, at least 2, not {count!r}, say "
            f'{{..., "points": 5}}'
        )
    if count > LARGEST_GRID:
        raise ValueError(
            f"space.{name}: {count:,} points are a grid of over {LARGEST_GRID:,}; give fewer"
        )
    spaced = np.geomspace(low, high, count) if distribution.log else np.linspace(low, high, count)
    if whole:
        return sorted({round(value) for value in spaced.tolist()})
    return [min(max(value, low), high) for value in spaced.tolist()]
