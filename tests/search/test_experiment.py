"""An experiment trains what notebook 01 trains, with the hyperparameters it is given."""

import pytest
import torch

from intro_lm import data
from intro_lm.data import Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP
from intro_lm.search.experiment import Experiment, hyperparameters
from intro_lm.training import TrainingSettings, train

SMALL = {"steps": 20, "evaluate_every": 10, "hidden_size": 16}


def test_it_is_the_training_that_one_would_write_by_hand():
    corpus = data.load("names")
    vocabulary = Vocabulary.from_texts(corpus["train"]["text"])
    windows = {
        part: context_windows(vocabulary, corpus[part]["text"], 4)
        for part in ("train", "validation", "test")
    }
    generator = torch.Generator().manual_seed(3)
    model = MLP(27, 4, hidden_size=16, hidden_layers=2, generator=generator)
    settings = TrainingSettings(steps=20, evaluate_every=10, learning_rate=0.01, seed=3)
    batches = WindowBatches(*windows["train"], batch_size=64, seed=3)
    train(model, batches, settings, progress=False)

    experiment = Experiment(fixed={**SMALL, "batch_size": 64}, seed=3)
    parameters = {"learning_rate": 0.01, "context_length": 4, "hidden_layers": 2}
    fitted, history = experiment.fit(parameters)
    for mine, theirs in zip(fitted.parameters(), model.parameters(), strict=True):
        assert mine.equal(theirs)
    by_hand = {
        part: evaluate(
            model, WindowBatches(*windows[part], batch_size=8192, shuffle=False).epoch(0)
        )
        for part in ("validation", "test")
    }
    assert experiment(parameters) == history.validation_loss == by_hand["validation"]
    assert experiment.evaluate(fitted, "test") == by_hand["test"]


def test_another_seed_is_another_training():
    experiment = Experiment(fixed=SMALL)
    losses = {experiment.loss(seed=seed) for seed in (0, 1, 1)}
    assert experiment({}) in losses
    assert len(losses) == 2


def test_every_validation_loss_is_recorded():
    class Logger:
        def __init__(self):
            self.steps, self.seen = None, []

        def start(self, step):
            pass

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
    known = hyperparameters()
    assert {"hidden_layers": int, "direct": bool, "learning_rate": float, "clip_norm": float,
            "batch_size": int, "optimizer": str}.items() <= known.items()  # fmt: skip
    assert "seed" not in known
    assert "steps" not in Experiment(fixed=SMALL).known


@pytest.mark.parametrize(
    ("fixed", "message"),
    [
        ({"hiden_size": 3}, "fixed.hiden_size is not a hyperparameter; there are batch_size"),
        ({"hidden_size": 3.0}, r"fixed.hidden_size is 3\.0; its type is int"),
        ({"steps": True}, "fixed.steps is True; its type is int"),
        ({"steps": 0}, "steps is 0"),
        ({"optimizer": 1}, "fixed.optimizer is 1; its type is str"),
    ],
)
def test_a_fixed_value_that_cant_be_is_named(fixed, message):
    with pytest.raises(ValueError, match=message):
        Experiment(fixed=fixed)


def test_an_unknown_hyperparameter_of_one_training_is_named():
    with pytest.raises(ValueError, match="lerning_rate is not a hyperparameter"):
        Experiment(fixed=SMALL).fit({"lerning_rate": 0.1})
