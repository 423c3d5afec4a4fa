"""Exercise 03.space: choose the space of the next search."""

from __future__ import annotations

from typing import Any

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call
from course.exercises.values import plain, show


def next_space() -> dict[str, dict[str, list[float]]]:
    """The space of the next search, in the package's form.

    Returns:
        From each hyperparameter's name to its range: `learning_rate`, `context_length`,
        `embedding_size`, `hidden_size`, `weight_decay` and `warmup` at least.
    """
    return {
        "learning_rate": {"log-uniform": [0.001, 0.1]},
        "context_length": {"integer": [2, 10]},
        "embedding_size": {"log-integer": [4, 64]},
        "hidden_size": {"log-integer": [50, 800]},
        "weight_decay": {"uniform": [0.0, 0.5]},
        "warmup": {"uniform": [0.0, 0.5]},
    }


BASELINE = {"context_length": 3, "embedding_size": 10, "hidden_size": 200}
BY_HAND = {"context_length": 8, "embedding_size": 24, "hidden_size": 400}


# Above these a single trial takes minutes, or more memory than we have.
LARGEST = {
    "context_length": 32,
    "embedding_size": 512,
    "hidden_size": 4096,
    "hidden_layers": 8,
    "batch_size": 16_384,
}
ASKED = ("learning_rate", *BASELINE, "weight_decay", "warmup")
BUDGET = ("steps", "evaluate_every")


def _space_of(answer: Answer) -> dict[str, Any]:
    space = plain(call(answer))
    if not isinstance(space, dict) or not all(isinstance(entry, dict) for entry in space.values()):
        raise NotYet(
            'A space is a dict of dicts, such as {"hidden_size": {"integer": [50, 400]}}',
            {"got": show(space)},
        )
    return space


def _entry(space: dict[str, Any], name: str) -> tuple[str, list[Any], dict[str, str]]:
    """The kind of range, its bounds or choices, and the case to show."""
    kind = next(key for key in space[name] if key != "points")
    return kind, list(space[name][kind]), {name: show(space[name])}


def package_reads_it(answer: Answer) -> None:
    """that the package accepts the space, with all six hyperparameters in it"""
    from intro_lm.search import hyperparameters
    from intro_lm.search.space import require_space

    space = _space_of(answer)
    missing = [name for name in ASKED if name not in space]
    if missing:
        raise NotYet(f"The space has no {', '.join(missing)}", {"got": show(list(space))})
    for name, entry in space.items():
        try:
            require_space({name: entry}, hyperparameters())
        except ValueError as error:
            raise NotYet(f"The package refuses it: {error}", {name: show(entry)}) from None


def rate_on_a_log_scale(answer: Answer) -> None:
    """the learning rate's scale and range"""
    kind, bounds, case = _entry(_space_of(answer), "learning_rate")
    if kind == "uniform":
        fraction = min(1.0, max(0.0, (0.01 - bounds[0]) / (bounds[1] - bounds[0])))
        case["fraction of the draws below 0.01"] = f"{fraction:.1%}"
        raise NotYet(
            "Drawn uniformly, nearly all learning rates are in the highest order of magnitude; a "
            "learning rate belongs on a log scale",
            case,
        )
    if kind == "categorical":
        raise NotYet(
            "With choices, only these few learning rates are tried; give a range on a log scale",
            case,
        )
    low, high = bounds
    if high / low < 100 * (1 - 1e-9):
        raise NotYet(
            f"From {low:g} to {high:g} is less than two orders of magnitude: high / low is "
            f"{high / low:.3g}. The best rate depends on the other hyperparameters, so leave it "
            "room",
            case,
        )
    if not low <= 0.01 <= 0.02 <= high:
        raise NotYet(
            "The range leaves out 0.01 or 0.02, the rates of the two models that we know", case
        )
    if high > 1 or low < 1e-6:
        raise NotYet(
            "The range wastes trials: above 1 AdamW diverges at once, below 0.000001 it hardly "
            "moves",
            case,
        )


