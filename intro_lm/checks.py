"""Checks of what a user types: each error names the value and what it must be."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection
from functools import partial
from typing import Any, TypeGuard

# The annotations of arguments that a user can type, and the type of what is typed.
TYPES: dict[Any, type] = {int: int, float: float, str: str, bool: bool}
TYPES |= {int | None: int, float | None: float}


def arguments_of(*functions: Callable) -> dict[str, tuple[type, Any]]:
    """The type and default of each argument that has one and that a user can type."""
    found = {}
    for function in functions:
        fixed = function.keywords if isinstance(function, partial) else {}
        for name, parameter in inspect.signature(function, eval_str=True).parameters.items():
            kind = TYPES.get(parameter.annotation)
            if kind and parameter.default is not parameter.empty and name not in fixed:
                found[name] = (kind, parameter.default)
    return found


def require_count(**values: Any) -> None:
    """Refuse values that aren't whole numbers from 1 on: `require_count(steps=steps)`."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")


def require_number(
    at_least: float = -math.inf, above: float = -math.inf, below: float = math.inf, **values: Any
) -> None:
    """Refuse values that aren't finite numbers in range."""
    bounds = {"of at least": at_least, "above": above, "below": below}
    wanted = "".join(f" {word} {bound}" for word, bound in bounds.items() if is_number(bound))
    for name, value in values.items():
        if not is_number(value) or not (value >= at_least and above < value < below):
            raise ValueError(f"{name} is {value!r}; it must be a number{wanted}")


def require_fraction(**values: Any) -> None:
    """Refuse values that aren't from 0 to below 1."""
    require_number(at_least=0, below=1, **values)


def require_choice(choices: Collection[str], **values: Any) -> None:
    """Refuse values not in `choices`."""
    for name, value in values.items():
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; use one of {', '.join(choices)}")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a value is a finite number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
