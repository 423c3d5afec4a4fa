import pytest
import torch
from torch import nn

from intro_lm.data import PaddedBatches, context_windows
from intro_lm.generation import generate
from intro_lm.models import RecurrentLM


class Spells(nn.Module):
    """Gives most of the probability to the next letter of one word, at whatever position."""

    def __init__(self, vocabulary, word, belief=1.0, context_length=5):
        super().__init__()
        self.after = torch.tensor([*vocabulary.encode(word).tolist(), 0])
        self.belief, self.size, self.context_length = belief, len(vocabulary), context_length

    def forward(self, inputs):
        position = (inputs != 0).cumsum(1).clamp(max=len(self.after) - 1)  # (B, T)
        rest = (1 - self.belief) / (self.size - 1)
        probabilities = torch.full((*inputs.shape, self.size), rest)
        probabilities.scatter_(2, self.after[position].unsqueeze(2), self.belief)
        return probabilities.log() if self.context_length is None else probabilities[:, -1].log()


@pytest.mark.parametrize("context_length", [5, None])
def test_a_sure_model_spells_its_word_and_stops(vocabulary, context_length):
    """A model of windows, and one of whole texts that carries no state."""
    model = Spells(vocabulary, "anna", context_length=context_length)
    assert generate(model, vocabulary, 3) == ["anna"] * 3
    assert generate(model, vocabulary, 2, prompt="an") == ["anna"] * 2
    assert generate(model, vocabulary, 2, prompt="an", max_length=3) == ["ann"] * 2


def test_temperature_zero_or_tiny_takes_the_most_likely_token(vocabulary):
    unsure = Spells(vocabulary, "anna", belief=0.2)
    assert set(generate(unsure, vocabulary, 20)) != {"anna"}
    for options in ({"temperature": 0}, {"temperature": 1e-30}):
        assert set(generate(unsure, vocabulary, 20, **options)) == {"anna"}


class Unigram(nn.Module):
    context_length = 1

    def __init__(self, logits):
        super().__init__()
        self.logits = logits

    def forward(self, inputs):
        return self.logits.expand(len(inputs), -1)


def test_sampled_frequencies_follow_the_model_at_each_temperature(vocabulary):
    logits = torch.log(torch.tensor([0.0] + [0.7, 0.2, 0.1] + [0.0] * (len(vocabulary) - 4)))
    for temperature in (0.5, 1.0, 2.0):
        options = {"max_length": 1, "temperature": temperature, "seed": 3}
        texts = generate(Unigram(logits), vocabulary, 20_000, **options)
        for token, expected in enumerate((logits / temperature).softmax(0)[:4].tolist()):
            frequency = texts.count(vocabulary.decode([token])) / len(texts)
            assert frequency == pytest.approx(expected, abs=0.015)


def test_the_context_is_the_latest_tokens_in_reading_order(make_model, vocabulary):
    model, seen = make_model(), []
    model.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0][0].tolist()))
    (text,) = generate(model, vocabulary, 1, prompt="anna", max_length=9)
    expected, _ = context_windows(vocabulary, [text], 3)
    assert seen == expected[4 : 4 + len(seen)].tolist()


def test_a_diverged_model_is_refused(make_model, vocabulary):
    model = make_model()
    nn.init.constant_(model.output.weight, float("nan"))
    with pytest.raises(ValueError, match="its training diverged"):
        generate(model, vocabulary, 3)
    assert model.training


def test_the_same_seed_gives_the_same_texts(make_model, vocabulary):
    model = make_model()
    first = generate(model, vocabulary, 50, seed=1)
    assert generate(model, vocabulary, 50, seed=1) == first
    assert generate(model, vocabulary, 50, seed=2) != first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"max_length": 0}, "max_length is 0"),
        ({"prompt": "añ"}, "the character 'ñ'"),
    ],
)
def test_bad_arguments_are_refused(make_model, vocabulary, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(make_model(), vocabulary, **arguments)


class Watched(RecurrentLM):
    """Notes what it reads and predicts."""

    def __init__(self, *arguments, **sizes):
        super().__init__(*arguments, generator=torch.Generator().manual_seed(0), **sizes)
        self.read, self.predicted = [], []

    def advance(self, inputs, state=None):
        logits, state = super().advance(inputs, state)
        self.read.append(inputs)
        self.predicted.append(logits[:, -1])
        return logits, state


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_a_stateful_model_reads_each_token_once_and_keeps_the_state_of_each_text(vocabulary, cell):
    model = Watched(len(vocabulary), cell, hidden_size=16, layers=2)
    texts = generate(model, vocabulary, 200, prompt="an", max_length=30)
    assert model.read[0].shape == (200, 3)  # a boundary and the prompt
    assert all(inputs.shape[1] == 1 for inputs in model.read[1:])
    whole = PaddedBatches.from_texts(vocabulary, texts, batch_size=200, shuffle=False)
    ((inputs, _),) = whole.epoch(0)
    expected, _ = RecurrentLM.advance(model, inputs)
    for position, found in enumerate(model.predicted, start=2):
        alive = torch.tensor([len(text) >= position for text in texts])
        torch.testing.assert_close(found, expected[alive, position], rtol=0, atol=1e-5)
