"""Exercise 04.step: one step of a simple recurrent network."""

from __future__ import annotations

import torch
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare
from course.exercises.notebook_04.easy_numbers import stacked_weights, two_digits


def rnn_step(
    x: torch.Tensor,
    h: torch.Tensor,
    weight_ih: torch.Tensor,
    weight_hh: torch.Tensor,
    bias_ih: torch.Tensor,
    bias_hh: torch.Tensor,
) -> torch.Tensor:
    """Do one step of a simple recurrent network, with weights as PyTorch keeps them.

    Args:
        x: (B, E), the embeddings of the letters that are read.
        h: (B, H), the hidden state before.
        weight_ih: (H, E), the weights of x. A row belongs to one unit.
        weight_hh: (H, H), the weights of h.
        bias_ih, bias_hh: (H,) each. They are added.

    Returns:
        The next hidden state, (B, H).
    """
    return torch.tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)


def _step(**changed: bool) -> Answer:
    """A step of the simple network with something changed."""

    def step(x: Tensor, h: Tensor, w_ih: Tensor, w_hh: Tensor, b: Tensor, c: Tensor) -> Tensor:
        if changed.get("weights_swapped"):
            w_ih, w_hh = w_hh, w_ih
        if not changed.get("not_transposed"):
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


MISTAKES = (
    Mistake(_step(without_tanh=True), "The tanh is missing; it keeps each unit between -1 and 1"),
    Mistake(_step(sigmoid=True), "This applies a sigmoid; the cell uses tanh"),
    Mistake(
        _step(not_transposed=True),
        "Transpose the matrices, `x @ weight_ih.T`: PyTorch keeps a row for each unit",
    ),
    Mistake(
        _step(without_state=True),
        "The previous state is ignored: `h @ weight_hh.T` is missing",
    ),
    Mistake(_step(one_bias=True), "One of the two biases is missing; add both"),
    Mistake(_step(no_bias=True), "The biases are missing"),
    Mistake(
        _step(weights_swapped=True),
        "The matrices are swapped: `weight_ih` is for x, `weight_hh` for h",
    ),
    Mistake(
        _step(tanh_of_parts=True),
        "This takes a tanh of each part; add the parts first, then take one tanh",
    ),
)


def step_of_two_units(answer: Answer) -> None:
    """one step of two units with two inputs"""
    compare(
        answer,
        rnn_step,
        (two_digits(1, 2, seed=8), two_digits(1, 2, seed=9), *stacked_weights(1, 2, 2)),
        MISTAKES,
    )


def step_of_a_batch(answer: Answer) -> None:
    """a batch of three, with more units than inputs"""
    arguments = (two_digits(3, 2, seed=8), two_digits(3, 4, seed=9), *stacked_weights(1, 2, 4))
    compare(answer, rnn_step, arguments, MISTAKES)


STEP = Exercise(
    name="04.step",
    solved_by=rnn_step,
    why=(
        "A row of `weight_ih` holds the weights of one unit, so `x @ weight_ih.T` has one number "
        "for each row of the batch and each unit. One bias would be enough; PyTorch has two "
        "because cuDNN, the library that it calls on graphics cards, has two. The tanh comes last, "
        "on the sum, so the next state depends on letter and memory together. There is no loop "
        "here: to read a text, run this line once per letter."
    ),
    hints=(
        "Write the formula $h_t = \\tanh(x_t W_x + h_{t-1} W_h + b)$ with the names of the "
        "arguments. What shape does each product have?",
        "`x` is (B, E) and `weight_ih` is (H, E). How do you make a product of shape (B, H)?",
        "`x @ weight_ih.T + bias_ih` is the letter's part, (B, H). The state's part looks the "
        "same. Add them, and take `torch.tanh` of the sum.",
    ),
    checks=(step_of_two_units, step_of_a_batch),
    mistakes=MISTAKES,
)
