"""What every model promises: its contract, and the weights it starts with."""

import math

import pytest
import torch

from intro_lm.data import PaddedBatches, context_windows
from intro_lm.evaluation import cross_entropy, evaluate, evaluate_bits
from intro_lm.generation import generate
from intro_lm.models import MODELS, Bigram, KneserNey, StatefulLanguageModel, TextClassifier


def build(name, vocabulary_size, seed=0, **sizes):
    if name == "classifier":
        sizes["classes"] = vocabulary_size
    make = TextClassifier if name == "classifier" else MODELS[name]
    return make(vocabulary_size, generator=torch.Generator().manual_seed(seed), **sizes)


@pytest.mark.parametrize("name", [*MODELS, "classifier"])
def test_the_generator_alone_decides_the_initial_weights(name):
    first, again, other = (build(name, 9, seed).state_dict() for seed in (1, 1, 2))
    assert all(first[key].equal(again[key]) for key in first)
    assert not first["output.weight"].equal(other["output.weight"])


@pytest.mark.parametrize(
    ("name", "sizes"),
    [
        *((name, {}) for name in [*MODELS, "classifier"]),
        ("mlp", {"hidden_layers": 4, "direct": True}),
    ],
)
def test_the_first_loss_is_near_log_of_the_number_of_choices(name, sizes):
    model = build(name, 65, **sizes)
    inputs = torch.randint(1, 65, (500, 3), generator=torch.Generator().manual_seed(0))
    logits = model(inputs)  # (500, 65), or (500, 3, 65)
    targets = inputs.flip(0) if logits.dim() == 3 else inputs.flip(0)[:, 0]
    assert cross_entropy(logits, targets).item() == pytest.approx(math.log(65), abs=0.12)


@pytest.mark.parametrize("name", [*MODELS, "bigram", "kneser-ney"])
def test_every_language_model_is_evaluated_and_sampled(name, some_names, vocabulary):
    if name in MODELS:
        model = build(name, len(vocabulary))
    else:
        counting = Bigram(len(vocabulary)) if name == "bigram" else KneserNey(len(vocabulary), 4)
        model = counting.fit(*context_windows(vocabulary, some_names, 3))
    batches = PaddedBatches.from_texts(vocabulary, some_names)
    pairs = batches.epoch(0)
    if model.context_length is not None:
        pairs = [context_windows(vocabulary, some_names, model.context_length)]
    assert isinstance(model, StatefulLanguageModel) == (model.context_length is None)
    bits = evaluate(model, pairs) / math.log(2)  # of a vocabulary of characters
    assert evaluate_bits(model, vocabulary, some_names) == pytest.approx(bits, rel=1e-4)
    texts = generate(model, vocabulary, 5, prompt="a", max_length=9)
    assert all(text[0] == "a" and len(text) <= 9 for text in texts)
