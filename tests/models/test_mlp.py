import pytest
import torch

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


def test_a_size_below_one_is_refused():
    with pytest.raises(ValueError, match="hidden_size is 0"):
        MLP(27, hidden_size=0)
