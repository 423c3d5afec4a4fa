"""The recurrent language models: RNN, GRU, LSTM."""

import math

import pytest
import torch
from torch import Tensor

from intro_lm.models import RecurrentLM

CELLS = ["rnn", "gru", "lstm"]


def build(cell: str = "lstm", seed: int = 0, **sizes) -> RecurrentLM:
    chosen = {"embedding_size": 6, "hidden_size": 8, "layers": 2} | sizes
    return RecurrentLM(11, cell, generator=torch.Generator().manual_seed(seed), **chosen)


def tokens(*shape: int) -> Tensor:
    return torch.randint(0, 11, shape, generator=torch.Generator().manual_seed(1))


def lstm_step(x: Tensor, h: Tensor, c: Tensor, weights: list[Tensor]) -> tuple[Tensor, Tensor]:
    """One LSTM step, gate by gate, with weights as `nn.LSTM` stacks them: x (B, E), h, c (B, H)."""
    W, U, b, d = weights  # (4H, E), (4H, H), (4H,), (4H,)
    i, f, g, o = (x @ W.T + b + h @ U.T + d).chunk(4, dim=1)  # (B, H) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def test_the_model_is_embedding_cells_from_scratch_and_output():
    model, inputs = build(), tokens(4, 9)
    layer_input = list(model.embedding(inputs).unbind(1))
    last = []
    for weights in model.recurrent.all_weights:
        h, c, above = torch.zeros(4, 8), torch.zeros(4, 8), []
        for x in layer_input:
            h, c = lstm_step(x, h, c, weights)
            above.append(h)
        layer_input = above
        last.append(torch.stack([h, c], 1))  # (B, S, H)
    expected = torch.stack(layer_input, 1) @ model.output.weight.T + model.output.bias
    logits, state = model.advance(inputs)
    torch.testing.assert_close(logits, expected)
    torch.testing.assert_close(state, torch.stack(last, 2))
    assert model(inputs).equal(logits)


@pytest.mark.parametrize("cell", CELLS)
def test_carried_state_equals_one_long_pass(cell):
    model, inputs = build(cell), tokens(5, 30)
    whole, last = model.advance(inputs)
    pieces, state = [], None
    for piece in inputs.split([1, 12, 4, 13], dim=1):
        logits, state = model.advance(piece, state)
        pieces.append(logits)
    torch.testing.assert_close(torch.cat(pieces, 1), whole, rtol=0, atol=1e-5)
    torch.testing.assert_close(state, last, rtol=0, atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_start_orthogonal_gate_by_gate_and_biases_at_zero(cell):
    for name, parameter in build(cell).recurrent.named_parameters():
        if "weight_hh" in name:
            for gate in parameter.split(8):
                torch.testing.assert_close(gate @ gate.T, torch.eye(8), rtol=0, atol=1e-5)
        elif "bias" in name:
            forget = cell == "lstm" and "bias_ih" in name  # 1 for the forget gate
            assert parameter.tolist() == [
                float(forget and 8 <= n < 16) for n in range(len(parameter))
            ]


def test_dropout_falls_before_the_output_and_only_while_training():
    model, seen = build(layers=1, dropout=0.5), []
    model.output.register_forward_pre_hook(lambda _, hidden: seen.append(hidden[0]))
    model(tokens(50, 20))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)
    model.eval()(tokens(50, 20))
    assert (seen[1] != 0).all()


def test_token_dropout_hides_whole_tokens_and_only_while_training():
    model, seen = build(token_dropout=0.25), []
    model.recurrent.register_forward_pre_hook(lambda _, x: seen.append(x[0]))
    inputs = tokens(60, 20)
    model(inputs)
    hidden = (seen[0] == 0).all(2)
    assert hidden.float().mean().item() == pytest.approx(0.25, abs=0.04)
    torch.testing.assert_close(seen[0][~hidden], model.embedding(inputs)[~hidden] / 0.75)
    model.eval()(inputs)
    assert seen[1].equal(model.embedding(inputs))


def test_the_state_stays_float32_in_bfloat16():
    model = build()
    with torch.autocast("cpu", torch.bfloat16):
        logits, state = model.advance(tokens(4, 5))
    assert (logits.dtype, state.dtype) == (torch.bfloat16, torch.float32)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"token_dropout": math.nan}, "token_dropout is nan"),
        ({"layers": 1.5}, "layers is 1.5"),
        ({"cell": "lstn"}, "cell is 'lstn'; use one of rnn, gru, lstm"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
