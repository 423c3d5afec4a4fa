"""An experiment trains what one would write by hand, with the hyperparameters it is given."""

import pytest
import torch

from intro_lm import data
from intro_lm.data import PaddedBatches, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP, RecurrentLM
from intro_lm.search import Experiment, hyperparameters, sweep
from intro_lm.training import TrainingSettings, train

SMALL = {"steps": 20, "evaluate_every": 10, "hidden_size": 16}


@pytest.fixture(scope="module")
def corpus():
    return data.load("names")


@pytest.fixture(scope="module")
def vocabulary(corpus):
    return Vocabulary.from_texts(corpus["train"]["text"])


def require_same_weights(one, other):
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert mine.equal(theirs)


def test_a_model_with_a_context_is_trained_on_windows(corpus, vocabulary):
    windows = {part: context_windows(vocabulary, corpus[part]["text"], 4) for part in corpus}
    generator = torch.Generator().manual_seed(3)
    model = MLP(27, 4, hidden_size=16, hidden_layers=2, generator=generator)
    settings = TrainingSettings(steps=20, evaluate_every=10, learning_rate=0.01, seed=3)
    train(model, WindowBatches(*windows["train"], 64, seed=3), settings, progress=False)

    experiment = Experiment(fixed={**SMALL, "batch_size": 64}, seed=3)
    parameters = {"learning_rate": 0.01, "context_length": 4, "hidden_layers": 2}
    fitted, history = experiment.fit(parameters)
    require_same_weights(fitted, model)
    by_hand = {
        part: evaluate(model, WindowBatches(*windows[part], 8192, shuffle=False).epoch(0))
        for part in ("validation", "test")
    }
    assert experiment(parameters) == history.validation_loss == by_hand["validation"]
    assert experiment.evaluate(fitted, "test") == by_hand["test"]


def test_a_model_without_one_is_trained_on_whole_texts(corpus, vocabulary):
    generator = torch.Generator().manual_seed(3)
    model = RecurrentLM(27, "lstm", hidden_size=16, dropout=0.1, generator=generator)
    batches = PaddedBatches.from_texts(vocabulary, corpus["train"]["text"], 32, seed=3)
    train(model, batches, TrainingSettings(steps=20, seed=3), progress=False)
    experiment = Experiment(model="lstm", fixed=SMALL, seed=3)
    fitted, _ = experiment.fit({"dropout": 0.1, "batch_size": 32})
    require_same_weights(fitted, model)


def test_another_seed_is_another_training():
    experiment = Experiment(fixed=SMALL)
    losses = {experiment.loss(seed=seed) for seed in (0, 1)}
    assert experiment({}) in losses
    assert len(losses) == 2


def test_a_sweep_reports_every_validation_loss_with_its_percentage_of_the_steps():
    space = {"learning_rate": {"uniform": [0.01, 0.02]}}
    (trial,) = sweep(Experiment(fixed=SMALL), space, trials=1, progress=False).trials
    assert list(trial.intermediate_values) == [50, 100]
    assert trial.intermediate_values[100] == trial.value


def test_hyperparameters_are_the_models_the_settings_and_the_batch_size():
    shared = {"learning_rate": float, "clip_norm": float, "batch_size": int, "optimizer": str}
    assert {"hidden_layers": int, "direct": bool, **shared}.items() <= hyperparameters().items()
    recurrent = hyperparameters("lstm")
    assert {"layers": int, "dropout": float, **shared}.items() <= recurrent.items()
    assert not {"seed", "cell", "generator", "vocabulary_size"} & recurrent.keys()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fixed": {"hiden_size": 3}}, "hiden_size is not a hyperparameter; there are batch_size"),
        ({"fixed": {"hidden_size": 3.0}}, "hidden_size is 3.0; it must be a whole number"),
        ({"fixed": {"steps": 0}}, "steps is 0"),
        ({"fixed": {"optimizer": 1}}, "optimizer is 1; use one of"),
        ({"model": "lsmt"}, "model is 'lsmt'; use one of mlp"),
    ],
)
def test_what_cant_be_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        Experiment(**arguments)
