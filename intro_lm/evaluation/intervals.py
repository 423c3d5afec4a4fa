"""Intervals over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence


def interval(values: Sequence[float], confidence: float = 0.95) -> tuple[float, float]:
    """Where the mean over all seeds lies, by Student's t: (low, high).

    Args:
        values: one a seed, at least two.
        confidence: how often such an interval holds the mean.

    Raises:
        ValueError: there are fewer than two values, or `confidence` is no share.
    """
    from scipy import stats

    n = _require_seeds(values, confidence)
    half = stats.t.ppf((1 + confidence) / 2, n - 1) * statistics.stdev(values) / math.sqrt(n)
    mean = statistics.fmean(values)
    return mean - half, mean + half


def difference_interval(
    first: Sequence[float],
    second: Sequence[float],
    *,
    paired: bool = False,
    confidence: float = 0.95,
) -> tuple[float, float]:
    """Where the mean of `first` less that of `second` lies over all seeds: (low, high).

    Args:
        first, second: one value a seed, at least two of each.
        paired: the values with the same index share something besides chance, such as the seed and
            the examples drawn by it; the interval is then that of their differences. Otherwise it
            is Welch's (1947), which lets the two differ in spread.
        confidence: how often such an interval holds the difference.

    Raises:
        ValueError: there are fewer than two values, pairs don't match, or `confidence` is no share.
    """
    from scipy import stats

    if paired and len(first) != len(second):
        raise ValueError(
            f"{len(first)} and {len(second)} values are no pairs; give as many of each"
        )
    if paired:
        differences = [a - b for a, b in zip(first, second, strict=True)]
        return interval(differences, confidence)
    counts = [_require_seeds(each, confidence) for each in (first, second)]
    shares = [statistics.variance(first) / counts[0], statistics.variance(second) / counts[1]]
    squares = sum(share**2 / (n - 1) for share, n in zip(shares, counts, strict=True))
    freedom = sum(shares) ** 2 / squares if squares else 1.0
    half = stats.t.ppf((1 + confidence) / 2, freedom) * math.sqrt(sum(shares))
    difference = statistics.fmean(first) - statistics.fmean(second)
    return difference - half, difference + half


def _require_seeds(values: Sequence[float], confidence: float) -> int:
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence!r}; it is a share, such as 0.95")
    if len(values) < 2:
        raise ValueError(f"{len(values)} value(s) have no spread; give those of at least 2 seeds")
    return len(values)
