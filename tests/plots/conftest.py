"""Axes on which a warning is an error, and small real studies."""

import math
import warnings

import matplotlib
import optuna
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt

optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def strict():
    """Warnings are errors, and the figures that the test opened are closed after it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield
    plt.close("all")


@pytest.fixture
def axes(strict):
    return plt.subplots()[1]


def objective(trial):
    """Lowest near a rate of 0.01. Trial 3 fails, trial 5 blows up, every fourth is pruned."""
    rate = trial.suggest_float("learning_rate", 1e-4, 1.0, log=True)
    size = trial.suggest_int("hidden_size", 16, 256, log=True)
    depth = trial.suggest_int("depth", 1, 3)
    kind = trial.suggest_categorical("activation", ["tanh", "relu"])
    loss = (
        2 + 0.1 * math.log10(rate / 0.01) ** 2 + 2 / size + 0.05 * (kind == "relu") - 0.01 * depth
    )
    for step in (10, 20, 30):
        trial.report(loss + 3 / step, step)
        if trial.number % 4 == 1 and step == 20 and trial.number != 5:
            raise optuna.TrialPruned
    if trial.number == 3:
        raise RuntimeError("out of memory")
    return 900.0 if trial.number == 5 else loss


@pytest.fixture(scope="session")
def study():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=24, catch=RuntimeError)
    return study


@pytest.fixture
def trials(study):
    return study.get_trials()


@pytest.fixture
def trial():
    """Builds a completed trial of the floats `x` and `y` in 0..1 with the loss it is given."""

    def build(value, **params):
        kinds = {name: optuna.distributions.FloatDistribution(0, 1) for name in params}
        return optuna.trial.create_trial(value=value, params=params, distributions=kinds)

    return build
