import math

import pytest
import torch

from intro_lm.evaluation import cross_entropy
from intro_lm.models import MLP


def test_defaults_are_the_makemore_model_of_11897_parameters():
    assert sum(parameter.numel() for parameter in MLP(27).parameters()) == 11_897


@pytest.mark.parametrize("direct", [False, True])
@pytest.mark.parametrize("hidden_layers", [1, 3])
def test_logits_follow_equation_1_of_bengio_2003(direct, hidden_layers):
    model = MLP(11, 4, embedding_size=3, hidden_size=5, direct=direct, hidden_layers=hidden_layers)
    inputs = torch.randint(0, 11, (6, 4))
    x = torch.cat([model.embedding.weight[inputs[:, t]] for t in range(4)], dim=1)
    hidden = torch.tanh(model.hidden.bias + x @ model.hidden.weight.T)
    assert len(model.deeper) == hidden_layers - 1
    for layer in model.deeper:
        hidden = torch.tanh(hidden @ layer.weight.T + layer.bias)
    expected = model.output.bias + hidden @ model.output.weight.T
    if direct:
        expected = expected + x @ model.direct.weight.T
    torch.testing.assert_close(model(inputs), expected)


@pytest.mark.parametrize("sizes", [{}, {"hidden_layers": 4}, {"direct": True}])
def test_the_first_loss_is_near_log_of_the_vocabulary_size(sizes):
    model = MLP(27, generator=torch.Generator().manual_seed(0), **sizes)
    inputs, targets = torch.randint(0, 27, (500, 3)), torch.randint(0, 27, (500,))
    assert cross_entropy(model(inputs), targets).item() == pytest.approx(math.log(27), abs=0.02)


def test_the_generator_alone_decides_the_initial_weights():
    first, again, other = (MLP(9, generator=torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert a.equal(b)
    assert not first.hidden.weight.equal(other.hidden.weight)


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="hidden_size is 0"):
        MLP(27, hidden_size=0)
