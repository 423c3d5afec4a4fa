import time

import pytest
import torch
from torch import nn

from intro_lm.data import context_windows
from intro_lm.generation import generate
from intro_lm.models import MLP, Bigram, KneserNey


class Spells(nn.Module):
    """Puts a share of its belief on the next letter of one word, wherever it stands in it."""

    context_length = 5

    def __init__(self, vocabulary, word, belief=1.0):
        super().__init__()
        self.after = [*vocabulary.encode(word).tolist(), 0]
        self.belief, self.size = belief, len(vocabulary)

    def forward(self, inputs):
        rest = (1 - self.belief) / (self.size - 1)
        probabilities = torch.full((len(inputs), self.size), rest)
        position = (inputs != 0).sum(1)
        nexts = torch.tensor(self.after)[position.clamp(max=len(self.after) - 1)]
        probabilities[torch.arange(len(inputs)), nexts] = self.belief
        return probabilities.log()


def test_a_sure_model_spells_its_word_and_stops(vocabulary):
    assert generate(Spells(vocabulary, "anna"), vocabulary, 3) == ["anna"] * 3


def test_the_prompt_is_where_every_text_begins(vocabulary):
    assert generate(Spells(vocabulary, "anna"), vocabulary, 2, prompt="an") == ["anna", "anna"]


def test_temperature_zero_takes_the_most_likely_token(vocabulary):
    unsure = Spells(vocabulary, "anna", belief=0.2)
    assert set(generate(unsure, vocabulary, 20, temperature=0)) == {"anna"}
    assert set(generate(unsure, vocabulary, 20, top_k=1)) == {"anna"}
    assert set(generate(unsure, vocabulary, 20)) != {"anna"}


def test_sampled_frequencies_follow_the_model_at_each_temperature(vocabulary):
    logits = torch.log(torch.tensor([0.0] + [0.7, 0.2, 0.1] + [0.0] * (len(vocabulary) - 4)))

    class Unigram(nn.Module):
        context_length = 1

        def forward(self, inputs):
            return logits.expand(len(inputs), -1)

    for temperature in (0.5, 1.0, 2.0):
        texts = generate(
            Unigram(), vocabulary, 20_000, max_length=1, temperature=temperature, seed=3
        )
        expected = (logits / temperature).softmax(0)
        for token in (1, 2, 3):
            share = texts.count(vocabulary.decode([token])) / len(texts)
            assert share == pytest.approx(expected[token].item(), abs=0.015)
    kept = generate(Unigram(), vocabulary, 500, max_length=1, top_k=2)
    assert set(kept) == {vocabulary.decode([1]), vocabulary.decode([2])}


def test_top_k_keeps_exactly_k_where_tokens_tie(vocabulary):
    class Uniform(nn.Module):
        context_length = 1

        def forward(self, inputs):
            return torch.zeros(len(inputs), len(vocabulary))

    texts = generate(Uniform(), vocabulary, 300, max_length=1, top_k=2)
    assert len(set(texts)) == 2


@pytest.mark.parametrize("temperature", [0, 1.0])
def test_a_diverged_model_is_refused(make_model, vocabulary, temperature):
    model = make_model()
    torch.nn.init.constant_(model.output.weight, float("nan"))
    with pytest.raises(ValueError, match="its training diverged"):
        generate(model, vocabulary, 3, temperature=temperature)


def test_a_tiny_temperature_takes_the_most_likely_token(make_model, vocabulary):
    model = make_model()
    greedy = generate(model, vocabulary, 1, temperature=0)
    assert generate(model, vocabulary, 1, temperature=1e-30) == greedy


def test_the_same_seed_gives_the_same_texts(make_model, vocabulary):
    model = make_model()
    first = generate(model, vocabulary, 50, seed=1)
    assert generate(model, vocabulary, 50, seed=1) == first
    assert generate(model, vocabulary, 50, seed=2) != first


def test_no_text_is_longer_than_the_limit(make_model, vocabulary):
    texts = generate(make_model(), vocabulary, 200, max_length=7)
    assert max(map(len, texts)) == 7


def test_counting_models_generate_too(windows, vocabulary):
    for model in (Bigram(len(vocabulary)), KneserNey(len(vocabulary), 4)):
        texts = generate(model.fit(*windows), vocabulary, 5)
        assert len(texts) == 5
        assert all(set(text) <= set(vocabulary.characters) for text in texts)


def test_generation_leaves_the_training_mode_as_it_was(make_model, vocabulary):
    model = make_model().train()
    generate(model, vocabulary, 1)
    assert model.training


def test_ten_thousand_names_take_less_than_a_second_on_one_core(some_names, vocabulary):
    model = MLP(len(vocabulary))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            generate(model, vocabulary, 10_000, max_length=12)
            seconds.append(time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
    assert min(seconds) < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"temperature": -1}, "temperature is -1"),
        ({"temperature": float("nan")}, "temperature is nan"),
        ({"top_k": 0}, "top_k is 0"),
        ({"top_k": 99}, "top_k is 99"),
        ({"max_length": 0}, "max_length is 0"),
        ({"prompt": "añ"}, "the character 'ñ'"),
    ],
)
def test_bad_arguments_are_refused(make_model, vocabulary, arguments, message):
    with pytest.raises(ValueError, match=message):
        generate(make_model(), vocabulary, **arguments)


def test_the_context_is_the_latest_tokens_in_reading_order(vocabulary, some_names):
    inputs, targets = context_windows(vocabulary, ["abcdefgh"] * 3, 3)
    seen = []

    class Watch(nn.Module):
        context_length = 3

        def forward(self, windows):
            seen.append(windows[0].tolist())
            wanted = targets[(inputs == windows[0]).all(1)][0]
            return torch.nn.functional.one_hot(wanted, len(vocabulary)).log()[None, :]

    assert generate(Watch(), vocabulary, 1) == ["abcdefgh"]
    assert seen == inputs[:9].tolist()
