"""95% confidence intervals over seeds, by Student's t."""

from __future__ import annotations

import warnings
from collections.abc import Sequence


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean over all seeds, (low, high), from one value per seed.

    Raises:
        ValueError: there are fewer than two values.
    """
    from scipy import stats

    _require_seeds(values)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # about equal values
        low, high = stats.ttest_1samp(values, 0).confidence_interval()
    return float(low), float(high)


def difference_interval(
    first: Sequence[float], second: Sequence[float], *, paired: bool = False
) -> tuple[float, float]:
    """The 95% interval of the mean of `first` minus the mean of `second`, (low, high).

    Args:
        first, second: one value per seed, at least two of each.
        paired: values with the same index share something besides chance, such as the seed and the
            examples drawn with it. Otherwise the two may differ in number and spread (Welch 1947).

    Raises:
        ValueError: there are fewer than two values, or pairs don't match.
    """
    from scipy import stats

    if paired and len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values can't be paired; give as many")
    if paired:
        return interval([a - b for a, b in zip(first, second, strict=True)])
    _require_seeds(first, second)
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # about equal values
        low, high = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    return float(low), float(high)


def _require_seeds(*samples: Sequence[float]) -> None:
    for values in samples:
        if len(values) < 2:
            raise ValueError(f"{len(values)} value(s) have no spread; give at least 2 seeds")
