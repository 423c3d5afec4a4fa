"""What a space may hold, and what each sampler draws from it."""

import re

import pytest

from intro_lm.search import hyperparameters, sweep
from intro_lm.search.space import grid, require_space

SPACE = {
    "learning_rate": {"log-uniform": [0.001, 0.1]},
    "weight_decay": {"uniform": [0, 0.5]},
    "hidden_size": {"integer": [50, 400]},
    "embedding_size": {"log-integer": [2, 64]},
    "optimizer": {"categorical": ["adamw", "sgd"]},
}


def drawn(sampler, space, trials, seed=0, objective=lambda parameters, logger: 1.0):
    study = sweep(objective, space, trials=trials, sampler=sampler, seed=seed, progress=False)
    return [trial.params for trial in study.trials]


FLOATS = "one of uniform, log-uniform, integer, log-integer, categorical .* of type float"
WHOLE = "one of integer, log-integer, categorical .* of type int"


@pytest.mark.parametrize(
    ("name", "entry", "advice"),
    [
        ("learning_rate", {"uniform": [0.5, 0.1]}, FLOATS),
        ("learning_rate", {"uniform": ["low", 0.1]}, FLOATS),
        ("learning_rate", {"uniform": [0.0, float("inf")]}, FLOATS),
        ("learning_rate", {"uniform": [0.1]}, FLOATS),
        ("learning_rate", {"uniform": "0..1"}, FLOATS),
        ("learning_rate", {"log-uniform": [0, 1.0]}, FLOATS),
        ("hidden_size", {"integer": [1.5, 8]}, WHOLE),
        ("hidden_size", {"uniform": [1, 8]}, WHOLE),
        ("hidden_size", {"integer": [1, 2], "uniform": [1, 2]}, WHOLE),
        ("hidden_size", 100, WHOLE),
        ("optimizer", {"uniform": [0.0, 1.0]}, "one of categorical .* of type str"),
        ("optimizer", {"categorical": []}, "one of categorical"),
        ("optimizer", {"categorical": ["sgd", 3]}, "one of categorical"),
    ],
)
def test_an_entry_that_cant_be_searched_is_named_with_what_to_give(name, entry, advice):
    with pytest.raises(
        ValueError, match=f"space.{name} is {re.escape(repr(entry))}; give {advice}"
    ):
        require_space({name: entry}, hyperparameters())


def test_a_space_without_entries_or_of_unknown_names_is_refused():
    require_space(SPACE, hyperparameters())
    with pytest.raises(ValueError, match="the space is empty"):
        require_space({})
    with pytest.raises(ValueError, match=r"lerning_rate is not .*; there are batch_size"):
        require_space({"lerning_rate": {"uniform": [0.0, 1.0]}}, hyperparameters())


def test_grid_search_visits_every_evenly_spaced_combination_once_and_ends():
    space = {
        "learning_rate": {"log-uniform": [0.001, 0.1], "points": 3},
        "optimizer": {"categorical": ["adamw", "sgd"]},
        "hidden_size": {"integer": [1, 2]},
    }
    points = drawn("grid", space, trials=100)
    assert len({tuple(point.values()) for point in points}) == len(points) == 12
    rates = sorted({point["learning_rate"] for point in points})
    assert rates == pytest.approx([0.001, 0.01, 0.1])


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"a": {"uniform": [0.0, 1.0]}}, "space.a has None points"),
        ({"a": {"uniform": [0.0, 1.0], "points": 1}}, "has 1 points"),
        ({"a": {"integer": [0, 100]}, "b": {"integer": [0, 100]}}, "the grid has 10,201 points"),
    ],
)
def test_a_grid_without_numbers_or_too_large_is_refused(space, message):
    with pytest.raises(ValueError, match=message):
        grid(space)


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
    random, tpe = (
        [
            each["x"]
            for each in drawn(
                sampler, {"x": {"uniform": [0.0, 1.0]}}, 30, 0, lambda p, _: (p["x"] - 0.3) ** 2
            )
        ]
        for sampler in ("random", "tpe")
    )
    assert tpe[:10] == random[:10]
    near, by_chance = (sum(abs(x - 0.3) < 0.1 for x in values[10:]) for values in (tpe, random))
    assert near > 1.5 * by_chance
