"""The recurrent language models: RNN, GRU, LSTM."""

import math

import pytest
import torch
from torch import Tensor, nn

from intro_lm.data import IGNORED
from intro_lm.evaluation import cross_entropy
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


def test_the_cell_from_scratch_equals_pytorchs_forward_and_backward():
    torch.manual_seed(0)
    lstm = nn.LSTM(5, 7, batch_first=True)
    inputs = torch.randn(3, 20, 5, requires_grad=True)
    h, c = torch.randn(2, 3, 7)  # (B, H) each
    expected, _ = lstm(inputs, (h[None], c[None]))
    found = []
    for x in inputs.unbind(1):
        h, c = lstm_step(x, h, c, list(lstm.parameters()))
        found.append(h)
    torch.testing.assert_close(torch.stack(found, 1), expected, rtol=0, atol=1e-6)
    direction = torch.randn_like(expected)
    wanted = [inputs, *lstm.parameters()]
    by_pytorch = torch.autograd.grad((expected * direction).mean(), wanted)
    by_hand = torch.autograd.grad((torch.stack(found, 1) * direction).mean(), wanted)
    for ours, theirs in zip(by_hand, by_pytorch, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


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
def test_rows_of_a_state_can_be_chosen_as_rows_of_inputs(cell):
    model, first, second = build(cell), tokens(5, 7), tokens(5, 3)
    _, state = model.advance(first)
    all_rows, _ = model.advance(second, state)
    some_rows, _ = model.advance(second[[3, 0]], state[[3, 0]])
    torch.testing.assert_close(some_rows, all_rows[[3, 0]])


def test_what_lies_ahead_changes_no_logits():
    model, inputs = build(), tokens(3, 12)
    changed = inputs.clone()
    changed[:, 7:] = 0
    torch.testing.assert_close(model(changed)[:, :7], model(inputs)[:, :7])


def test_padding_changes_neither_loss_nor_gradients():
    model, inputs, targets = build(), tokens(3, 12), tokens(3, 12).flip(0)
    targets[1, 5:] = IGNORED
    padded = inputs.clone()
    padded[1, 5:] = 0
    results = []
    for rows in (inputs, padded):
        loss = cross_entropy(model(rows), targets)
        results.append((loss, *torch.autograd.grad(loss, list(model.parameters()))))
    for with_tokens, with_padding in zip(*results, strict=True):
        torch.testing.assert_close(with_tokens, with_padding)


@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_weights_start_orthogonal_gate_by_gate(cell):
    for name, weight in build(cell).recurrent.named_parameters():
        if "weight_hh" in name:
            for gate in weight.split(8):
                torch.testing.assert_close(gate @ gate.T, torch.eye(8), rtol=0, atol=1e-5)


def test_the_forget_gates_two_biases_sum_to_one_and_the_others_to_zero():
    recurrent = build().recurrent
    for layer in range(2):
        bias = getattr(recurrent, f"bias_ih_l{layer}") + getattr(recurrent, f"bias_hh_l{layer}")
        assert bias.tolist() == [0.0] * 8 + [1.0] * 8 + [0.0] * 16


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("tied", [False, True])
def test_the_first_loss_is_near_log_of_the_vocabulary_size(cell, tied):
    generator = torch.Generator().manual_seed(0)
    model = RecurrentLM(65, cell, 64, 64, tied=tied, generator=generator)
    inputs, targets = torch.randint(0, 65, (2, 50, 20), generator=generator)
    first = cross_entropy(model(inputs), targets).item()
    assert first == pytest.approx(math.log(65), abs=0.15 if tied else 0.02)


@pytest.mark.parametrize("cell", CELLS)
def test_the_generator_alone_decides_the_initial_weights(cell):
    first, again, other = (build(cell, seed) for seed in (1, 1, 2))
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert a.equal(b)
    assert not first.recurrent.weight_hh_l0.equal(other.recurrent.weight_hh_l0)


def test_tied_weights_are_one_matrix_and_stay_so():
    untied, tied = (build(embedding_size=8, tied=tied) for tied in (False, True))
    sizes = [sum(p.numel() for p in model.parameters()) for model in (untied, tied)]
    assert sizes[0] - sizes[1] == 11 * 8
    tied.load_state_dict({name: t + 1 for name, t in tied.state_dict().items()})
    assert tied.output.weight is tied.embedding.weight


def test_dropout_falls_on_every_step_up_and_only_while_training():
    model, inputs = build(dropout=0.5), tokens(4, 6)
    assert not model(inputs).equal(model(inputs))
    model.eval()
    assert model(inputs).equal(model(inputs))
    # With a single layer there is no step between layers, and the output still has it.
    single, seen = build(layers=1, dropout=0.5), []
    single.output.register_forward_pre_hook(lambda _, hidden: seen.append(hidden[0]))
    single(tokens(50, 20))
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)


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


def test_bfloat16_loss_is_within_a_hundredth_of_float32s():
    """In use as at the start: the weights are scaled up to where the gates saturate."""
    model, inputs, targets = build(hidden_size=64), tokens(16, 40), tokens(16, 40).flip(0)
    for scale in (1.0, 3.0):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter *= scale
        exact = cross_entropy(model(inputs), targets).item()
        with torch.autocast("cpu", torch.bfloat16):
            logits, state = model.advance(inputs)
            rounded = cross_entropy(logits, targets).item()
        assert rounded == pytest.approx(exact, abs=0.01)
        assert state.dtype == torch.float32  # so that it goes on in either precision


@pytest.mark.parametrize("cell", CELLS)
def test_a_state_of_another_shape_is_refused_with_both_shapes(cell):
    model = build(cell)
    parts = 2 if cell == "lstm" else 1
    with pytest.raises(ValueError, match=rf"state is \(3, {parts}, 2, 8\);.* \(4, {parts}, 2, 8\)"):
        model.advance(tokens(4, 5), model.advance(tokens(3, 5))[1])
    with pytest.raises(ValueError, match=r"state is \(2, 4, 8\)"):
        model.advance(tokens(4, 5), torch.zeros(2, 4, 8))


def test_a_state_on_another_device_is_refused_with_both_names():
    state = torch.zeros(4, 2, 2, 8, device="meta")
    with pytest.raises(ValueError, match="state is on meta and the inputs on cpu"):
        build().advance(tokens(4, 5), state)


@pytest.mark.parametrize("shape", [(4, 0), (4,), (4, 5, 6)])
def test_inputs_without_a_position_or_of_another_rank_are_refused(shape):
    with pytest.raises(ValueError, match=rf"inputs are \({shape[0]}.*length T of at least 1"):
        build()(torch.zeros(shape, dtype=torch.long))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"dropout": 1.0}, "dropout is 1.0"),
        ({"dropout": -0.1}, "dropout is -0.1"),
        ({"dropout": math.nan}, "dropout is nan"),
        ({"token_dropout": 1}, "token_dropout is 1"),
        ({"hidden_size": 0}, "hidden_size is 0"),
        ({"layers": 1.5}, "layers is 1.5"),
        ({"tied": True}, "embedding_size is 6 and hidden_size 8"),
        ({"cell": "lstn"}, "cell is 'lstn'; use one of rnn, gru, lstm"),
    ],
)
def test_bad_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        build(**arguments)
