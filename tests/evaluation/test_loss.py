import math

import pytest
import torch
from torch import nn

from intro_lm.data import Subwords, Vocabulary, WindowBatches, context_windows
from intro_lm.evaluation import (
    bits_per_character,
    cross_entropy,
    difference_interval,
    evaluate,
    evaluate_bits,
    interval,
    perplexity,
)


class Fixed(nn.Module):
    """Gives the same logits for every input."""

    def __init__(self, logits):
        super().__init__()
        self.logits = torch.tensor(logits)
        self.seen_training = []

    def forward(self, inputs):
        self.seen_training.append(self.training)
        return self.logits.expand(*inputs.shape, -1)


def test_loss_is_the_mean_negative_log_likelihood_over_targets_that_count():
    model = Fixed([math.log(0.5), math.log(0.3), math.log(0.2)])
    batches = [
        (torch.zeros(3, dtype=torch.long), torch.tensor([0, 1, -100])),
        (torch.zeros(1, dtype=torch.long), torch.tensor([2])),
        (torch.zeros(1, dtype=torch.long), torch.tensor([-100])),
    ]
    expected = -(math.log(0.5) + math.log(0.3) + math.log(0.2)) / 3
    assert evaluate(model, batches) == pytest.approx(expected, abs=1e-6)


def test_evaluation_switches_training_mode_off_and_back_on():
    model = Fixed([0.0, 0.0]).train()
    evaluate(model, [(torch.zeros(2, dtype=torch.long), torch.zeros(2, dtype=torch.long))])
    assert model.seen_training == [False]
    assert model.training


def test_nothing_to_evaluate_is_refused():
    with pytest.raises(ValueError, match="no target counts"):
        evaluate(Fixed([0.0]), [(torch.zeros(1, dtype=torch.long), torch.tensor([-100]))])


def test_cross_entropy_serves_one_target_a_row_and_one_a_position():
    logits, targets = torch.randn(4, 5, 7), torch.randint(0, 7, (4, 5))
    by_position = cross_entropy(logits, targets)
    assert by_position.item() == pytest.approx(
        cross_entropy(logits.view(20, 7), targets.view(20)).item(), rel=1e-6
    )


def test_perplexity_of_a_uniform_guess_is_the_number_of_choices():
    assert perplexity(math.log(27)) == pytest.approx(27)


def test_bits_per_character_do_not_depend_on_how_text_is_cut_into_tokens():
    # 8 characters guessed uniformly from 4 are 2 bits each, as 8 tokens of 4 or as 4 pairs of 16.
    assert bits_per_character(math.log(4), tokens=8, characters=8) == pytest.approx(2)
    assert bits_per_character(math.log(16), tokens=4, characters=8) == pytest.approx(2)


class AfterToken(nn.Module):
    """Gives log-probabilities by the token before, a row of a table for each."""

    context_length = 1

    def __init__(self, probabilities):
        super().__init__()
        self.register_buffer("logits", torch.tensor(probabilities).log())

    def forward(self, inputs):
        return self.logits[inputs[:, -1]]


def test_the_same_predictions_under_two_vocabularies_give_the_same_bits_per_character():
    """Texts of the pairs ab, ac and db: guessed a character at a time, and a pair at a time."""
    pairs = {"ab": 0.5, "ac": 0.2, "db": 0.1}
    end = 0.2
    texts = ["abacdb", "ab", "", "acacabdbab", "db"]
    characters = Vocabulary("abcd")
    # Before a pair: its first letter or the end. Inside a pair: its second, given the first.
    new_pair = [end, 0.7, 0.0, 0.0, 0.1]
    after = [new_pair, [0, 0, 5 / 7, 2 / 7, 0], new_pair, new_pair, [0, 0, 1.0, 0, 0]]
    by_character = AfterToken(after)
    a, b, c, d = (ord(letter) + 1 for letter in "abcd")
    subwords = Subwords([(a, b), (a, c), (d, b)])
    assert [subwords.symbols[token] for token in subwords.encode("abacdb")] == ["ab", "ac", "db"]
    by_pair = AfterToken([[end] + [0.0] * 256 + list(pairs.values())] * len(subwords))

    losses, bits = [], []
    for model, vocabulary in ((by_character, characters), (by_pair, subwords)):
        inputs, targets = context_windows(vocabulary, texts, 1)
        losses.append(evaluate(model, WindowBatches(inputs, targets, batch_size=4).epoch(0)))
        count = sum(len(text) + 1 for text in texts)
        bits.append(bits_per_character(losses[-1], len(targets), count))
        assert evaluate_bits(model, vocabulary, texts) == pytest.approx(bits[-1], rel=1e-6)
    nats = -sum(
        math.log(pairs[text[i : i + 2]]) for text in texts for i in range(0, len(text), 2)
    ) - len(texts) * math.log(end)
    assert losses[1] > 1.5 * losses[0]  # nats a token say nothing across vocabularies
    assert bits == pytest.approx([nats / 25 / math.log(2)] * 2, rel=1e-6)


def test_bits_per_character_of_a_character_model_are_its_loss_over_log_2(
    make_model, windows, vocabulary, some_names
):
    model = make_model().train()
    loss = evaluate(model, [windows])
    assert evaluate_bits(model, vocabulary, some_names) == pytest.approx(loss / math.log(2))
    assert evaluate_bits(model, vocabulary, some_names, [windows]) == pytest.approx(
        loss / math.log(2)
    )
    assert model.training


def test_intervals_are_students_and_welchs():
    first, second = [2.1, 2.3, 2.2, 2.4], [2.0, 2.05, 2.1]
    # By the tables: t(0.975, 3) = 3.18245; Welch's degrees of freedom are 4.26 here.
    mean, half = 2.25, 3.18245 * 0.129099 / 2
    assert interval(first) == pytest.approx((mean - half, mean + half), abs=1e-4)
    from scipy import stats

    welch = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert difference_interval(first, second) == pytest.approx((welch.low, welch.high))
    paired = stats.ttest_rel(first[:3], second).confidence_interval(0.9)
    found = difference_interval(first[:3], second, paired=True, confidence=0.9)
    assert found == pytest.approx((paired.low, paired.high))


def test_an_interval_holds_the_mean_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    samples = torch.randn(1000, 5, generator=generator).tolist()
    held = sum(low <= 0 <= high for low, high in map(interval, samples))
    assert 925 <= held <= 975


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_seed_has_no_interval(values):
    with pytest.raises(ValueError, match="at least 2 seeds"):
        interval(values)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        difference_interval([1.0, 2.0], values)


def test_equal_values_give_an_interval_without_width():
    assert difference_interval([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5)
