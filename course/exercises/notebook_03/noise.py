"""Exercise 03.noise: is the difference of two settings noise?"""

from __future__ import annotations

import math
import statistics

from scipy import stats

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, compare
from course.exercises.notebook_03.noise_mistakes import MISTAKES


def decide(
    first: list[float], second: list[float], paired: bool = False
) -> tuple[float, float, str]:
    """Say whether one of two settings has the lower loss, or whether it may be noise.

    Args:
        first, second: the losses of two settings, one a seed.
        paired: whether the losses with the same index belong to the same seed.

    Returns:
        low and high, the 95% interval of the mean of `first` less the mean of `second`; and
        "first" or "second", whichever is better, or "can't tell".
    """
    if paired:
        differences = [a - b for a, b in zip(first, second, strict=True)]
        freedom = len(differences) - 1.0
        error = statistics.stdev(differences) / math.sqrt(len(differences))
    else:
        a, b = statistics.variance(first) / len(first), statistics.variance(second) / len(second)
        freedom = (a + b) ** 2 / (a**2 / (len(first) - 1) + b**2 / (len(second) - 1))
        error = math.sqrt(a + b)
    half = float(stats.t.ppf(0.975, freedom)) * error
    middle = statistics.fmean(first) - statistics.fmean(second)
    low, high = middle - half, middle + half
    return low, high, "second" if low > 0 else "first" if high < 0 else "can't tell"


NOISY, CLOSE = [2.31, 2.42, 2.35], [2.28, 2.40, 2.31]


def paired_seeds(answer: Answer) -> None:
    """three paired seeds, whose differences vary less than the losses"""
    compare(answer, decide, (NOISY, CLOSE, True), MISTAKES, tolerance=1e-5)


def unrelated_seeds(answer: Answer) -> None:
    """the same losses unpaired, and settings with unequal spread and number of seeds"""
    compare(answer, decide, (NOISY, CLOSE, False), MISTAKES, tolerance=1e-5)
    few = [2.30, 2.36, 2.25]
    compare(answer, decide, (few, [2.21, 2.20, 2.23, 2.22, 2.19], False), MISTAKES, tolerance=1e-5)


def all_verdicts(answer: Answer) -> None:
    """that the setting with the lower loss is better, in either order"""
    good, bad = [2.20, 2.22, 2.21, 2.19], [2.42, 2.40, 2.45, 2.43]
    for arguments in ((good, bad, False), (bad, good, False), (good, bad, True)):
        compare(answer, decide, arguments, MISTAKES, tolerance=1e-5)


NOISE = Exercise(
    name="03.noise",
    solved_by=decide,
    why=(
        "What two paired runs share, such as an easy order of batches, is in both losses and "
        "cancels in their difference. So the differences vary less than the losses, and we treat "
        "them as one list of numbers. If the runs share nothing, the variances of the two means "
        "add up. The factor comes from Student's t, since we estimate the spread from a few seeds. "
        "With 2 degrees of freedom it is 4.30; with the normal distribution's 1.96 we would far "
        "too often see a difference where there is none. An interval that contains 0 says *can't "
        "tell*; it doesn't say *equal*."
    ),
    hints=(
        "Both cases need three numbers: the difference of the means, its standard error, and the "
        "degrees of freedom. The rest is the same.",
        "Paired: take the differences of the pairs; the standard error of their mean is "
        "`statistics.stdev(differences) / math.sqrt(n)`, with n - 1 degrees of freedom. Unpaired: "
        "with a and b the variance / n of each list, it is `math.sqrt(a + b)`.",
        "`half = stats.t.ppf(0.975, freedom) * error`; the interval is the difference of the means "
        "minus and plus `half`. If low is above 0, the first has more loss, so the second is "
        "better; if high is below 0, the first is.",
    ),
    checks=(paired_seeds, unrelated_seeds, all_verdicts),
    mistakes=MISTAKES,
)
