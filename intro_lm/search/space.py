"""What a sweep searches: hyperparameters with their ranges, as plain data.

A space is a dict, or a table in a TOML file, from a hyperparameter's name to one kind of range:

    {
        "learning_rate": {"log-uniform": [0.001, 0.1]},
        "weight_decay": {"uniform": [0.0, 0.5]},
        "hidden_size": {"integer": [50, 400]},
        "context_length": {"categorical": [3, 5, 8]},
    }

There is `log-integer` too. For a grid, a range says how many values to take:
`{"log-uniform": [0.001, 0.1], "points": 5}`. Without `points` an integer takes every value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from optuna.trial import Trial

from intro_lm.checks import is_number

Value = float | int | str | bool
Parameters = Mapping[str, Value]
Space = Mapping[str, Mapping[str, Any]]

NUMBERS = {"uniform": float, "log-uniform": float, "integer": int, "log-integer": int}
LARGEST_GRID = 10_000


def require_space(space: Space, known: Mapping[str, type] | None = None) -> None:
    """Raise a `ValueError` that names an entry of the space that can't be searched.

    `known` holds all hyperparameters and their types; None allows any.
    """
    if not space:
        raise ValueError("the space is empty; name at least one hyperparameter to search")
    for name, entry in space.items():
        if known is not None and name not in known:
            there_are = ", ".join(sorted(known))
            raise ValueError(
                f"space.{name} is not a hyperparameter, or is fixed; there are {there_are}"
            )
        kind = known[name] if known else None
        if not _can_be_searched(entry, kind):
            numbers = [each for each in NUMBERS if kind in (None, float, NUMBERS[each])]
            of_type = f" of type {kind.__name__}" if kind else ""
            raise ValueError(
                f"space.{name} is {entry!r}; give one of {', '.join([*numbers, 'categorical'])} "
                f"with a list{of_type}: [low, high], above 0 on a log scale, or different choices"
            )


def suggest(trial: Trial, space: Space) -> dict[str, Value]:
    """Draw a trial's hyperparameters, in the order of their names."""
    drawn: dict[str, Value] = {}
    for name in sorted(space):
        kind, values = _range(space[name])
        if kind == "categorical":
            drawn[name] = trial.suggest_categorical(name, values)
        else:
            draw = trial.suggest_int if NUMBERS[kind] is int else trial.suggest_float
            drawn[name] = draw(name, *values, log=kind.startswith("log"))
    return drawn


def grid(space: Space) -> list[dict[str, Value]]:
    """Every point of the space's grid, or a `ValueError` if there are more than 10,000."""
    axes = {name: _points(name, space[name]) for name in sorted(space)}
    size = math.prod(len(values) for values in axes.values())
    if size > LARGEST_GRID:
        raise ValueError(f"the grid has {size:,} points, over {LARGEST_GRID:,}; give fewer")
    return [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]


def _range(entry: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """The kind of a range, and its bounds or choices."""
    ((kind, values),) = ((key, value) for key, value in entry.items() if key != "points")
    return kind, values


def _can_be_searched(entry: Any, of: type | None) -> bool:
    """Whether an entry is a range of values of the type; None is any."""
    pairs = entry.items() if isinstance(entry, Mapping) else ()
    match [pair for pair in pairs if pair[0] != "points"]:
        case [("categorical", [_, *_] as choices)]:
            return all(of is None or _fits(choice, of) for choice in choices)
        case [(kind, [low, high])] if kind in NUMBERS and of in (None, float, NUMBERS[kind]):
            right = _fits(low, NUMBERS[kind]) and _fits(high, NUMBERS[kind])
            return right and low < high and (low > 0 or not kind.startswith("log"))
    return False


def _fits(value: object, kind: type) -> bool:
    """Whether a value is of the type; a whole number counts as a float."""
    return is_number(value) if kind is float else type(value) is kind


def _points(name: str, entry: Mapping[str, Any]) -> Sequence[Any]:
    """The values of one hyperparameter on the grid."""
    kind, values = _range(entry)
    whole, count = kind.endswith("integer"), entry.get("points")
    if kind == "categorical":
        return values
    if whole and count is None:
        return range(values[0], values[1] + 1)
    if type(count) is not int or not 2 <= count <= LARGEST_GRID:
        raise ValueError(f'space.{name} has {count!r} points; a grid needs some, say "points": 5')
    spaced: Any = np.geomspace if kind.startswith("log") else np.linspace
    points = spaced(*values, count).tolist()
    return sorted({round(point) for point in points}) if whole else points
