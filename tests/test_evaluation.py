import math

import pytest
import torch
from torch import nn

from intro_lm.evaluation import bits_per_character, cross_entropy, evaluate, perplexity


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
