import math

import pytest
import torch

from intro_lm.evaluation import cross_entropy
from intro_lm.models import MLP


def count(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_defaults_are_the_makemore_model_of_11897_parameters():
    assert count(MLP(27)) == 11_897


@pytest.mark.parametrize("direct", [False, True])
def test_logits_follow_equation_1_of_bengio_2003(direct):
    model = MLP(11, context_length=4, embedding_size=3, hidden_size=5, direct=direct)
    inputs = torch.randint(0, 11, (6, 4))
    x = torch.cat([model.embedding.weight[inputs[:, t]] for t in range(4)], dim=1)
    hidden = torch.tanh(model.hidden.bias + x @ model.hidden.weight.T)
    expected = model.output.bias + hidden @ model.output.weight.T
    if direct:
        expected = expected + x @ model.direct.weight.T
    torch.testing.assert_close(model(inputs), expected)


def test_the_first_loss_is_near_log_of_the_vocabulary_size():
    generator = torch.Generator().manual_seed(0)
    model = MLP(27, generator=generator)
    inputs, targets = torch.randint(0, 27, (500, 3)), torch.randint(0, 27, (500,))
    assert cross_entropy(model(inputs), targets).item() == pytest.approx(math.log(27), abs=0.02)


def test_the_generator_alone_decides_the_initial_weights():
    first, again, other = (MLP(9, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert a.equal(b)
    assert not first.hidden.weight.equal(other.hidden.weight)


@pytest.mark.parametrize("name", ["context_length", "embedding_size", "hidden_size"])
def test_a_size_below_one_is_refused(name):
    with pytest.raises(ValueError, match=f"{name} is 0"):
        MLP(27, **{name: 0})


def test_further_layers_are_tanh_layers_of_the_same_size():
    model = MLP(11, context_length=4, embedding_size=3, hidden_size=5, hidden_layers=3)
    inputs = torch.randint(0, 11, (6, 4))
    hidden = torch.tanh(model.hidden(model.embedding(inputs).flatten(1)))
    for layer in model.deeper:
        hidden = torch.tanh(hidden @ layer.weight.T + layer.bias)
    torch.testing.assert_close(model(inputs), model.output(hidden))
    assert count(model) - count(MLP(11, 4, 3, 5)) == 2 * (5 * 5 + 5)


def test_the_first_loss_of_a_deep_model_is_near_log_of_the_vocabulary_size():
    model = MLP(27, hidden_layers=4, generator=torch.Generator().manual_seed(0))
    inputs, targets = torch.randint(0, 27, (500, 3)), torch.randint(0, 27, (500,))
    assert cross_entropy(model(inputs), targets).item() == pytest.approx(math.log(27), abs=0.02)
