"""The exercises of notebook 03: what each takes for right, and what it says to what is wrong."""

import math
import statistics

import pytest
import torch
from scipy import stats

from intro_lm.search.experiment import Experiment
from tests.course.exercises.proof import Case, claims


@pytest.fixture(scope="module", autouse=True)
def names_are_loaded():
    """As in the notebook, where dozens of trainings stand above the exercise that trains."""
    Experiment(fixed={"steps": 1}).loss()


def by_factors(shares, low, high):
    return low * (high / low) ** shares


def one_at_a_time(shares, low, high):
    return torch.tensor([10 ** (math.log10(low) * (1 - s) + math.log10(high) * s) for s in shares])


def uniform(shares, low, high):
    return low + (high - low) * shares


def exp_forgotten(shares, low, high):
    return torch.lerp(torch.tensor(math.log(low)), torch.tensor(math.log(high)), shares)


def bases_mixed(shares, low, high):
    return torch.exp(math.log10(low) + shares * math.log10(high / low))


def low_times_high(shares, low, high):
    return low * high**shares


def a_list_of_floats(shares, low, high):
    return [low * (high / low) ** share for share in shares.tolist()]


def by_scipy(first, second, paired=False):
    if paired:
        interval = stats.ttest_rel(first, second).confidence_interval()
    else:
        interval = stats.ttest_ind(first, second, equal_var=False).confidence_interval()
    if interval.low <= 0 <= interval.high:
        return interval.low, interval.high, "can't tell"
    return [interval.low, interval.high, "second" if interval.low > 0 else "first"]


def by_tensors(first, second, paired=False):
    a, b = torch.tensor(first, dtype=torch.float64), torch.tensor(second, dtype=torch.float64)
    if paired:
        variance, freedom = (a - b).var() / len(a), len(a) - 1
    else:
        shares = a.var() / len(a), b.var() / len(b)
        variance = sum(shares)
        freedom = variance**2 / (shares[0] ** 2 / (len(a) - 1) + shares[1] ** 2 / (len(b) - 1))
    half = stats.t(float(freedom)).ppf(0.975) * variance.sqrt()
    low, high = (a.mean() - b.mean() - half).item(), (a.mean() - b.mean() + half).item()
    return low, high, ("first" if high < 0 else "second") if low * high > 0 else "can't tell"


def normal_quantile(first, second, paired=False):
    low, high, _ = by_scipy(first, second, paired)
    middle = (low + high) / 2
    if paired:
        error = statistics.stdev([a - b for a, b in zip(first, second)]) / len(first) ** 0.5  # noqa: B905
    else:
        error = (
            statistics.variance(first) / len(first) + statistics.variance(second) / len(second)
        ) ** 0.5
    low, high = middle - 1.96 * error, middle + 1.96 * error
    return low, high, "second" if low > 0 else "first" if high < 0 else "can't tell"


def population_std(first, second, paired=False):
    low, high, _ = by_scipy(first, second, paired)
    middle, n = (low + high) / 2, len(first)
    half = (high - low) / 2 * math.sqrt((n - 1) / n)
    low, high = middle - half, middle + half
    return low, high, "second" if low > 0 else "first" if high < 0 else "can't tell"


def pairs_ignored(first, second, paired=False):
    return by_scipy(first, second)


def always_paired(first, second, paired=False):
    return by_scipy(first[: len(second)], second[: len(first)], True)


def one_mean(first, second, paired=False):
    interval = stats.t.interval(
        0.95, len(first) - 1, loc=statistics.fmean(first), scale=stats.sem(first)
    )
    return float(interval[0]), float(interval[1]), "second"


def pooled(first, second, paired=False):
    if paired:
        return by_scipy(first, second, True)
    a, b = statistics.variance(first) / len(first), statistics.variance(second) / len(second)
    half = stats.t.ppf(0.975, len(first) + len(second) - 2) * (a + b) ** 0.5
    middle = statistics.fmean(first) - statistics.fmean(second)
    low, high = middle - half, middle + half
    return low, high, "second" if low > 0 else "first" if high < 0 else "can't tell"


def higher_wins(first, second, paired=False):
    low, high, said = by_scipy(first, second, paired)
    return low, high, {"first": "second", "second": "first"}.get(said, said)


def means_decide(first, second, paired=False):
    low, high, _ = by_scipy(first, second, paired)
    return low, high, "second" if low + high > 0 else "first"


def second_less_first(first, second, paired=False):
    return by_scipy(second, first, paired)


def not_divided(first, second, paired=False):
    if not paired:
        return by_scipy(first, second)
    low, high, _ = by_scipy(first, second, True)
    middle, half = (low + high) / 2, (high - low) / 2 * len(first) ** 0.5
    return middle - half, middle + half, "can't tell"


GOOD = {
    "learning_rate": {"log-uniform": [0.0003, 0.3]},
    "context_length": {"categorical": [3, 5, 8]},
    "embedding_size": {"categorical": [8, 10, 16, 24, 32]},
    "hidden_size": {"integer": [100, 500]},
    "weight_decay": {"categorical": [0.0, 0.1, 0.2]},
    "warmup": {"uniform": [0.05, 0.3]},
}


def space_of_choices():
    return GOOD


def more_than_asked():
    return {
        **GOOD,
        "hidden_size": {"log-integer": (64, 1024), "points": 4},
        "hidden_layers": {"integer": [1, 3]},
        "direct": {"categorical": [True, False]},
        "batch_size": {"categorical": [512, 1024]},
        "optimizer": {"categorical": ["adamw"]},
    }


