import time

import pytest
import torch
from torch import nn

from intro_lm.data import PaddedBatches, StreamBatches, Vocabulary, context_windows
from intro_lm.generation import generate
from intro_lm.models import MLP, Bigram, KneserNey, RecurrentLM
from intro_lm.training import TrainingSettings, train


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


class TestRecurrent:
    """Models with `advance` read each token once."""

    @pytest.fixture(params=["rnn", "gru", "lstm"])
    def model(self, request, vocabulary):
        generator = torch.Generator().manual_seed(0)
        sizes = {"embedding_size": 8, "hidden_size": 16, "layers": 2}
        return RecurrentLM(len(vocabulary), request.param, generator=generator, **sizes)

    def test_a_token_at_a_time_gives_the_logits_of_one_long_pass(
        self, model, vocabulary, monkeypatch
    ):
        steps = []
        advance = model.advance

        def watched(inputs, state=None):
            logits, state = advance(inputs, state)
            steps.append((inputs, logits[:, -1]))
            return logits, state

        with torch.no_grad():
            model.output.bias[0] = -100.0  # no text ends
        monkeypatch.setattr(model, "advance", watched)
        texts = generate(model, vocabulary, 3, prompt="an", max_length=40)
        read = torch.cat([inputs for inputs, _ in steps], 1)
        assert vocabulary.decode_texts(read[:, 1:]) == [text[:-1] for text in texts]
        whole, _ = advance(read)
        found = torch.stack([logits for _, logits in steps], 1)
        torch.testing.assert_close(found, whole[:, 2:], rtol=0, atol=1e-5)

    def test_a_token_costs_the_same_however_long_the_text(self, model, vocabulary, monkeypatch):
        tokens_read = []
        advance = model.advance

        def counted(inputs, state=None):
            tokens_read.append(inputs.numel())
            return advance(inputs, state)

        with torch.no_grad():
            model.output.bias[0] = -100.0
        monkeypatch.setattr(model, "advance", counted)
        (text,) = generate(model, vocabulary, 1, prompt="anna", max_length=2000)
        assert len(text) == 2000
        assert tokens_read == [5] + [1] * 1995  # a boundary and the prompt, then one at a time

    def test_texts_that_ended_are_read_no_further_and_the_others_keep_their_state(
        self, model, vocabulary, monkeypatch
    ):
        steps = []
        advance = model.advance

        def watched(inputs, state=None):
            logits, state = advance(inputs, state)
            steps.append(logits[:, -1])
            return logits, state

        monkeypatch.setattr(model, "advance", watched)
        texts = generate(model, vocabulary, 200, max_length=60)
        whole = PaddedBatches.from_texts(vocabulary, texts, batch_size=200, shuffle=False)
        ((inputs, _),) = whole.epoch(0)
        expected, _ = advance(inputs)
        for position, found in enumerate(steps):
            alive = torch.tensor([len(text) >= position for text in texts])
            torch.testing.assert_close(found, expected[alive, position], rtol=0, atol=1e-5)

    def test_prompts_and_limits_are_kept(self, model, vocabulary):
        texts = generate(model, vocabulary, 30, prompt="ann", max_length=12)
        assert all(text.startswith("ann") and len(text) <= 12 for text in texts)
        assert len(set(texts)) > 1
        assert generate(model, vocabulary, 2, prompt="annabel", max_length=4) == ["anna"] * 2
        with pytest.raises(ValueError, match="the character 'ñ'"):
            generate(model, vocabulary, prompt="añ")

    def test_the_same_seed_gives_the_same_texts(self, model, vocabulary):
        first = generate(model, vocabulary, 20, seed=1)
        assert generate(model, vocabulary, 20, seed=1) == first
        assert generate(model, vocabulary, 20, seed=2) != first


def test_a_model_of_running_text_writes_on_over_line_ends_until_it_draws_a_boundary():
    """Trained on one long text, as Shakespeare's plays are."""
    rhyme = "one, two,\nbuckle my shoe;\n\nthree, four,\nknock at the door;\n\n"
    vocabulary = Vocabulary.from_texts([rhyme])
    stream = StreamBatches.from_texts(vocabulary, [rhyme * 40], batch_size=8, length=32)
    model = RecurrentLM(len(vocabulary), hidden_size=64, generator=torch.Generator().manual_seed(0))
    train(model, stream, TrainingSettings(steps=120, device="cpu", clip_norm=1.0), progress=False)
    (text,) = generate(model, vocabulary, 1, prompt="\n\nthree", max_length=600, temperature=0)
    assert len(text) == 600
    assert text in "\n\n" + rhyme[rhyme.index("three") :] + rhyme * 10
