"""Answers to the exercises of notebook 04: wrong ones that no `Mistake` covers, and right ones."""

import pytest
import torch
from torch import nn


def with_linear(x, h, weight_ih, weight_hh, bias_ih, bias_hh):
    linear = nn.functional.linear
    return linear(
        torch.cat([x, h], 1), torch.cat([weight_ih, weight_hh], 1), bias_ih + bias_hh
    ).tanh()


def with_pytorch(x, h, c, *weights):
    cell = nn.LSTMCell(x.shape[1], h.shape[1])
    for parameter, weight in zip(cell.parameters(), weights, strict=True):
        parameter.data = weight
    return list(cell(x, (h, c)))


def by_inversion(logits, temperature, generator):
    if temperature == 0:
        return logits.max(1).indices
    powers = ((logits - logits.amax(1, keepdim=True)) / temperature).exp()
    cumulative = powers.cumsum(1) / powers.sum(1, keepdim=True)
    drawn = torch.rand(len(logits), 1, generator=generator)
    return (cumulative <= drawn).sum(1)


def step_by_step(layer, x, length):
    state, seen = None, []
    for n in range(x.shape[1]):
        if n and n % length == 0:
            state = tuple(s.detach() for s in state) if type(state) is tuple else state.detach()
        hidden, state = layer(x[:, n : n + 1], state)
        seen.append(hidden)
    return torch.cat(seen, 1)


def recipe(**changes):
    return lambda: {"rows": 8, "length": 32, "hidden_size": 8} | changes


def slow(answer, words):
    return pytest.param("04.recipe", answer, words, id=words, marks=pytest.mark.slow)


MORE = dict(cell="lstm", embedding_size=64, weight_decay=0.01, learning_rate=0.04, hidden_size=128)
WRONG = [
    ("04.temperature", ("temperature == 0", "temperature < 0"), "temperature = 0"),
    (
        "04.temperature",
        ("(logits / temperature).softmax(dim=1)", "(logits / temperature).exp()"),
        "[900.0, 0.0, -900.0]",
    ),
    ("04.temperature", (", generator=generator", ""), "draw with `generator=generator`"),
    ("04.pieces", (", dim=1)", ")", "torch.cat(seen)", "torch.cat(seen, 1)"), "gets 6"),
    ("04.pieces", ("x.split(length, dim=1)", "[x]"), "gets 6 steps at once"),
    ("04.pieces", ("layer(piece,", "layer(piece.detach(),"), "No gradient comes back"),
    ("04.pieces", ("append(hidden)", "append(hidden.detach())"), "No gradient comes back"),
    ("04.recipe", recipe(steps=50), "`steps` can't be chosen here"),
    ("04.recipe", recipe(lr=0.02), "`lr` isn't an argument of"),
    ("04.recipe", recipe(rows=None), "`rows` must be a whole number"),
    ("04.recipe", recipe(cell="gpt"), "cell is 'gpt'"),
    ("04.recipe", lambda: (8, 32), "instead of a dict"),
    slow(recipe(rows=32, length=64), "give more steps"),
    slow(recipe(learning_rate=0.001), "try a higher one"),
    slow(recipe(learning_rate=0.5), "The rate is high"),
    slow(recipe(hidden_size=600), "steps were done"),
]
RIGHT = [
    ("04.step", with_linear),
    ("04.gates", with_pytorch),
    ("04.temperature", by_inversion),
    ("04.pieces", step_by_step),
    pytest.param("04.recipe", recipe(**MORE), marks=pytest.mark.slow),
]