def wrong_space(name, **changed):
    def space():
        return {key: entry for key, entry in {**GOOD, **changed}.items() if entry is not None}

    space.__name__ = name
    return space


WRONG_SPACES = [
    (wrong_space("lacks_warmup", warmup=None), "It lacks warmup"),
    (wrong_space("misspelt", dropout={"uniform": [0.0, 0.5]}), "dropout is not a hyperparameter"),
    (wrong_space("bare_bounds", hidden_size=[100, 500]), "A space is a dict of dicts"),
    (
        wrong_space("size_as_float", hidden_size={"uniform": [100.0, 500.0]}),
        "hidden_size is of type int; use integer or categorical",
    ),
    (
        wrong_space("log_from_zero", weight_decay={"log-uniform": [0.0, 0.5]}),
        "a log range can't begin at 0.0",
    ),
    (
        wrong_space("rate_uniform", learning_rate={"uniform": [0.0001, 1.0]}),
        "a learning rate belongs on a log scale",
    ),
    (
        wrong_space("rate_of_choices", learning_rate={"categorical": [0.001, 0.01, 0.1]}),
        "only these few learning rates",
    ),
    (
        wrong_space("rate_narrow", learning_rate={"log-uniform": [0.005, 0.05]}),
        "less than two orders of magnitude",
    ),
    (
        wrong_space("rate_too_high", learning_rate={"log-uniform": [0.05, 10.0]}),
        "leaves out 0.01 or 0.02",
    ),
    (
        wrong_space("rate_diverges", learning_rate={"log-uniform": [0.001, 100.0]}),
        "AdamW diverges at once",
    ),
    (
        wrong_space("units_of_the_notebook", hidden_size={"log-integer": [50, 300]}),
        "The model by hand has hidden_size = 400",
    ),
    (
        wrong_space("size_zero", context_length={"integer": [0, 8]}),
        "a size is at least 1",
    ),
    (wrong_space("warmup_to_one", warmup={"uniform": [0.0, 1.0]}), "Stay below 1"),
    (
        wrong_space("decay_in_percent", weight_decay={"uniform": [0.0, 50.0]}),
        "keep it between 0 and 1",
    ),
    (
        wrong_space("steps_searched", steps={"integer": [100, 2000]}),
        "is the budget, not a hyperparameter",
    ),
    (
        wrong_space("no_layer", hidden_layers={"integer": [0, 2]}),
        "Nothing can be trained with it: hidden_layers is 0",
    ),
    (
        wrong_space("two_optimizers", optimizer={"categorical": ["adamw", "sgd"]}),
        "search one optimiser at a time",
    ),
    (
        wrong_space("two_schedules", schedule={"categorical": ["one-cycle", "constant"]}),
        "`warmup` does nothing",
    ),
]


def found_by_a_search():
    return dict(context_length=4, embedding_size=24, hidden_size=90, learning_rate=0.03)


def baseline_itself():
    return {}


def rate_alone():
    return {"learning_rate": 0.005}


def more_context_alone():
    return {"context_length": 5, "hidden_size": 150}


def by_hand_settings():
    return {"context_length": 8, "embedding_size": 24, "hidden_size": 400, "learning_rate": 0.01}


def trains_longer():
    return {"steps": 1000}


def invents_a_name():
    return {"dropout": 0.1}


def a_space():
    return {"learning_rate": {"log-uniform": [0.001, 0.1]}}


def a_whole_name():
    return {"context_length": 16, "embedding_size": 4}


def diverges():
    return {"optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"}


CASES = [
    Case(
        "03.log_uniform",
        wrong=[
            (uniform, "This is uniform in the value itself"),
            (exp_forgotten, "These are the logarithms still"),
            (bases_mixed, "Two bases are mixed"),
            (low_times_high, "A share of 1 becomes low * high"),
            (a_list_of_floats, "It returned a list, and a torch.Tensor is expected"),
        ],
        right=[by_factors, one_at_a_time],
    ),
    Case(
        "03.noise",
        wrong=[
            (normal_quantile, "The factor is that of the normal distribution"),
            (population_std, "divide by n - 1"),
            (pairs_ignored, "although they are paired"),
            (always_paired, "It pairs losses that don't belong together"),
            (one_mean, "This is the interval of one setting's mean"),
            (pooled, "use Welch's formula"),
            (not_divided, "The mean of n runs is less noisy"),
            (second_less_first, "It is turned round: first less second"),
            (higher_wins, "the verdict is turned round"),
            (means_decide, "the verdict goes by the means alone"),
        ],
        right=[by_scipy, by_tensors],
    ),
    Case("03.space", wrong=WRONG_SPACES, right=[space_of_choices, more_than_asked]),
    Case(
        "03.beat",
        wrong=[
            (baseline_itself, "The difference may be noise"),
            (rate_alone, "These settings are worse than the baseline"),
            (more_context_alone, "are missing to the goal"),
            (by_hand_settings, "The model has 88,675 parameters, and 12,000 are allowed"),
            (trains_longer, "with more training anything wins"),
            (invents_a_name, "dropout is not a hyperparameter"),
            (a_space, "give the one value that your search found"),
            (a_whole_name, "Keep the context to 10 letters"),
            (diverges, "The training diverges"),
        ],
        right=[found_by_a_search],
    ),
]


@pytest.mark.parametrize("claim", claims("03", CASES))
def test_exercise(claim):
    claim()
