"""The exercises of notebook 04: what each takes for right, and what it says to what is wrong."""

import pytest
import torch
from torch import nn

from tests.course.exercises.proof import Case, claims


def with_linear(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    linear = nn.functional.linear
    return linear(
        torch.cat([x, h], 1), torch.cat([weight_ih, weight_hh], 1), bias_ih + bias_hh
    ).tanh()


def unit_by_unit(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    result = torch.empty_like(h)
    for row in range(len(h)):
        for unit in range(h.shape[1]):
            total = weight_ih[unit] @ x[row] + weight_hh[unit] @ h[row]
            result[row, unit] = torch.tanh(total + bias_ih[unit] + bias_hh[unit])
    return result


def no_tanh(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return x @ weight_ih.T + h @ weight_hh.T + bias_ih + bias_hh


def with_sigmoid(x, h, *weights):
    return torch.sigmoid(no_tanh(x, h, *weights))


def not_transposed(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(x @ weight_ih + bias_ih + h @ weight_hh + bias_hh)


def state_forgotten(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(x @ weight_ih.T + bias_ih + bias_hh)


def second_bias_forgotten(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(x @ weight_ih.T + h @ weight_hh.T + bias_ih)


def biases_forgotten(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(x @ weight_ih.T + h @ weight_hh.T)


def two_tanhs(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(x @ weight_ih.T + bias_ih) + torch.tanh(h @ weight_hh.T + bias_hh)


def matrices_swapped(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    return torch.tanh(h @ weight_ih.T + x @ weight_hh.T + bias_ih + bias_hh)


def state_changed_in_place(x, h, *weights):
    h.copy_(with_linear(x, h, *weights))
    return h


def gate_by_gate(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    size = h.shape[1]
    parts = []
    for n in range(4):
        rows = slice(n * size, (n + 1) * size)
        parts.append(no_tanh(x, h, weight_ih[rows], weight_hh[rows], bias_ih[rows], bias_hh[rows]))
    i, f, g, o = parts
    c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return [torch.sigmoid(o) * torch.tanh(c), c]


def with_pytorch(x, h, c, *weights):
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    for parameter, weight in zip(cell.parameters(), weights, strict=True):
        parameter.data = weight
    return cell(x, (h, c))


def in_this_order(order):
    def step(x, h, c, *weights):
        cut = dict(zip(order, no_tanh(x, h, *weights).chunk(4, 1), strict=True))
        c = cut["f"].sigmoid() * c + cut["i"].sigmoid() * cut["g"].tanh()
        return cut["o"].sigmoid() * c.tanh(), c

    step.__name__ = f"order_{order}"
    return step


def states_swapped(x, h, c, *weights):
    return gate_by_gate(x, h, c, *weights)[::-1]


def nothing_forgotten(x, h, c, *weights):
    i, _, g, o = no_tanh(x, h, *weights).chunk(4, 1)
    c = c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def old_state_shown(x, h, c, *weights):
    o = no_tanh(x, h, *weights).chunk(4, 1)[3]
    return o.sigmoid() * c.tanh(), gate_by_gate(x, h, c, *weights)[1]


def tanh_forgotten(x, h, c, *weights):
    after = gate_by_gate(x, h, c, *weights)[1]
    return no_tanh(x, h, *weights).chunk(4, 1)[3].sigmoid() * after, after


def candidate_as_a_gate(x, h, c, *weights):
    i, f, g, o = no_tanh(x, h, *weights).sigmoid().chunk(4, 1)
    c = f * c + i * g
    return o * c.tanh(), c


def gates_without_h(x, h, c, *weights):
    return gate_by_gate(x, torch.zeros_like(h), c, *weights)


def one_bias_only(x, h, c, weight_ih, weight_hh, bias_ih, bias_hh):
    return gate_by_gate(x, h, c, weight_ih, weight_hh, bias_ih, torch.zeros_like(bias_hh))


def cut_by_rows(x, h, c, *weights):
    i, f, g, o = no_tanh(x, h, *weights).chunk(4)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def only_h_returned(x, h, c, *weights):
    return gate_by_gate(x, h, c, *weights)[0]


def by_inversion(logits, temperature, generator):
    if temperature == 0:
        return logits.max(1).indices
    powers = ((logits - logits.amax(1, keepdim=True)) / temperature).exp()
    cumulative = powers.cumsum(1) / powers.sum(1, keepdim=True)
    drawn = torch.rand(len(logits), 1, generator=generator)
    return (cumulative <= drawn).sum(1)


def row_by_row(logits, temperature, generator):
    tokens = []
    for row in logits:
        if temperature == 0:
            tokens.append(row.argmax().item())
        else:
            shares = (row / temperature).softmax(0)
            tokens.append(torch.multinomial(shares, 1, generator=generator).item())
    return torch.tensor(tokens)


def multiplied(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(1)
    return torch.multinomial((logits * temperature).softmax(1), 1, generator=generator)[:, 0]


def probabilities_divided(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(1)
    return torch.multinomial(logits.softmax(1) / temperature, 1, generator=generator)[:, 0]


def always_the_likeliest(logits, temperature, generator):
    return logits.argmax(1)


def divides_by_zero(logits, temperature, generator):
    return torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]


def zero_taken_for_one(logits, temperature, generator):
    return row_by_row(logits, temperature or 1.0, generator)


def overflows(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(1)
    powers = (logits / temperature).exp()
    return torch.multinomial(powers / powers.sum(1, keepdim=True), 1, generator=generator)[:, 0]


def a_column(logits, temperature, generator):
    return by_inversion(logits, temperature, generator)[:, None]


def generator_unused(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(1)
    return torch.multinomial((logits / temperature).softmax(1), 1)[:, 0]


def by_places(layer, x, length):
    states = torch.zeros(len(x), 0, layer.hidden_size)
    state = None
    for first in range(0, x.shape[1], length):
        hidden, state = layer(x[:, first : first + length], state)
        states = torch.cat([states, hidden], 1)
        tensors = [state] if torch.is_tensor(state) else list(state)
        tensors = [tensor.clone().detach() for tensor in tensors]
        state = tensors[0] if torch.is_tensor(state) else tuple(tensors)
    return states


def step_by_step(layer, x, length):
    state, seen = None, []
    for t in range(x.shape[1]):
        if t and t % length == 0:
            state = tuple(s.detach() for s in state) if type(state) is tuple else state.detach()
        hidden, state = layer(x[:, t : t + 1], state)
        seen.append(hidden[:, 0])
    return torch.stack(seen, 1)


def pieces(handed_on, given=lambda piece: piece, kept=lambda hidden: hidden):
    """A reader that hands its state on in some way."""

    def read(layer, x, length):
        state, seen = None, []
        for piece in x.split(length, 1):
            hidden, state = layer(given(piece), state)
            seen.append(kept(hidden))
            state = handed_on(state)
        return torch.cat(seen, 1)

    return read


def detached(state):
    return tuple(s.detach() for s in state) if type(state) is tuple else state.detach()


def named(name, function):
    function.__name__ = name
    return function


never_detached = named("never_detached", pieces(lambda state: state))
always_reset = named("always_reset", pieces(lambda state: None))
tuple_not_taken_apart = named("tuple_not_taken_apart", pieces(lambda state: state.detach()))
only_h_detached = named(
    "only_h_detached",
    pieces(lambda s: (s[0].detach(), s[1]) if type(s) is tuple else s.detach()),
)
only_c_detached = named(
    "only_c_detached",
    pieces(lambda s: (s[0], s[1].detach()) if type(s) is tuple else s.detach()),
)
c_forgotten = named(
    "c_forgotten",
    pieces(lambda s: (s[0].detach(), s[1] * 0) if type(s) is tuple else s.detach()),
)
input_detached = named("input_detached", pieces(detached, given=torch.detach))
output_detached = named("output_detached", pieces(detached, kept=torch.detach))


def each_step_cut(layer, x, length):
    return by_places(layer, x, 1)


def whole_pieces_only(layer, x, length):
    return by_places(layer, x[:, : x.shape[1] // length * length], length)


def without_gradient(layer, x, length):
    with torch.no_grad():
        return by_places(layer, x, length)


def read_at_once(layer, x, length):
    return layer(x)[0]


def more_embedding_and_decay():
    chosen = dict(rows=8, length=32, cell="lstm", embedding_size=64, weight_decay=0.01)
    return chosen | dict(learning_rate=0.04, hidden_size=128)


def as_in_the_notebook():
    return {"rows": 32, "length": 64, "hidden_size": 128, "learning_rate": 0.03, "clip_norm": 1.0}


def low_rate():
    return {"rows": 8, "length": 32, "learning_rate": 0.001, "clip_norm": 1.0}


def high_rate():
    return {"rows": 8, "length": 32, "learning_rate": 0.5, "clip_norm": 1.0}


def small_network():
    return {"rows": 8, "length": 32, "hidden_size": 8, "learning_rate": 0.02}


def steps_chosen():
    return {"rows": 8, "length": 32, "steps": 5000}


def misspelt():
    return {"rows": 8, "length": 32, "lr": 0.02}


def without_rows():
    return {"length": 32, "hidden_size": 128}


def huge_network():
    return {"rows": 8, "length": 32, "hidden_size": 600}


def unknown_cell():
    return {"rows": 8, "length": 32, "cell": "transformer"}


def a_tuple():
    return 8, 32


CASES = [
    Case(
        "04.step",
        wrong=[
            (no_tanh, "The tanh is missing"),
            (with_sigmoid, "squashed by a sigmoid"),
            (not_transposed, "must be transposed"),
            (state_forgotten, "The state before has no part in it"),
            (second_bias_forgotten, "One of the two biases is missing"),
            (biases_forgotten, "The biases are missing"),
            (two_tanhs, "take one tanh"),
            (matrices_swapped, "The matrices are swapped"),
            (state_changed_in_place, "It changes its argument `h`"),
        ],
        right=[with_linear, unit_by_unit],
    ),
    Case(
        "04.gates",
        wrong=[
            (in_this_order("ifog"), "read in another order"),
            (in_this_order("figo"), "read in another order"),
            (in_this_order("iofg"), "read in another order"),
            (states_swapped, "The two states are swapped"),
            (nothing_forgotten, "multiply it by the forget gate"),
            (old_state_shown, "shows the old cell state"),
            (tanh_forgotten, "The hidden state lacks a tanh"),
            (candidate_as_a_gate, "The candidate g goes through a sigmoid"),
            (gates_without_h, "don't look at the hidden state"),
            (one_bias_only, "One of the two biases is missing"),
            (cut_by_rows, "cut along the wrong dimension"),
            (only_h_returned, "It returned a torch.Tensor, and a tuple is expected"),
        ],
        right=[gate_by_gate, with_pytorch],
    ),
    Case(
        "04.temperature",
        wrong=[
            (multiplied, "The logits are multiplied by the temperature"),
            (probabilities_divided, "The temperature has no effect"),
            (always_the_likeliest, "This always takes the likeliest token"),
            (divides_by_zero, "temperature = 0"),
            (zero_taken_for_one, "temperature = 0"),
            (overflows, "temperature = 0.5"),
            (a_column, "shape (2, 1) instead of (2,)"),
            (generator_unused, "draw with `generator=generator`"),
        ],
        right=[by_inversion, row_by_row],
    ),
    Case(
        "04.pieces",
        wrong=[
            (never_detached, "The state carries its graph into the next piece"),
            (read_at_once, "The state carries its graph into the next piece"),
            (always_reset, "Every piece is read from zeros"),
            (tuple_not_taken_apart, "is the tuple (h, c)"),
            (only_h_detached, "Only h is detached"),
            (only_c_detached, "Only c is detached"),
            (c_forgotten, "The cell state is lost"),
            (each_step_cut, "The gradient is cut at every step"),
            (input_detached, "No gradient comes back"),
            (output_detached, "No gradient comes back"),
            (without_gradient, "No gradient comes back"),
            (whole_pieces_only, "The last piece is missing"),
        ],
        right=[by_places, step_by_step],
    ),
    Case(
        "04.recipe",
        wrong=[
            (as_in_the_notebook, "makes more steps of it"),
            (low_rate, "try a higher one"),
            (high_rate, "The rate is high"),
            (small_network, "above the goal"),
            (steps_chosen, "`steps` can't be chosen here"),
            (misspelt, "`lr` is no argument of"),
            (without_rows, "`rows` must be a whole number"),
            (huge_network, "it had done"),
            (unknown_cell, "cell is 'transformer'"),
            (a_tuple, "a dict is expected"),
        ],
        right=[more_embedding_and_decay],
    ),
]


@pytest.mark.parametrize("claim", claims("04", CASES))
def test_exercise(claim):
    claim()
