"""What a user types, checked once: each check names the value and what it must be."""

from __future__ import annotations

import math
from collections.abc import Collection


def require_count(**values: object) -> None:
    """Refuse what is not a whole number of at least 1: `require_count(steps=steps)`."""
    for name, value in values.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")


def require_fraction(**values: object) -> None:
    """Refuse what is not a number from 0 to below 1."""
    for name, value in values.items():
        if not (is_number(value) and 0 <= value < 1):  # type: ignore[operator]
            raise ValueError(f"{name} is {value!r}; it must be a fraction from 0 to below 1")


def require_choice(choices: Collection[str], **values: object) -> None:
    """Refuse what is not one of the choices."""
    for name, value in values.items():
        if value not in choices:
            raise ValueError(f"{name} is {value!r}; use one of {', '.join(choices)}")


def is_number(value: object) -> bool:
    """Whether a value is a finite number; True and False are not."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
