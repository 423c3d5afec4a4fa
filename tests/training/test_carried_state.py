"""Training on streams: state goes on from batch to batch."""

from dataclasses import replace

import pytest
import torch

from intro_lm.data import PaddedBatches, StreamBatches
from intro_lm.evaluation import evaluate
from intro_lm.models import RecurrentLM
from intro_lm.training import TrainingSettings, train
from tests.training.conftest import same


@pytest.fixture
def build(vocabulary):
    return lambda: RecurrentLM(len(vocabulary), "lstm", 8, 16, generator=torch.Generator())


@pytest.fixture
def stream(vocabulary, some_names):
    return StreamBatches.from_texts(vocabulary, some_names[:100], batch_size=6, length=20)


class Watched(RecurrentLM):
    """Notes the state that each batch begins with and ends in."""

    def advance(self, inputs, state=None):
        logits, after = super().advance(inputs, state)
        self.began = [*getattr(self, "began", []), state]
        self.ended = [*getattr(self, "ended", []), after]
        return logits, after


def test_state_is_carried_through_an_epoch_and_starts_anew_with_the_next(vocabulary, stream):
    model = Watched(len(vocabulary), embedding_size=4, hidden_size=4)
    epoch = len(stream)
    train(model, stream, TrainingSettings(steps=2 * epoch + 2), progress=False)
    for step, began in enumerate(model.began):
        if step % epoch == 0:
            assert began is None
        else:
            assert began.equal(model.ended[step - 1])
            assert not began.requires_grad  # truncated backpropagation


def test_state_is_not_carried_where_rows_do_not_go_on(vocabulary, some_names, stream):
    padded = PaddedBatches.from_texts(vocabulary, some_names[:50], batch_size=10)
    for batches in (padded, replace(stream, carries_state=False)):
        model = Watched(len(vocabulary), embedding_size=4, hidden_size=4)
        train(model, batches, TrainingSettings(steps=4), progress=False)
        assert model.began == [None] * 4


def test_validation_while_training_carries_state_of_its_own(build, vocabulary, some_names, stream):
    validation = StreamBatches.from_texts(vocabulary, some_names[300:400], batch_size=4, length=15)
    settings = TrainingSettings(steps=20, evaluate_every=5)
    model, alone = build(), build()
    history = train(model, stream, settings, validation=validation, progress=False)
    expected = evaluate(model, validation.epoch(0), carry_state=True)
    assert history.validation_loss == pytest.approx(expected, abs=1e-6)
    train(alone, stream, settings, progress=False)
    assert same(model, alone)
