"""95% confidence intervals over seeds, by Student's t."""

import warnings
from collections.abc import Callable, Sequence
from typing import Any


def interval(values: Sequence[float]) -> tuple[float, float]:
    """The 95% interval of the mean over all seeds, (low, high), from one value per seed."""
    from scipy import stats

    return _bounds(stats.ttest_1samp, values, popmean=0)


def difference_interval(
    first: Sequence[float], second: Sequence[float], *, paired: bool = False
) -> tuple[float, float]:
    """The 95% interval of the mean of `first` minus the mean of `second`, one value per seed each.

    Set `paired` if values with the same index share more than chance, such as the seed and the
    examples drawn with it. Otherwise the two may differ in number and spread (Welch 1947).
    """
    from scipy import stats

    if not paired:
        return _bounds(stats.ttest_ind, first, second, equal_var=False)
    if len(first) != len(second):
        raise ValueError(f"{len(first)} and {len(second)} values can't be paired; give as many")
    return interval([a - b for a, b in zip(first, second, strict=True)])


def _bounds(
    test: Callable[..., Any], *samples: Sequence[float], **options: float
) -> tuple[float, float]:
    for values in samples:
        if len(values) < 2:
            raise ValueError(f"{len(values)} value(s) have no spread; give at least 2 seeds")
    with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # for equal values
        low, high = test(*samples, **options).confidence_interval()
    return float(low), float(high)
