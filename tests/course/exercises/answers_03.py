"""Answers to the exercises of notebook 03: wrong ones that no `Mistake` covers, and right ones."""

import math

import pytest
import torch
from scipy import stats


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


GOOD = {
    "learning_rate": {"log-uniform": [0.0003, 0.3]},
    "context_length": {"categorical": [3, 5, 8]},
    "embedding_size": {"categorical": [8, 10, 16, 24, 32]},
    "hidden_size": {"integer": [100, 500]},
    "weight_decay": {"categorical": [0.0, 0.1, 0.2]},
    "warmup": {"uniform": [0.05, 0.3]},
}


def space(**changes):
    """What gives a good space with some entries changed, or left out."""
    return lambda: {name: entry for name, entry in (GOOD | changes).items() if entry is not None}


def slow(settings, words):
    return pytest.param("03.beat", lambda: settings, words, marks=pytest.mark.slow)


WRONG_SPACES = [
    (dict(warmup=None), "The space has no warmup"),
    (dict(dropout={"uniform": [0.0, 0.5]}), "dropout is not a hyperparameter"),
    (dict(hidden_size=[100, 500]), "A space is a dict of dicts"),
    (dict(hidden_size={"uniform": [100.0, 500.0]}), "The package refuses it"),
    (dict(learning_rate={"uniform": [0.0001, 1.0]}), "a learning rate belongs on a log scale"),
    (dict(learning_rate={"categorical": [0.01, 0.1]}), "only these few learning rates"),
    (dict(learning_rate={"log-uniform": [0.005, 0.05]}), "less than two orders of magnitude"),
    (dict(learning_rate={"log-uniform": [0.05, 10.0]}), "leaves out 0.01 or 0.02"),
    (dict(learning_rate={"log-uniform": [0.001, 100.0]}), "AdamW diverges at once"),
    (dict(hidden_size={"log-integer": [50, 300]}), "The model by hand has hidden_size = 400"),
    (dict(context_length={"integer": [0, 8]}), "a size is at least 1"),
    (dict(hidden_size={"log-integer": [50, 10_000_000]}), "hidden_size can be 10,000,000. Such"),
    (dict(batch_size={"integer": [100, 10_000_000]}), "at most 16,384"),
    (dict(warmup={"uniform": [0.0, 1.0]}), "Stay below 1"),
    (dict(weight_decay={"uniform": [0.0, 50.0]}), "keep it between 0 and 1"),
    (dict(steps={"integer": [100, 2000]}), "is the budget, not a hyperparameter"),
    (dict(hidden_layers={"integer": [0, 2]}), "This can't be trained: hidden_layers"),
    (dict(optimizer={"categorical": ["adamw", "sgd"]}), "search one optimiser at a time"),
    (dict(schedule={"categorical": ["one-cycle", "constant"]}), "`warmup` does nothing"),
]
WRONG_SETTINGS = [
    ({"context_length": 8, "hidden_size": 400}, "at most 12,000 are allowed"),
    ({"steps": 1000}, "with more training anything wins"),
    ({"dropout": 0.1}, "dropout is not a hyperparameter"),
    ({"learning_rate": {"log-uniform": [0.001, 0.1]}}, "give the one value"),
    ({"context_length": 16, "embedding_size": 4}, "at most 10 letters of context"),
]
WRONG = [
    *[("03.space", space(**changes), words) for changes, words in WRONG_SPACES],
    *[("03.beat", lambda found=settings: found, words) for settings, words in WRONG_SETTINGS],
    slow({}, "The difference may be noise"),
    slow({"learning_rate": 0.005}, "These settings are worse than the baseline"),
    slow({"context_length": 5, "hidden_size": 150}, "nats short of the goal"),
    slow({"optimizer": "sgd", "learning_rate": 1e30, "schedule": "constant"}, "diverges"),
]
RIGHT = [
    ("03.log_uniform", lambda fractions, low, high: low * (high / low) ** fractions),
    ("03.log_uniform", one_at_a_time),
    ("03.noise", by_scipy),
    ("03.space", space()),
    (
        "03.space",
        space(hidden_size={"log-integer": (64, 1024), "points": 4}, batch_size={"integer": [1, 9]}),
    ),
    pytest.param(
        "03.beat",
        lambda: dict(context_length=4, embedding_size=24, hidden_size=90, learning_rate=0.03),
        marks=pytest.mark.slow,
    ),
]
