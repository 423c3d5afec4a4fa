"""Answers to the exercises of notebook 03: wrong ones that no `Mistake` covers, and right ones."""

import math

import pytest
import torch
from scipy import stats

from tests.course.exercises.answers import is_correct, is_not_yet


def by_factors(fractions, low, high):
    return low * (high / low) ** fractions


def one_at_a_time(fractions, low, high):
    return torch.tensor(
        [10 ** (math.log10(low) * (1 - s) + math.log10(high) * s) for s in fractions]
    )


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
        fractions = a.var() / len(a), b.var() / len(b)
        variance = sum(fractions)
        freedom = variance**2 / (
            fractions[0] ** 2 / (len(a) - 1) + fractions[1] ** 2 / (len(b) - 1)
        )
    half = stats.t(float(freedom)).ppf(0.975) * variance.sqrt()
    low, high = (a.mean() - b.mean() - half).item(), (a.mean() - b.mean() + half).item()
    return low, high, ("first" if high < 0 else "second") if low * high > 0 else "can't tell"


GOOD = {
    "learning_rate": {"log-uniform": [0.0003, 0.3]},
    "context_length": {"categorical": [3, 5, 8]},
    "embedding_size": {"categorical": [8, 10, 16, 24, 32]},
    "hidden_size": {"integer": [100, 500]},
    "weight_decay": {"categorical": [0.0, 0.1, 0.2]},
    "warmup": {"uniform": [0.05, 0.3]},
}


def more_than_asked():
    return {
        **GOOD,
        "hidden_size": {"log-integer": (64, 1024), "points": 4},
        "hidden_layers": {"integer": [1, 3]},
        "direct": {"categorical": [True, False]},
        "batch_size": {"categorical": [512, 1024]},
        "optimizer": {"categorical": ["adamw"]},
    }


# What is changed in a good space, and what the check says.
SPACES = [
    ({"warmup": None}, "It has no warmup"),
    ({"dropout": {"uniform": [0.0, 0.5]}}, "dropout is not a hyperparameter"),
    ({"hidden_size": [100, 500]}, "A space is a dict of dicts"),
    ({"hidden_size": {"uniform": [100.0, 500.0]}}, "The package refuses it"),
    ({"weight_decay": {"log-uniform": [0.0, 0.5]}}, "The package refuses it"),
    ({"learning_rate": {"uniform": [0.0001, 1.0]}}, "a learning rate belongs on a log scale"),
    ({"learning_rate": {"categorical": [0.01, 0.1]}}, "only these few learning rates"),
    ({"learning_rate": {"log-uniform": [0.005, 0.05]}}, "less than two orders of magnitude"),
    ({"learning_rate": {"log-uniform": [0.05, 10.0]}}, "leaves out 0.01 or 0.02"),
    ({"learning_rate": {"log-uniform": [0.001, 100.0]}}, "AdamW diverges at once"),
    ({"hidden_size": {"log-integer": [50, 300]}}, "The model by hand has hidden_size = 400"),
    ({"context_length": {"integer": [0, 8]}}, "a size is at least 1"),
    ({"warmup": {"uniform": [0.0, 1.0]}}, "Stay below 1"),
    ({"weight_decay": {"uniform": [0.0, 50.0]}}, "keep it between 0 and 1"),
    ({"steps": {"integer": [100, 2000]}}, "is the budget, not a hyperparameter"),
    ({"hidden_layers": {"integer": [0, 2]}}, "Nothing can be trained with it: hidden_layers"),
    ({"optimizer": {"categorical": ["adamw", "sgd"]}}, "search one optimiser at a time"),
    ({"schedule": {"categorical": ["one-cycle", "constant"]}}, "`warmup` does nothing"),
]
SETTINGS = [
    ({"context_length": 8, "hidden_size": 400}, "and 12,000 are allowed"),
    ({"steps": 1000}, "with more training anything wins"),
    ({"dropout": 0.1}, "dropout is not a hyperparameter"),
    ({"learning_rate": {"log-uniform": [0.001, 0.1]}}, "give the one value"),
    ({"context_length": 16, "embedding_size": 4}, "Keep the context to 10 letters"),
]
TRAININGS = [
    ({}, "The difference may be noise"),
    ({"learning_rate": 0.005}, "These settings are worse than the baseline"),
    ({"context_length": 5, "hidden_size": 150}, "are missing to the goal"),
    ({"optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"}, "The training diverges"),
]
RIGHT = [
    ("03.log_uniform", by_factors),
    ("03.log_uniform", one_at_a_time),
    ("03.noise", by_scipy),
    ("03.noise", by_tensors),
    ("03.space", lambda: GOOD),
    ("03.space", more_than_asked),
]


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)


@pytest.mark.parametrize(("changes", "words"), SPACES)
def test_a_wrong_space_is_told_why(changes, words):
    space = {name: entry for name, entry in {**GOOD, **changes}.items() if entry is not None}
    is_not_yet("03.space", lambda: space, words)


@pytest.mark.parametrize(("settings", "words"), SETTINGS)
def test_settings_that_break_a_rule_are_told_which(settings, words):
    is_not_yet("03.beat", lambda: settings, words)


@pytest.mark.slow
@pytest.mark.parametrize(("settings", "words"), TRAININGS)
def test_settings_that_miss_the_goal_are_told_by_how_much(settings, words):
    is_not_yet("03.beat", lambda: settings, words)


@pytest.mark.slow
def test_settings_found_by_another_search_reach_the_goal():
    settings = dict(context_length=4, embedding_size=24, hidden_size=90, learning_rate=0.03)
    is_correct("03.beat", lambda: settings)
