"""The exercises of notebook 01: what each takes for right, and what it says to what is wrong."""

import math

import pytest
import torch
import torch.nn.functional as F

from tests.exercises.proof import Case, claims


def letter_by_letter(tokens, context_length):
    context, rows, targets = [0] * context_length, [], []
    for token in [*tokens, 0]:
        rows.append(context)
        targets.append(token)
        context = [*context[1:], token]
    return torch.tensor(rows), torch.tensor(targets)


def as_a_list(tokens, context_length):
    return list(letter_by_letter(tokens, context_length))


def end_forgotten(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs[:-1], targets[:-1]


def not_padded(tokens, context_length):
    text = [*tokens, 0]
    places = range(len(text) - context_length)
    rows = [text[n : n + context_length] for n in places]
    return torch.tensor(rows), torch.tensor([text[n + context_length] for n in places])


def newest_first(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs.flip(1), targets


def target_in_context(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return torch.cat([inputs[:, 1:], targets[:, None]], dim=1), targets


def of_floats(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs.float(), targets


def targets_in_a_column(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs, targets[:, None]


def return_forgotten(tokens, context_length):
    letter_by_letter(tokens, context_length)


def only_inputs(tokens, context_length):
    return letter_by_letter(tokens, context_length)[0]


def appends_to_its_argument(tokens, context_length):
    result = letter_by_letter(tokens, context_length)
    tokens.append(0)
    return result


def for_three_only(tokens, context_length):
    return letter_by_letter(tokens, 3)


def with_a_loop(counts, names):
    total, n = 0.0, 0
    for name in names:
        for before, after in zip([0, *name], [*name, 0], strict=True):
            probability = (counts[before, after] / counts[before].sum()).item()
            total += math.inf if probability == 0 else -math.log(probability)
            n += 1
    return total / n


def with_nll_loss(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return F.nll_loss((counts / counts.sum(1, keepdim=True)).log()[before], after)


def sign_forgotten(counts, names):
    return -with_a_loop(counts, names)


def summed(counts, names):
    return with_a_loop(counts, names) * sum(len(name) + 1 for name in names)


def mean_of_means(counts, names):
    return sum(with_a_loop(counts, [name]) for name in names) / len(names)


def keepdim_forgotten(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return -(counts / counts.sum(0)).log()[before, after].mean().item()


def in_bits(counts, names):
    return with_a_loop(counts, names) / math.log(2)


def add_one(counts, names):
    return with_a_loop(counts + 1, names)


def never_infinite(counts, names):
    return min(with_a_loop(counts, names), 20.0)


def one_for_each_token(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return -(counts / counts.sum(1, keepdim=True))[before, after].log()


def normalises_in_place(counts, names):
    counts /= counts.sum(1, keepdim=True)
    return with_a_loop(counts, names)


CASES = [
    Case(
        "01.windows",
        wrong=[
            (end_forgotten, "The end is missing"),
            (not_padded, "The beginning is missing"),
            (newest_first, "turned round"),
            (target_in_context, "the very token that it should predict"),
            (of_floats, "of floats, and integers are expected"),
            (targets_in_a_column, "shape (5, 1) instead of (5,)"),
            (return_forgotten, "is the `return` missing?"),
            (only_inputs, "It returned a torch.Tensor, and a tuple is expected"),
            (appends_to_its_argument, "It changes its argument `tokens`"),
            (for_three_only, "context_length = 1"),
        ],
        right=[letter_by_letter, as_a_list],
    ),
    Case(
        "01.nll",
        wrong=[
            (sign_forgotten, "The sign is missing"),
            (summed, "divide by how many there are"),
            (mean_of_means, "one mean over all tokens"),
            (keepdim_forgotten, "each row must sum to 1"),
            (in_bits, "in bits"),
            (add_one, "The counts are smoothed"),
            (never_infinite, "20 instead of inf"),
            (one_for_each_token, "a tensor of shape (3,), and a float is expected"),
            (normalises_in_place, "It changes its argument `counts`"),
        ],
        right=[with_a_loop, with_nll_loss],
    ),
]


@pytest.mark.parametrize("claim", claims("01", CASES))
def test_exercise(claim):
    claim()
