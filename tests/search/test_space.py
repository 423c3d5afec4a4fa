"""What a space may hold, and what each sampler draws from it."""

import re

import pytest

from intro_lm.search import sweep
from intro_lm.search.space import grid, require_space

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")

SPACE = {
    "learning_rate": {"log-uniform": [0.001, 0.1]},
    "weight_decay": {"uniform": [0, 0.5]},
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


@pytest.mark.parametrize(
    "entry",
    [
        {"learning_rate": {"uniform": [0.5, 0.1]}},
        {"learning_rate": {"uniform": ["low", 0.1]}},
        {"learning_rate": {"uniform": [True, 2.0]}},
        {"learning_rate": {"uniform": [0.0, float("inf")]}},
        {"learning_rate": {"uniform": [0.1]}},
        {"learning_rate": {"uniform": "0..1"}},
        {"learning_rate": {"log-uniform": [0, 1.0]}},
        {"hidden_size": {"integer": [1.5, 8]}},
        {"hidden_size": {"uniform": [1, 8]}},
        {"hidden_size": {"between": [1, 2]}},
        {"hidden_size": {"integer": [1, 2], "uniform": [1, 2]}},
        {"hidden_size": 100},
        {"optimizer": {"uniform": [0.0, 1.0]}},
        {"optimizer": {"categorical": []}},
        {"optimizer": {"categorical": ["sgd", 3]}},
        {"optimizer": {"categorical": ["sgd", "sgd"]}},
    ],
)
def test_an_entry_that_cant_be_searched_is_named_with_what_to_give(entry):
    ((name, given),) = entry.items()
    advice = {
        "learning_rate": "one of uniform, log-uniform, integer, log-integer, .* of type float",
        "hidden_size": "one of integer, log-integer, categorical .* of type int",
        "optimizer": "one of categorical .* of type str",
    }[name]
    with pytest.raises(
        ValueError, match=f"space.{name} is {re.escape(repr(given))}; give {advice}"
    ):
        require_space(entry, KNOWN)


def test_a_space_without_entries_or_of_unknown_names_is_refused():
    with pytest.raises(ValueError, match="the space is empty"):
        require_space({})
    with pytest.raises(ValueError, match=r"lerning_rate is not .*; there are embedding_size"):
        require_space({"lerning_rate": {"uniform": [0.0, 1.0]}}, KNOWN)


def test_a_grid_is_every_combination_evenly_spaced():
    space = {
        "learning_rate": {"log-uniform": [0.001, 0.1], "points": 3},
        "optimizer": {"categorical": ["adamw", "sgd"]},
        "hidden_size": {"integer": [1, 2]},
    }
    points = grid(space)
    assert len({tuple(point.values()) for point in points}) == len(points) == 12
    rates = sorted({point["learning_rate"] for point in points})
    assert rates == pytest.approx([0.001, 0.01, 0.1])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"a": {"uniform": [0.0, 1.0]}}, "space.a has None points"),
        ({"a": {"uniform": [0.0, 1.0], "points": 1}}, "has 1 points"),
        ({"a": {"integer": [0, 100_000]}}, "the grid has 100,001 points"),
        ({"a": {"integer": [0, 100]}, "b": {"integer": [0, 100]}}, "the grid has 10,201 points"),
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
    first, again, other = (drawn(sampler, SPACE, 12, seed) for seed in (1, 1, 2))
    reordered = drawn(sampler, dict(reversed(SPACE.items())), 12, 1)
    assert first == again == reordered
    assert first != other


def test_random_trials_spread_over_the_whole_of_each_range():
    values = drawn("random", SPACE, 200)
    rates = [each["learning_rate"] for each in values]
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    below = sum(rate < 0.01 for rate in rates)  # half of a log range, a tenth of a uniform one
    assert 70 <= below <= 130
    assert {each["optimizer"] for each in values} == {"adamw", "sgd"}


def test_tpe_begins_as_random_search_and_then_draws_near_the_best():
    def near_the_best(sampler, seed):
        study = sweep(
            lambda parameters, logger: (parameters["x"] - 0.3) ** 2,
            {"x": {"uniform": [0.0, 1.0]}},
            trials=30,
            sampler=sampler,
            seed=seed,
            progress=False,
        )
        values = [trial.params["x"] for trial in study.trials]
        return values[:10], sum(abs(value - 0.3) < 0.1 for value in values[10:])

    begin, chance = near_the_best("random", 0)
    tpe_begin, found = near_the_best("tpe", 0)
    assert tpe_begin == begin
    assert found > 1.5 * chance
