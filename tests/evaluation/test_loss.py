import math

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from intro_lm.data import StreamBatches, Subwords, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import bits_per_character, cross_entropy, evaluate, evaluate_bits
from intro_lm.models import RecurrentLM


class AfterToken(nn.Module):
    """Gives log-probabilities by the token before, a row of a table for each."""

    context_length = 1

    def __init__(self, probabilities):
        super().__init__()
        self.register_buffer("logits", torch.tensor(probabilities).log())

    def forward(self, inputs):
        return self.logits[inputs[:, -1]]


def test_loss_is_the_mean_negative_log_likelihood_over_targets_that_count():
    model, zeros = AfterToken([[0.5, 0.3, 0.2]]), torch.zeros(3, 1, dtype=torch.long)
    batches = [
        (zeros, torch.tensor([0, 1, -100])),
        (zeros[:1], torch.tensor([2])),
        (zeros[:1], torch.tensor([-100])),
    ]
    expected = -(math.log(0.5) + math.log(0.3) + math.log(0.2)) / 3
    assert evaluate(model, batches) == pytest.approx(expected, abs=1e-6)
    with pytest.raises(ValueError, match="no target counts"):
        evaluate(model, batches[2:])


def test_pairs_batches_and_a_data_loader_give_the_same_loss(make_model, windows):
    model = make_model()
    loss = evaluate(model, [windows])
    for batches in (
        WindowBatches(*windows, batch_size=512),
        DataLoader(TensorDataset(*windows), batch_size=512, shuffle=True),
    ):
        assert evaluate(model, batches) == pytest.approx(loss, rel=1e-5)


def test_batches_of_a_stream_carry_the_state_as_pairs_do_if_asked(vocabulary, some_names):
    stream = StreamBatches.from_texts(vocabulary, some_names[:100], batch_size=4, length=10)
    model = RecurrentLM(len(vocabulary), hidden_size=8, generator=torch.manual_seed(0))
    with torch.no_grad():  # a loss that depends on the state
        model.output.weight *= 30
    inputs, targets = (torch.cat(parts, 1) for parts in zip(*stream.epoch(0), strict=True))
    expected = cross_entropy(model(inputs), targets).item()
    assert evaluate(model, stream) == pytest.approx(expected, abs=1e-5)
    assert evaluate(model, stream.epoch(0), carry_state=True) == pytest.approx(expected, abs=1e-5)
    assert evaluate(model, stream.epoch(0)) != pytest.approx(expected, abs=1e-4)


def test_evaluation_switches_dropout_off_and_back_on(vocabulary):
    model = RecurrentLM(len(vocabulary), hidden_size=8, dropout=0.5)
    inputs, targets = torch.randint(0, len(vocabulary), (2, 3, 9))
    assert evaluate(model, [(inputs, targets)]) == evaluate(model, [(inputs, targets)])
    assert model.training
    with pytest.raises(IndexError):
        evaluate(model, [(inputs + 999, targets)])
    assert model.training


def test_the_same_predictions_under_two_vocabularies_give_the_same_bits_per_character():
    """Texts of the pairs ab, ac and db: guessed a character at a time, and a pair at a time."""
    pairs = {"ab": 0.5, "ac": 0.2, "db": 0.1}
    end = 0.2
    texts = ["abacdb", "ab", "", "acacabdbab", "db"]
    # Before a pair: its first letter or the end. Inside a pair: its second, given the first.
    new_pair = [end, 0.7, 0.0, 0.0, 0.1]
    after = [new_pair, [0, 0, 5 / 7, 2 / 7, 0], new_pair, new_pair, [0, 0, 1.0, 0, 0]]
    by_character = AfterToken(after)
    subwords = Subwords(["ab", "ac", "db"])
    by_pair = AfterToken([[end] + [0.0] * 256 + list(pairs.values())] * len(subwords))

    losses, bits = [], []
    for model, vocabulary in ((by_character, Vocabulary("abcd")), (by_pair, subwords)):
        inputs, targets = context_windows(vocabulary, texts, 1)
        losses.append(evaluate(model, [(inputs, targets)]))
        bits.append(bits_per_character(losses[-1], len(targets), len("".join(texts)) + len(texts)))
        assert evaluate_bits(model, vocabulary, texts) == pytest.approx(bits[-1], rel=1e-6)
    nats = -sum(
        math.log(pairs[text[i : i + 2]]) for text in texts for i in range(0, len(text), 2)
    ) - len(texts) * math.log(end)
    assert losses[1] > 1.5 * losses[0]  # nats per token say nothing across vocabularies
    assert bits == pytest.approx([nats / 25 / math.log(2)] * 2, rel=1e-6)
