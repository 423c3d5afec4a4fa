"""What a sweep searches: hyperparameters with their ranges, as plain data.

A space is a dict, or a table in a TOML file, from a hyperparameter's name to one kind of range:

    {
        "learning_rate": {"log-uniform": [0.001, 0.1]},
        "weight_decay": {"uniform": [0.0, 0.5]},
        "hidden_size": {"integer": [50, 400]},
        "context_length": {"categorical": [3, 5, 8]},
    }

`log-integer` is there too. For a grid a range says how many values to take:
`{"log-uniform": [0.001, 0.1], "points": 5}`. Without `points` an integer takes every value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from optuna.trial import Trial

from intro_lm.checks import is_number

Value = float | int | str | bool
Space = Mapping[str, Mapping[str, Any]]

SUGGEST: dict[str, Callable[..., Any]] = {
    "uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high),
    "log-uniform": lambda trial, name, low, high: trial.suggest_float(name, low, high, log=True),
    "integer": lambda trial, name, low, high: trial.suggest_int(name, low, high),
    "log-integer": lambda trial, name, low, high: trial.suggest_int(name, low, high, log=True),
    "categorical": lambda trial, name, *choices: trial.suggest_categorical(name, choices),
}
LARGEST_GRID = 10_000


def require_space(space: Space, known: Mapping[str, type] | None = None) -> None:
    """Refuse a space that can't be searched.

    Args:
        space: see the head of this module.
        known: the hyperparameters that there are, and their types; None takes any.

    Raises:
        ValueError: there is no entry, or one is wrong; the message names it.
    """
    if not space:
        raise ValueError("the space is empty; name at least one hyperparameter to search")
    for name, entry in space.items():
        if known is not None and name not in known:
            raise ValueError(
                f"space.{name} is not a hyperparameter, or is fixed; there are "
                f"{', '.join(sorted(known))}"
            )
        reason = _fault(entry, known[name] if known else None)
        if reason:
            raise ValueError(f"space.{name} is {entry!r}; {reason}")


def suggest(trial: Trial, space: Space) -> dict[str, Value]:
    """Draw a trial's hyperparameters, in the order of their names."""
    return {
        name: SUGGEST[kind](trial, name, *space[name][kind])
        for name in sorted(space)
        for kind in space[name].keys() & SUGGEST.keys()
    }


def grid(space: Space) -> list[dict[str, Value]]:
    """Every point of the space's grid.

    Raises:
        ValueError: a range has no number of points, or the grid has more than 10,000.
    """
    axes = {name: _points(name, space[name]) for name in sorted(space)}
    size = math.prod(len(values) for values in axes.values())
    if size > LARGEST_GRID:
        raise ValueError(f"the grid has {size:,} points, over {LARGEST_GRID:,}; give fewer")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def fits(value: object, kind: type) -> bool:
    """Whether a value is of a hyperparameter's type; a whole number may stand for a float."""
    return is_number(value) if kind is float else type(value) is kind


def _fault(entry: Any, wanted: type | None) -> str | None:
    """What is wrong with a range for values of this type, or None."""
    kinds = [key for key in entry if key != "points"] if isinstance(entry, Mapping) else []
    if len(kinds) != 1 or kinds[0] not in SUGGEST or not isinstance(entry[kinds[0]], list | tuple):
        return f'give one of {", ".join(SUGGEST)} with a list, say {{"uniform": [0.0, 0.5]}}'
    kind, values = kinds[0], entry[kinds[0]]
    if kind == "categorical":
        types = [wanted] if wanted else [float, int, str, bool]
        right = all(any(fits(value, each) for each in types) for value in values)
        if not values or not right or len(set(map(repr, values))) < len(values):
            return f"give different choices of type {' or '.join(t.__name__ for t in types)}"
        return None
    number = int if kind.endswith("integer") else float
    if wanted not in (None, float, number):
        return f"its type is {wanted.__name__}; use {'integer or ' * (wanted is int)}categorical"
    if len(values) != 2 or not all(fits(value, number) for value in values):
        return f"give the bounds [low, high], each a number of type {number.__name__}"
    if values[0] >= values[1] or (kind.startswith("log") and values[0] <= 0):
        return "low must be below high, and on a log scale above 0"
    return None


def _points(name: str, entry: Mapping[str, Any]) -> list[Any]:
    """The values of one hyperparameter on the grid."""
    if "categorical" in entry:
        return list(entry["categorical"])
    kind = next(key for key in entry if key != "points")
    (low, high), whole = entry[kind], kind.endswith("integer")
    count = entry.get("points", high - low + 1 if whole else None)
    if type(count) is not int or not 2 <= count <= LARGEST_GRID:
        raise ValueError(
            f"space.{name}: a grid takes 2 to {LARGEST_GRID:,} points of a range, not {count!r}; "
            'say {..., "points": 5}'
        )
    spaced = (np.geomspace if kind.startswith("log") else np.linspace)(low, high, count).tolist()
    return sorted({round(value) for value in spaced}) if whole else spaced
