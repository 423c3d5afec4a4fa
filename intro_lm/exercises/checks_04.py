"""What the checks of notebook 04's exercises test, but for the recipe's."""

from __future__ import annotations

from typing import Any

import torch

from intro_lm.exercises.comparing import Answer, NotYet, call, compare, same
from intro_lm.exercises.mistakes_04 import CUT_OFF, GATES, GRADIENTS, PIECES, STEP, TEMPERATURE
from intro_lm.exercises.solutions_04 import lstm_step, read_in_pieces, rnn_step
from intro_lm.exercises.values import plain, show


def _random(*shape: int, seed: int) -> torch.Tensor:
    """Numbers with two digits, which are easy to read in a failing case."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, generator=generator) * 100).round() / 100


def _weights(gates: int, inputs: int, units: int) -> tuple[torch.Tensor, ...]:
    shapes = (inputs,), (units,), (), ()
    return tuple(_random(gates * units, *shape, seed=n) for n, shape in enumerate(shapes, 1))


def step_of_two_units(answer: Answer) -> None:
    """one step of two units that read two numbers"""
    compare(
        answer, rnn_step, (_random(1, 2, seed=8), _random(1, 2, seed=9), *_weights(1, 2, 2)), STEP
    )


def step_of_a_batch(answer: Answer) -> None:
    """a batch of three, with more units than numbers that are read"""
    arguments = (_random(3, 2, seed=8), _random(3, 4, seed=9), *_weights(1, 2, 4))
    compare(answer, rnn_step, arguments, STEP)


def gates_of_one_unit(answer: Answer) -> None:
    """one step of a single unit"""
    states = [_random(1, 1, seed=seed) for seed in (10, 12, 13)]
    compare(answer, lstm_step, (*states, *_weights(4, 1, 1)), GATES)


def gates_of_a_batch(answer: Answer) -> None:
    """a batch of four rows, with three units that read two numbers"""
    states = _random(4, 2, seed=8), _random(4, 3, seed=9), _random(4, 3, seed=10)
    compare(answer, lstm_step, (*states, *_weights(4, 2, 3)), GATES)


def gates_as_in_pytorch(answer: Answer) -> None:
    """the same states as `torch.nn.LSTMCell`"""
    torch.manual_seed(0)
    cell, x, h, c = torch.nn.LSTMCell(5, 7), *map(torch.randn, ((3, 5), (3, 7), (3, 7)))
    weights = [parameter.detach() for parameter in cell.parameters()]
    same(call(answer, x, h, c, *weights), tuple(cell(x, (h, c))))


DRAWS = 6000
THREE = torch.tensor([0.6, 0.3, 0.1]).log()


def draw_what_is_certain(answer: Answer) -> None:
    """one token for each of two rows, where only one can be drawn"""
    never = float("-inf")
    logits = torch.tensor([[never, 0.0, never], [0.0, never, never]])
    got = call(answer, logits, 1.0, torch.Generator().manual_seed(0))
    same(got, torch.tensor([1, 0]), inputs=f"logits = {show(logits)}, temperature = 1")


def _demand_shares(answer: Answer, temperature: float) -> None:
    logits = THREE.expand(DRAWS, 3).clone()
    got = call(answer, logits, temperature, torch.Generator().manual_seed(0))
    tokens = plain(got)
    if type(tokens) is not torch.Tensor or tokens.shape != (DRAWS,):
        raise NotYet(f"It gives {show(got)} for {DRAWS} rows, and a token for each is expected")
    shares = torch.bincount(tokens, minlength=3) / DRAWS
    expected = (THREE / temperature).softmax(0)
    if (shares - expected).abs().max() < 0.035:
        return
    message = "The tokens are not drawn with the probabilities that the temperature gives"
    for mistake in TEMPERATURE:
        if (shares - mistake.implementation(THREE[None], temperature)[0]).abs().max() < 0.035:
            message = mistake.message
            break
    case = {
        "inputs": f"logits = log of [0.6, 0.3, 0.1] in {DRAWS} rows, temperature = {temperature:g}",
        "expected": f"shares of about {[round(p, 2) for p in expected.tolist()]}",
        "got": f"shares of {[round(p, 2) for p in shares.tolist()]}",
    }
    raise NotYet(message, case)


def draw_at_half(answer: Answer) -> None:
    """how often each of three tokens is drawn at temperature 0.5, in 6000 rows"""
    _demand_shares(answer, 0.5)


def draw_at_two(answer: Answer) -> None:
    """the same at temperature 2"""
    _demand_shares(answer, 2.0)


def draw_at_zero(answer: Answer) -> None:
    """the likeliest token at temperature 0, and large logits at a low temperature"""
    logits = torch.tensor([[0.0, 1.0, 0.5], [900.0, 0.0, -900.0], [-1.0, -3.0, -0.9]])
    for temperature, rows in ((0.0, logits), (0.5, logits[1:2])):
        got = call(answer, rows, temperature, torch.Generator().manual_seed(0))
        inputs = f"logits = {show(rows)}, temperature = {temperature:g}"
        same(got, rows.argmax(1), inputs=inputs)


def draw_with_the_generator(answer: Answer) -> None:
    """that the same generator draws the same tokens"""
    logits = THREE.expand(20, 3).clone()
    one, other = (call(answer, logits, 1.0, torch.Generator().manual_seed(4)) for _ in range(2))
    if show(one) != show(other):
        raise NotYet(
            "Twice the same seed, and other tokens: draw with `generator=generator`",
            {"first": show(one), "second": show(other)},
        )


def _layer(kind: Any) -> Any:
    torch.manual_seed(0)
    return kind(2, 3, batch_first=True)


def _demand_gradient(answer: Answer, layer: Any, length: int) -> None:
    """The last hidden state's gradient with respect to each step of the text."""

    def gradient(read: Answer) -> list[float]:
        x = _random(1, 6, 2, seed=5).requires_grad_()
        hidden = call(read, layer, x, length, may_change=True)
        found = None
        if hidden.requires_grad:
            (found,) = torch.autograd.grad(hidden[:, -1].sum(), x, allow_unused=True)
        if found is None:
            raise NotYet(CUT_OFF, {"inputs": inputs})
        return [round(norm, 4) for norm in found[0].norm(dim=1).tolist()]

    def alike(one: list[float], other: list[float]) -> bool:
        return all(abs(a - b) < 1e-3 for a, b in zip(one, other, strict=True))

    inputs = f"an nn.{type(layer).__name__}, a text of 6 steps, length = {length}"
    expected, got = gradient(read_in_pieces), gradient(answer)
    if alike(got, expected):
        return
    message = "The gradient does not end where the last piece begins"
    for mistake in GRADIENTS:
        if alike(got, gradient(mistake.implementation)):
            message = mistake.message
            break
    raise NotYet(
        f"The hidden states are right, their gradients are not. {message}",
        {
            "inputs": inputs,
            "asked for": "the gradient of the last hidden state; its norm at each step of the text",
            "expected": show(expected),
            "got": show(got),
        },
    )


def pieces_of_an_rnn(answer: Answer) -> None:
    """that an RNN which reads 5 steps in pieces of 2 gives what it gives in one go"""
    compare(answer, read_in_pieces, (_layer(torch.nn.RNN), _random(1, 5, 2, seed=5), 2), PIECES)


def gradient_of_an_rnn(answer: Answer) -> None:
    """that an RNN's gradient goes back to the beginning of its piece and no further"""
    _demand_gradient(answer, _layer(torch.nn.RNN), 3)


def pieces_of_an_lstm(answer: Answer) -> None:
    """the same hidden states for an LSTM, whose state is a tuple"""
    compare(answer, read_in_pieces, (_layer(torch.nn.LSTM), _random(2, 5, 2, seed=5), 2), PIECES)


def gradient_of_an_lstm(answer: Answer) -> None:
    """that an LSTM's gradient is cut on both ways, along h and along c"""
    _demand_gradient(answer, _layer(torch.nn.LSTM), 3)