def sizes_hold_what_we_know(answer: Answer) -> None:
    """that the sizes of the baseline and of the model by hand are in the space"""
    space = _space_of(answer)
    for name in BASELINE:
        kind, bounds, case = _entry(space, name)
        if min(bounds) < 1:
            raise NotYet(f"{name} can be {min(bounds)}; a size is at least 1", case)
        for model, value in (("baseline", BASELINE[name]), ("model by hand", BY_HAND[name])):
            inside = value in bounds if kind == "categorical" else bounds[0] <= value <= bounds[1]
            if not inside:
                raise NotYet(
                    f"The {model} has {name} = {value}, which this search could never find", case
                )


def fractions_are_fractions(answer: Answer) -> None:
    """that warmup and weight decay stay between 0 and 1"""
    space = _space_of(answer)
    for name, known in (("warmup", 0.1), ("weight_decay", 0.2)):
        kind, bounds, case = _entry(space, name)
        low, high = min(bounds), max(bounds)
        if low < 0 or high > 1:
            raise NotYet(f"{name} goes from {low:g} to {high:g}; keep it between 0 and 1", case)
        if name == "warmup" and high >= 1:
            raise NotYet(
                "With a warmup of 1 the learning rate never falls; the package refuses it, and "
                "such trials fail. Stay below 1",
                case,
            )
        if not (known in bounds if kind == "categorical" else low <= known <= high):
            raise NotYet(f"The space leaves out {name} = {known}, the value of a known model", case)


def nothing_without_sense(answer: Answer) -> None:
    """that every combination of its values makes sense"""
    from intro_lm.search import Experiment

    space = _space_of(answer)
    chosen = {name: _entry(space, name) for name in space}
    for name in BUDGET:
        if name in space:
            raise NotYet(
                f"{name} is the budget, not a hyperparameter: a search would find that more "
                "training is better, and pay for it",
                chosen[name][2],
            )
    for name, (_, values, case) in chosen.items():
        if name in LARGEST and max(values) > LARGEST[name]:
            raise NotYet(
                f"{name} can be {max(values):,}. Such a trial takes minutes, or more memory than "
                f"we have; use at most {LARGEST[name]:,}",
                case,
            )
        for value in values:
            try:
                Experiment().require({name: value})
            except ValueError as error:
                raise NotYet(f"This can't be trained: {error}", case) from None
    if "sgd" in chosen.get("optimizer", ("", [], {}))[1]:
        raise NotYet(
            "Each optimiser needs its own learning rate, near 2 for gradient descent and near 0.02 "
            "for AdamW. A space can't say 'this range for that optimiser', so half the trials "
            "would be nonsense: search one optimiser at a time",
            chosen["optimizer"][2],
        )
    if "constant" in chosen.get("schedule", ("", [], {}))[1]:
        raise NotYet(
            "A constant schedule has no warmup, so `warmup` does nothing in such trials: search "
            "one schedule at a time",
            chosen["schedule"][2],
        )


SPACE = Exercise(
    name="03.space",
    solved_by=next_space,
    why=(
        "A good space is wide where we know little and leaves out what can't work. Values whose "
        "ratio matters go on a log scale: the learning rate, and sizes, where going from 400 to "
        "410 units changes less than from 20 to 30. Fractions that can be 0 can't go on one. The "
        "models that we know are inside, so the search can at least find them again. We don't "
        "search the budget, or anything that makes another entry meaningless."
    ),
    hints=(
        "Start with `wide_space`. Which values of `by_hand_in_01` are outside?",
        "Use `log-uniform` for the learning rate, `integer` or `log-integer` for sizes, `uniform` "
        "for `weight_decay` and `warmup`. Each takes `[low, high]`.",
        '`{"log-uniform": [0.001, 0.1]}` spans two orders of magnitude, '
        '`{"log-integer": [50, 800]}` includes 200 and 400 units, and `{"uniform": [0.0, 0.5]}` is '
        "a range for a fraction that stays below 1.",
    ),
    checks=(
        package_reads_it,
        rate_on_a_log_scale,
        sizes_hold_what_we_know,
        fractions_are_fractions,
        nothing_without_sense,
    ),
)
