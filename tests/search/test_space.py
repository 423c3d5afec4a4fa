"""What a space may hold, and what each sampler draws from it."""

import optuna
import pytest

from intro_lm.search.space import distributions, grid
from intro_lm.search.study import sweep

SPACE = {
    "learning_rate": {"log-uniform": [0.001, 0.1]},
    "weight_decay": {"uniform": [0.0, 0.5]},
    "hidden_size": {"integer": [50, 400]},
    "embedding_size": {"log-integer": [2, 64]},
    "optimizer": {"categorical": ["adamw", "sgd"]},
}
KNOWN = {
    "learning_rate": float,
    "weight_decay": float,
    "hidden_size": int,
    "embedding_size": int,
    "optimizer": str,
    "direct": bool,
}


def drawn(sampler, space, trials, seed=0):
    study = sweep(
        lambda parameters, logger: 1.0,
        space,
        trials=trials,
        sampler=sampler,
        seed=seed,
        progress=False,
    )
    return [trial.params for trial in study.trials]


def test_each_kind_of_range_becomes_its_distribution():
    assert distributions(SPACE, KNOWN) == {
        "learning_rate": optuna.distributions.FloatDistribution(0.001, 0.1, log=True),
        "weight_decay": optuna.distributions.FloatDistribution(0, 0.5),
        "hidden_size": optuna.distributions.IntDistribution(50, 400),
        "embedding_size": optuna.distributions.IntDistribution(2, 64, log=True),
        "optimizer": optuna.distributions.CategoricalDistribution(["adamw", "sgd"]),
    }


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"lerning_rate": {"uniform": [0.0, 1.0]}}, "lerning_rate is not a hyperparameter.*direct"),
        ({"learning_rate": {"uniform": [0.5, 0.1]}}, r"learning_rate: the bounds 0\.5 and 0\.1"),
        ({"learning_rate": {"uniform": [0.1, 0.1]}}, r"learning_rate: the bounds 0\.1 and 0\.1"),
        ({"learning_rate": {"uniform": ["low", 0.1]}}, "learning_rate: the bound 'low'"),
        ({"learning_rate": {"uniform": [True, 2.0]}}, "learning_rate: the bound True"),
        ({"learning_rate": {"uniform": [0.0, float("inf")]}}, "learning_rate: the bound inf"),
        ({"learning_rate": {"uniform": [0.1]}}, r"learning_rate: uniform is \[0\.1\]"),
        ({"learning_rate": {"uniform": "0..1"}}, r"learning_rate: uniform is '0\.\.1'"),
        ({"learning_rate": {"log-uniform": [0, 1.0]}}, "learning_rate: a log range .* at 0"),
        ({"embedding_size": {"log-integer": [0, 8]}}, "embedding_size: a log range .* at 0"),
        ({"hidden_size": {"integer": [1.5, 8]}}, r"hidden_size: the bound 1\.5 is not a whole"),
        ({"hidden_size": {"uniform": [1, 8]}}, "hidden_size is uniform, but .* type int"),
        ({"optimizer": {"integer": [1, 8]}}, "optimizer is integer, but .* type str"),
        ({"optimizer": {"categorical": []}}, "optimizer: categorical has no choices"),
        ({"optimizer": {"categorical": ["sgd", 3]}}, "optimizer: the choice 3 is not of"),
        ({"optimizer": {"categorical": ["sgd", None]}}, "optimizer: the choice None"),
        ({"optimizer": {"categorical": ["sgd", "sgd"]}}, "optimizer: a choice stands twice"),
        ({"hidden_size": {"categorical": [100, True]}}, "hidden_size: the choice True"),
        ({"hidden_size": {"between": [1, 2]}}, "hidden_size is {'between'.*give one of"),
        ({"hidden_size": {"integer": [1, 2], "uniform": [1, 2]}}, "hidden_size is .*give one of"),
        ({"hidden_size": 100}, "hidden_size is 100; give one of"),
        ({}, "the space is empty"),
    ],
)
def test_an_entry_that_cant_be_searched_is_named(entry, message):
    with pytest.raises(ValueError, match=message):
        distributions(entry, KNOWN)


def test_a_whole_number_may_bound_a_float():
    assert distributions({"learning_rate": {"uniform": [0, 1]}}, KNOWN)["learning_rate"].high == 1.0


def test_a_grid_is_every_combination_evenly_spaced():
    space = {
        "learning_rate": {"log-uniform": [0.001, 0.1], "points": 3},
        "optimizer": {"categorical": ["adamw", "sgd"]},
        "hidden_size": {"integer": [1, 2]},
    }
    points = grid(space)
    assert len(points) == 12
    rates = sorted({point["learning_rate"] for point in points})
    assert rates == pytest.approx([0.001, 0.01, 0.1])
    assert len({tuple(point.values()) for point in points}) == 12


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"a": {"uniform": [0.0, 1.0]}}, "space.a: a grid needs a whole number of points"),
        ({"a": {"uniform": [0.0, 1.0], "points": 1}}, "at least 2, not 1"),
        ({"a": {"uniform": [0.0, 1.0], "points": 10_001}}, "10,001 points"),
        ({"a": {"integer": [0, 100_000]}}, "100,001 points"),
        (
            {"a": {"integer": [0, 100]}, "b": {"uniform": [0.0, 1.0], "points": 100}},
            r"10,100 points \(a 101 × b 100\)",
        ),
    ],
)
def test_a_grid_without_numbers_or_too_large_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        grid(space)


def test_grid_search_visits_every_point_once_and_ends():
    space = {"a": {"integer": [1, 3]}, "b": {"categorical": ["x", "y"]}}
    seen = drawn("grid", space, trials=100)
    assert len(seen) == 6
    assert {tuple(params.values()) for params in seen} == {(a, b) for a in (1, 2, 3) for b in "xy"}


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_the_seed_alone_decides_the_trials(sampler):
    first, again, other = (drawn(sampler, SPACE, 15, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_random_trials_spread_over_the_whole_of_each_range():
    values = drawn("random", SPACE, 200)
    rates = [each["learning_rate"] for each in values]
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    below = sum(rate < 0.01 for rate in rates)  # half of a log range, a tenth of a uniform one
    assert 70 <= below <= 130
    assert {each["optimizer"] for each in values} == {"adamw", "sgd"}
    sizes = [each["hidden_size"] for each in values]
    assert min(sizes) < 75
    assert max(sizes) > 375


def test_tpe_draws_more_where_the_loss_was_low_than_chance_does():
    def near_the_best(sampler, seed):
        study = sweep(
            lambda parameters, logger: (parameters["x"] - 0.3) ** 2,
            {"x": {"uniform": [0.0, 1.0]}},
            trials=40,
            sampler=sampler,
            seed=seed,
            progress=False,
        )
        return sum(abs(trial.params["x"] - 0.3) < 0.1 for trial in study.trials[10:])

    chance = sum(near_the_best("random", seed) for seed in range(5))
    assert sum(near_the_best("tpe", seed) for seed in range(5)) > 1.5 * chance


def test_an_unknown_sampler_is_refused():
    with pytest.raises(ValueError, match="sampler is 'bayes'; use one of tpe, random, grid"):
        drawn("bayes", SPACE, 1)
