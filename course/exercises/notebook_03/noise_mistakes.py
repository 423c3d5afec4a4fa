"""Wrong answers to exercise 03.noise, with a message for each."""

from __future__ import annotations

import math
import statistics

from scipy import stats

from course.exercises.comparing import Mistake

Interval = tuple[float, float, str]


def verdict(low: float, high: float) -> str:
    return "second" if low > 0 else "first" if high < 0 else "can't tell"


def around(middle: float, half: float) -> Interval:
    return middle - half, middle + half, verdict(middle - half, middle + half)


def spread(first: list[float], second: list[float], paired: bool) -> tuple[float, float]:
    """The standard error of the difference, and its degrees of freedom."""
    if paired:
        differences = [a - b for a, b in zip(first, second, strict=True)]
        return statistics.stdev(differences) / math.sqrt(len(first)), len(first) - 1
    a, b = statistics.variance(first) / len(first), statistics.variance(second) / len(second)
    return math.sqrt(a + b), (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))


def gap(first: list[float], second: list[float]) -> float:
    return statistics.fmean(first) - statistics.fmean(second)


def right(first: list[float], second: list[float], paired: bool) -> Interval:
    error, freedom = spread(first, second, paired)
    return around(gap(first, second), float(stats.t.ppf(0.975, freedom)) * error)


def normal(first: list[float], second: list[float], paired: bool) -> Interval:
    return around(gap(first, second), 1.96 * spread(first, second, paired)[0])


def exactly_normal(first: list[float], second: list[float], paired: bool) -> Interval:
    quantile = statistics.NormalDist().inv_cdf(0.975)
    return around(gap(first, second), quantile * spread(first, second, paired)[0])


def twice(first: list[float], second: list[float], paired: bool) -> Interval:
    return around(gap(first, second), 2 * spread(first, second, paired)[0])


def one_sided(first: list[float], second: list[float], paired: bool) -> Interval:
    error, freedom = spread(first, second, paired)
    return around(gap(first, second), float(stats.t.ppf(0.95, freedom)) * error)


def population(first: list[float], second: list[float], paired: bool) -> Interval:
    if paired:
        differences = [a - b for a, b in zip(first, second, strict=True)]
        error, freedom = statistics.pstdev(differences) / len(first) ** 0.5, len(first) - 1.0
    else:
        a, b = statistics.pvariance(first) / len(first), statistics.pvariance(second) / len(second)
        error = math.sqrt(a + b)
        freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
    return around(gap(first, second), float(stats.t.ppf(0.975, freedom)) * error)


def never_paired(first: list[float], second: list[float], paired: bool) -> Interval:
    return right(first, second, False)


def never_paired_pooled(first: list[float], second: list[float], paired: bool) -> Interval:
    return pooled(first, second, False) if paired else right(first, second, False)


def always_paired(first: list[float], second: list[float], paired: bool) -> Interval:
    n = min(len(first), len(second))
    return right(first[:n], second[:n], True)


def pooled(first: list[float], second: list[float], paired: bool) -> Interval:
    error, freedom = spread(first, second, paired)
    freedom = freedom if paired else len(first) + len(second) - 2
    return around(gap(first, second), float(stats.t.ppf(0.975, freedom)) * error)


def of_single_runs(first: list[float], second: list[float], paired: bool) -> Interval:
    """Without the division by the square root of n."""
    if paired:
        differences = [a - b for a, b in zip(first, second, strict=True)]
        error, freedom = statistics.stdev(differences), len(first) - 1.0
    else:
        error = math.sqrt(statistics.variance(first) + statistics.variance(second))
        freedom = spread(first, second, False)[1]
    return around(gap(first, second), float(stats.t.ppf(0.975, freedom)) * error)


def of_first(first: list[float], second: list[float], paired: bool) -> Interval:
    error = statistics.stdev(first) / math.sqrt(len(first))
    half = float(stats.t.ppf(0.975, len(first) - 1)) * error
    middle = statistics.fmean(first)
    return middle - half, middle + half, verdict(middle - half, middle + half)


def of_first_around_gap(first: list[float], second: list[float], paired: bool) -> Interval:
    low, high, _ = of_first(first, second, paired)
    return around(gap(first, second), (high - low) / 2)


def of_second(first: list[float], second: list[float], paired: bool) -> Interval:
    return of_first(second, first, paired)


def backwards(first: list[float], second: list[float], paired: bool) -> Interval:
    low, high, _ = right(first, second, paired)
    return -high, -low, verdict(low, high)


def reversed_with_verdict(first: list[float], second: list[float], paired: bool) -> Interval:
    return right(second, first, paired)


def higher_is_better(first: list[float], second: list[float], paired: bool) -> Interval:
    low, high, said = right(first, second, paired)
    return low, high, {"first": "second", "second": "first"}.get(said, said)


def lower_mean_wins(first: list[float], second: list[float], paired: bool) -> Interval:
    low, high, _ = right(first, second, paired)
    return low, high, "second" if gap(first, second) > 0 else "first"


OF_ONE = (
    "This is the interval of one setting's mean. We need that of the difference, which has the "
    "noise of both settings"
)
NORMAL = (
    "The factor is the normal distribution's. With few seeds the standard deviation is only an "
    "estimate: use `stats.t.ppf(0.975, freedom)`"
)
UNPAIRED = (
    "This treats paired losses as unrelated: take the difference of each pair, then the mean and "
    "standard deviation of these differences"
)
MISTAKES = (
    Mistake(normal, NORMAL),
    Mistake(exactly_normal, NORMAL),
    Mistake(twice, NORMAL),
    Mistake(
        population,
        "The standard deviation is a population's, divided by n. Your losses are a sample: divide "
        "by n - 1, as `statistics.stdev` does",
    ),
    Mistake(of_first, OF_ONE),
    Mistake(of_first_around_gap, OF_ONE),
    Mistake(of_second, OF_ONE),
    Mistake(never_paired, UNPAIRED),
    Mistake(never_paired_pooled, UNPAIRED),
    Mistake(
        of_single_runs,
        "This is the interval for the difference of two single runs. The mean of n runs is less "
        "noisy: divide each variance by its n",
    ),
    Mistake(
        one_sided,
        "5% are outside, half of them on each side: use the quantile at 0.975, not 0.95",
    ),
    Mistake(
        pooled,
        "The degrees of freedom are n + m - 2, as if both settings were equally noisy; use Welch's "
        "formula",
    ),
    Mistake(
        always_paired,
        "This pairs unrelated losses; with `paired=False` each list has its own variance",
    ),
    Mistake(backwards, "This is second minus first; we need first minus second"),
    Mistake(reversed_with_verdict, "This is second minus first; we need first minus second"),
    Mistake(
        higher_is_better,
        "The interval is right, but the verdict is reversed: a lower loss is better",
    ),
    Mistake(
        lower_mean_wins,
        "The interval is right, but the verdict uses the means alone: if the interval contains 0, "
        "we can't tell",
    ),
)
