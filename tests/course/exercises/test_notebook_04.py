"""Answers to the exercises of notebook 04: wrong ones that no `Mistake` covers, and right ones."""

import pytest
import torch
from torch import nn

from tests.course.exercises.answers import is_correct, is_not_yet


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


def divides_by_zero(logits, temperature, generator):
    return torch.multinomial((logits / temperature).softmax(1), 1, generator=generator)[:, 0]


def overflows(logits, temperature, generator):
    powers = (logits / (temperature or 1.0)).exp()
    return torch.multinomial(powers / powers.sum(1, keepdim=True), 1, generator=generator)[:, 0]


def generator_unused(logits, temperature, generator):
    if temperature == 0:
        return logits.argmax(1)
    return torch.multinomial((logits / temperature).softmax(1), 1)[:, 0]


def pieces(given=lambda piece: piece, kept=lambda hidden: hidden):
    """What changes each piece before it is read, or its hidden states."""

    def read(layer, x, length):
        state, seen = None, []
        for piece in x.split(length, 1):
            hidden, state = layer(given(piece), state)
            seen.append(kept(hidden))
            state = tuple(s.detach() for s in state) if type(state) is tuple else state.detach()
        return torch.cat(seen, 1)

    return read


def without_gradient(layer, x, length):
    with torch.no_grad():
        return pieces()(layer, x, length)


def wrong_recipe(words, **recipe):
    return pytest.param("04.recipe", lambda: recipe, words, id=words, marks=pytest.mark.slow)


def more_embedding_and_decay():
    chosen = dict(rows=8, length=32, cell="lstm", embedding_size=64, weight_decay=0.01)
    return chosen | dict(learning_rate=0.04, hidden_size=128)


WRONG = [
    ("04.temperature", divides_by_zero, "temperature = 0"),
    ("04.temperature", overflows, "[900.0, 0.0, -900.0]"),
    ("04.temperature", generator_unused, "draw with `generator=generator`"),
    ("04.pieces", pieces(given=torch.detach), "No gradient comes back"),
    ("04.pieces", pieces(kept=torch.detach), "No gradient comes back"),
    ("04.pieces", without_gradient, "No gradient comes back"),
    ("04.recipe", lambda: {"rows": 8, "length": 32, "steps": 50}, "`steps` can't be chosen here"),
    ("04.recipe", lambda: {"rows": 8, "length": 32, "lr": 0.02}, "`lr` isn't an argument of"),
    ("04.recipe", lambda: {"length": 32}, "`rows` must be a whole number"),
    ("04.recipe", lambda: {"rows": 8, "length": 32, "cell": "gpt"}, "cell is 'gpt'"),
    ("04.recipe", lambda: (8, 32), "a dict is expected"),
    wrong_recipe("makes more steps of it", rows=32, length=64, hidden_size=16),
    wrong_recipe("try a higher one", rows=8, length=32, hidden_size=8, learning_rate=0.001),
    wrong_recipe("The rate is high", rows=8, length=32, hidden_size=8, learning_rate=0.5),
    wrong_recipe("it had done", rows=8, length=32, hidden_size=600),
]
RIGHT = [
    ("04.step", with_linear),
    ("04.gates", with_pytorch),
    ("04.temperature", by_inversion),
    ("04.pieces", pieces()),
    pytest.param("04.recipe", more_embedding_and_decay, marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    is_not_yet(name, answer, words)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)
