"""An experiment trains what one would write by hand, with the hyperparameters it is given."""

import pytest
import torch

from intro_lm import data
from intro_lm.data import PaddedBatches, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP, RecurrentLM
from intro_lm.search.experiment import Experiment, hyperparameters
from intro_lm.training import TrainingSettings, train

SMALL = {"steps": 20, "evaluate_every": 10, "hidden_size": 16}


@pytest.fixture(scope="module")
def corpus():
    return data.load("names")


@pytest.fixture(scope="module")
def vocabulary(corpus):
    return Vocabulary.from_texts(corpus["train"]["text"])


def test_a_model_with_a_context_is_trained_on_windows(corpus, vocabulary):
    windows = {
        part: context_windows(vocabulary, corpus[part]["text"], 4)
        for part in ("train", "validation", "test")
    }
    generator = torch.Generator().manual_seed(3)
    model = MLP(27, 4, hidden_size=16, hidden_layers=2, generator=generator)
    settings = TrainingSettings(steps=20, evaluate_every=10, learning_rate=0.01, seed=3)
    train(model, WindowBatches(*windows["train"], 64, seed=3), settings, progress=False)

    experiment = Experiment(fixed={**SMALL, "batch_size": 64}, seed=3)
    parameters = {"learning_rate": 0.01, "context_length": 4, "hidden_layers": 2}
    fitted, history = experiment.fit(parameters)
    for mine, theirs in zip(fitted.parameters(), model.parameters(), strict=True):
        assert mine.equal(theirs)
    by_hand = {
        part: evaluate(model, WindowBatches(*windows[part], 8192, shuffle=False).epoch(0))
        for part in ("validation", "test")
    }
    assert experiment(parameters) == history.validation_loss == by_hand["validation"]
    assert experiment.evaluate(fitted, "test") == by_hand["test"]


def test_a_model_without_one_is_trained_on_whole_texts(corpus, vocabulary):
    model = RecurrentLM(
        27, "lstm", hidden_size=16, dropout=0.1, generator=torch.Generator().manual_seed(3)
    )
    batches = PaddedBatches.from_texts(vocabulary, corpus["train"]["text"], 32, seed=3)
    train(model, batches, TrainingSettings(steps=20, seed=3), progress=False)
    fitted, _ = Experiment(model="lstm", fixed=SMALL, seed=3).fit(
        {"dropout": 0.1, "batch_size": 32}
    )
    for mine, theirs in zip(fitted.parameters(), model.parameters(), strict=True):
        assert mine.equal(theirs)


def test_another_seed_is_another_training():
    experiment = Experiment(fixed=SMALL)
    losses = {experiment.loss(seed=seed) for seed in (0, 1)}
    assert experiment({}) in losses
    assert len(losses) == 2


def test_every_validation_loss_is_logged():
    class Logger:
        steps = None

        def start(self, step):
            self.seen = []

        def log(self, step, scalars):
            self.seen.append((step, scalars["loss/validation"]))

    logger = Logger()
    loss = Experiment(fixed=SMALL)({}, logger)
    assert [step for step, _ in logger.seen] == [10, 20]
    assert logger.seen[-1][1] == loss
    assert logger.steps == 20


def test_the_baseline_is_that_of_notebook_01():
    model, _ = Experiment(fixed={"steps": 1}).fit()
    assert sum(parameter.numel() for parameter in model.parameters()) == 11_897


def test_hyperparameters_are_the_models_the_settings_and_the_batch_size():
    shared = {"learning_rate": float, "clip_norm": float, "batch_size": int, "optimizer": str}
    assert {"hidden_layers": int, "direct": bool, **shared}.items() <= hyperparameters().items()
    recurrent = hyperparameters("lstm")
    assert {"layers": int, "dropout": float, **shared}.items() <= recurrent.items()
    assert not {"seed", "cell", "generator", "vocabulary_size"} & recurrent.keys()


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"hiden_size": 3}, "hiden_size is not a hyperparameter; there are batch_size"),
        ({"hidden_size": 3.0}, "hidden_size is 3.0; it must be a whole number"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"steps": True}, "steps is True; it must be a whole number"),
        ({"steps": 0}, "steps is 0"),
        ({"optimizer": 1}, "optimizer is 1; use one of"),
        ({"optimizer": "adam"}, "optimizer is 'adam'"),
    ],
)
def test_a_fixed_value_that_cant_be_is_named(fixed, message):
    with pytest.raises(ValueError, match=message):
        Experiment(fixed=fixed)


def test_an_unknown_model_is_named():
    with pytest.raises(ValueError, match="model is 'lsmt'; use one of mlp"):
        Experiment(model="lsmt")
