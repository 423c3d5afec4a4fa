"""Wrong answers that learners of notebook 04 write, and what to tell them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from intro_lm.exercises.comparing import Answer, Mistake


def _step(**changed: bool) -> Answer:
    """A step of the simple network with something changed."""

    def step(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor, c: Tensor) -> Tensor:
        if changed.get("weights_swapped"):
            w_ih, w_hh = w_hh, w_ih
        if not changed.get("not_turned"):
            w_ih, w_hh = w_ih.T, w_hh.T
        bias = 0 if changed.get("no_bias") else b if changed.get("one_bias") else b + c
        letter, state = x @ w_ih + bias, h @ w_hh
        if changed.get("without_state"):
            return letter.tanh()
        if changed.get("tanh_of_parts"):
            return (x @ w_ih + b).tanh() + (state + c).tanh()
        if changed.get("without_tanh"):
            return letter + state
        return (letter + state).sigmoid() if changed.get("sigmoid") else (letter + state).tanh()

    return step


STEP = (
    Mistake(
        _step(without_tanh=True), "The tanh is missing, which keeps each unit between -1 and 1"
    ),
    Mistake(_step(sigmoid=True), "This is squashed by a sigmoid; the cell uses tanh"),
    Mistake(
        _step(not_turned=True),
        "The matrices are used as they are; PyTorch keeps a row for each unit, so they must be "
        "transposed (`x @ weight_ih.T`)",
    ),
    Mistake(
        _step(without_state=True),
        "The state before has no part in it: `h @ weight_hh.T` is missing",
    ),
    Mistake(_step(one_bias=True), "One of the two biases is missing; they are added"),
    Mistake(_step(no_bias=True), "The biases are missing"),
    Mistake(
        _step(weights_swapped=True),
        "The matrices are swapped: `weight_ih` is for x, `weight_hh` for h",
    ),
    Mistake(
        _step(tanh_of_parts=True),
        "tanh is taken of each part; add the parts first, then take one tanh",
    ),
)


def _cell(order: str = "ifgo", **changed: bool) -> Answer:
    """An LSTM step with the stacked weights read in some order, and something changed."""

    def step(
        x: Tensor,
        h: Tensor,
        c: Tensor,
        weight_ih: Tensor,
        weight_hh: Tensor,
        bias_ih: Tensor,
        bias_hh: Tensor,
    ) -> tuple[Tensor, Tensor]:
        stacked = x @ weight_ih.T + bias_ih
        stacked = stacked if changed.get("without_h") else stacked + h @ weight_hh.T
        stacked = stacked if changed.get("one_bias") else stacked + bias_hh
        cut = dict(zip(order, stacked.chunk(4, dim=1), strict=True))
        i, f, o = (torch.sigmoid(cut[gate]) for gate in "ifo")
        g = torch.sigmoid(cut["g"]) if changed.get("sigmoid_g") else torch.tanh(cut["g"])
        after = (1.0 if changed.get("keeps_all") else f) * c + i * g
        shown = c if changed.get("shows_old") else after
        hidden = o * (shown if changed.get("without_tanh") else torch.tanh(shown))
        return (after, hidden) if changed.get("swapped") else (hidden, after)

    return step


def _cut_by_row(
    x: Tensor, h: Tensor, c: Tensor, w_ih: Tensor, w_hh: Tensor, b_ih: Tensor, b_hh: Tensor
) -> tuple[Tensor, Tensor]:
    stacked = x @ w_ih.T + b_ih + h @ w_hh.T + b_hh
    i, f, g, o = stacked.chunk(4)
    after = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
    return torch.sigmoid(o) * torch.tanh(after), after


_ORDER = (
    "The gates are read in another order: PyTorch stacks the input gate, the forget gate, the "
    "candidate and the output gate (i, f, g, o)"
)
GATES = (
    *(
        Mistake(_cell("".join(order)), _ORDER)
        for order in ("ifog", "figo", "fiog", "fgio", "igfo", "ogfi", "iofg", "fogi", "gifo")
    ),
    Mistake(_cell(swapped=True), "The two states are swapped: return h first, then c"),
    Mistake(
        _cell(keeps_all=True),
        "The old cell state is kept whole: multiply it by the forget gate before adding",
    ),
    Mistake(
        _cell(shows_old=True),
        "The hidden state shows the old cell state; the output gate opens on the new one",
    ),
    Mistake(
        _cell(without_tanh=True),
        "The hidden state lacks a tanh: it is the output gate times tanh of the new cell state",
    ),
    Mistake(
        _cell(sigmoid_g=True),
        "The candidate g goes through a sigmoid like the gates; it is no gate, and takes a tanh, "
        "so that it can also lower the cell state",
    ),
    Mistake(
        _cell(without_h=True),
        "The gates don't look at the hidden state: `h @ weight_hh.T` is missing",
    ),
    Mistake(_cell(one_bias=True), "One of the two biases is missing; they are added"),
    Mistake(
        _cut_by_row,
        "The gates are cut along the wrong dimension: a row is a text, so cut along dimension 1 "
        "(`chunk(4, dim=1)`)",
    ),
)


def _multiplied(logits: Tensor, temperature: float) -> Tensor:
    return (logits * temperature).softmax(1)


def _unchanged(logits: Tensor, temperature: float) -> Tensor:
    return logits.softmax(1)


def _likeliest(logits: Tensor, temperature: float) -> Tensor:
    return nn.functional.one_hot(logits.argmax(1), logits.shape[1]).float()


def _uniform(logits: Tensor, temperature: float) -> Tensor:
    return torch.full_like(logits, 1 / logits.shape[1])


def _twice(logits: Tensor, temperature: float) -> Tensor:
    return (logits / temperature).softmax(1).softmax(1)


TEMPERATURE = (  # what the shares of the drawn tokens come to, by the mistake
    Mistake(
        _multiplied,
        "The logits are multiplied by the temperature; divide them, so that a low temperature "
        "makes the likely token likelier",
    ),
    Mistake(
        _unchanged,
        "The temperature has no effect. Divide the logits by it *before* the softmax; "
        "probabilities that are all divided by the same number stand to each other as before",
    ),
    Mistake(
        _likeliest,
        "This always takes the likeliest token; draw from the probabilities "
        "(`torch.multinomial`) unless the temperature is 0",
    ),
    Mistake(_uniform, "Every token is drawn as often; the logits have no part in it"),
    Mistake(_twice, "The softmax is taken twice, which flattens the probabilities"),
)


def _read(layer: nn.Module, x: Tensor, length: int, way: str) -> Tensor:
    """The hidden states, read in pieces in a wrong way."""
    state: Any = None
    seen = []
    pieces = x.split(1 if way == "each step" else length, dim=1)
    if way == "no last":
        pieces = tuple(piece for piece in pieces if piece.shape[1] == length)
    for piece in pieces:
        if way == "input":
            piece = piece.detach()
        hidden, state = layer(piece, None if way == "reset" else state)
        seen.append(hidden.detach() if way == "output" else hidden)
        both = type(state) is tuple
        if way == "only h" and both:
            state = (state[0].detach(), state[1])
        elif way == "no tuple":
            state = state.detach()
        elif way == "only c" and both:
            state = (state[0], state[1].detach())
        elif way == "only h passed" and both:
            state = (state[0].detach(), torch.zeros_like(state[1]))
        elif way != "kept":
            state = tuple(s.detach() for s in state) if both else state.detach()
    return torch.cat(seen, dim=1)


def _reading(way: str, message: str) -> Mistake:
    def read(layer: nn.Module, x: Tensor, length: int) -> Tensor:
        return _read(layer, x, length, way)

    return Mistake(read, message)


PIECES = (
    _reading(
        "no tuple",
        "An LSTM's state is the tuple (h, c), which can't be detached as a whole; detach its parts",
    ),
    _reading(
        "reset",
        "Every piece is read from zeros. Give the state that the last piece left to the layer, "
        "`layer(piece, state)`: only the gradient is cut, the memory goes on",
    ),
    _reading(
        "no last", "The last piece is missing; it may be shorter than the others and is read too"
    ),
    _reading(
        "only h passed",
        "The cell state is lost between the pieces: an LSTM's state is h and c, and both go on",
    ),
)
GRADIENTS = (
    _reading(
        "kept",
        "The state carries its graph into the next piece, so the gradient runs back to the "
        "beginning of the text. Detach it when a piece has been read",
    ),
    _reading(
        "only h",
        "Only h is detached. The gradient goes on along the cell state c, the very way that it "
        "lasts longest; detach both",
    ),
    _reading("only c", "Only c is detached, and the gradient goes on through h; detach both"),
    _reading(
        "each step",
        "The gradient is cut at every step, so the layer can't learn to remember even inside a "
        "piece. Detach the state between the pieces only",
    ),
)
CUT_OFF = (
    "No gradient comes back from the hidden states. They belong to the piece and keep their graph, "
    "as x does; it is the state handed to the *next* piece that is detached"
)
