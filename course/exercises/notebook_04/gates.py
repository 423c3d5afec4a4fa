"""Exercise 04.gates: one step of an LSTM, from its stacked weights."""

from __future__ import annotations

import torch
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, call, compare, same
from course.exercises.notebook_04.easy_numbers import stacked_weights, two_digits


def lstm_step(
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    weight_ih: torch.Tensor,
    weight_hh: torch.Tensor,
    bias_ih: torch.Tensor,
    bias_hh: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do one step of an LSTM, with the gates stacked as PyTorch stacks them: i, f, g, o.

    Args:
        x: (B, E), the embeddings of the letters that are read.
        h, c: (B, H) each, the hidden state and the cell state before.
        weight_ih: (4H, E), the weights of x: H rows for each of i, f, g and o.
        weight_hh: (4H, H), the weights of h, in the same order.
        bias_ih, bias_hh: (4H,) each. They are added.

    Returns:
        The next hidden state and the next cell state, (B, H) each.
    """
    stacked = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (B, 4H)
    i, f, g, o = stacked.chunk(4, dim=1)  # (B, H) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def _cell(order: str = "ifgo", **changed: bool) -> Answer:
    """An LSTM step that reads the stacked weights in this order, with something changed."""

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
    "The gates are in the wrong order: PyTorch stacks the input gate, the forget gate, the "
    "candidate and the output gate (i, f, g, o)"
)
MISTAKES = (
    *(
        Mistake(_cell("".join(order)), _ORDER)
        for order in ("ifog", "figo", "fiog", "fgio", "igfo", "ogfi", "iofg", "fogi", "gifo")
    ),
    Mistake(_cell(swapped=True), "The two states are swapped: return h first, then c"),
    Mistake(
        _cell(keeps_all=True),
        "The whole old cell state is kept: multiply it by the forget gate before adding",
    ),
    Mistake(
        _cell(shows_old=True),
        "The hidden state uses the old cell state; the output gate multiplies tanh of the new one",
    ),
    Mistake(
        _cell(without_tanh=True),
        "A tanh is missing in the hidden state: it is the output gate times tanh of the new cell "
        "state",
    ),
    Mistake(
        _cell(sigmoid_g=True),
        "The candidate g goes through a sigmoid, but it isn't a gate. A tanh lets it also lower "
        "the cell state",
    ),
    Mistake(
        _cell(without_h=True),
        "The gates ignore the hidden state: `h @ weight_hh.T` is missing",
    ),
    Mistake(_cell(one_bias=True), "One of the two biases is missing; add both"),
    Mistake(
        _cut_by_row,
        "The gates are cut along the wrong dimension: each row is a text, so use `chunk(4, dim=1)`",
    ),
)


def gates_of_one_unit(answer: Answer) -> None:
    """one step of a single unit"""
    states = [two_digits(1, 1, seed=seed) for seed in (10, 12, 13)]
    compare(answer, lstm_step, (*states, *stacked_weights(4, 1, 1)), MISTAKES)


def gates_of_a_batch(answer: Answer) -> None:
    """a batch of four rows, with three units and two inputs"""
    states = two_digits(4, 2, seed=8), two_digits(4, 3, seed=9), two_digits(4, 3, seed=10)
    compare(answer, lstm_step, (*states, *stacked_weights(4, 2, 3)), MISTAKES)


def gates_as_in_pytorch(answer: Answer) -> None:
    """that the states equal those of `torch.nn.LSTMCell`"""
    torch.manual_seed(0)
    cell, x, h, c = torch.nn.LSTMCell(5, 7), *map(torch.randn, ((3, 5), (3, 7), (3, 7)))
    weights = [parameter.detach() for parameter in cell.parameters()]
    same(call(answer, x, h, c, *weights), tuple(cell(x, (h, c))))


GATES = Exercise(
    name="04.gates",
    solved_by=lstm_step,
    why=(
        "All four linear parts read the same x and h, so one product with the stacked weights does "
        "the work of four, and processors are fast at large products. The order i, f, g, o is "
        "PyTorch's convention; the ONNX format has i, o, f, g. Weights that are copied without "
        "reordering still run, but give nonsense. That is why the last check compares with "
        "`torch.nn.LSTMCell`. The candidate takes a tanh because it must also be able to lower the "
        "cell state. The gates take a sigmoid because they say how much to let through."
    ),
    hints=(
        "Start with `stacked`, (B, 4H): the sum of both products and both biases, as in a step of "
        "the simple network.",
        "`stacked.chunk(4, dim=1)` cuts it into four (B, H) tensors, in the order i, f, g, o. "
        "Which of them take a sigmoid, and which a tanh?",
        "After the sigmoid or tanh of `i, f, g, o`: `c = f * c + i * g`, and the hidden state is "
        "`o * torch.tanh(c)` with the new c. Return the hidden state first.",
    ),
    checks=(
        gates_of_one_unit,
        gates_of_a_batch,
        gates_as_in_pytorch,
    ),
    mistakes=MISTAKES,
)
