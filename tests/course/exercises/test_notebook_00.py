"""Answers to the exercises of notebook 00: wrong ones that no `Mistake` covers, and right ones."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.course.exercises.answers import is_correct, is_not_yet


def name_by_name(batch):
    return torch.tensor([sum(letter != 0 for letter in row) for row in batch.tolist()])


def from_the_first_zero(batch):
    places = torch.arange(batch.shape[1])
    return (places * (batch != 0) + (batch != 0)).max(1).values


def in_a_column(batch):
    return (batch != 0).sum(1, keepdim=True)


def marks_the_letters(batch):
    batch[batch != 0] = 1
    return batch.sum(1)


def by_math(w, b, x, y):
    p = math.tanh(float(w) * float(x) + float(b))
    outer = 2 * p - 2 * y.item()
    return [outer / math.cosh(w * x + b) ** 2 * x.item(), outer / math.cosh(w * x + b) ** 2]


def by_backward(w, b, x, y):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    ((w * x + b).tanh() - y).square().backward()
    return w.grad, b.grad


def by_autograd_grad(w, b, x, y):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    return torch.autograd.grad(((w * x + b).tanh() - y).square(), (w, b))


def row_by_row(logits, targets):
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        largest = max(row)
        log_sum = largest + math.log(sum(math.exp(z - largest) for z in row))
        total += log_sum - row[target]
    return total / len(targets)


def by_log_softmax(logits, targets):
    return -logits.log_softmax(1).gather(1, targets.unsqueeze(1)).mean()


def by_one_hot(logits, targets):
    hot = F.one_hot(targets, logits.shape[1])
    return (logits.logsumexp(1) - (hot * logits).sum(1)).mean()


def by_pytorch(logits, targets):
    return F.cross_entropy(logits, targets)


def by_its_module(logits, targets):
    return nn.CrossEntropyLoss()(logits, targets)


def one_for_each(logits, targets):
    return F.nll_loss(logits.log_softmax(1), targets, reduction="none")


def by_data(parameters, learning_rate):
    for p in parameters:
        if p.grad is None:
            continue
        p.data.add_(p.grad, alpha=-learning_rate)
        p.grad.zero_()


@torch.no_grad()
def by_copy(parameters, learning_rate):
    for p in (p for p in parameters if p.grad is not None):
        p.copy_(p - learning_rate * p.grad)
    for p in parameters:
        p.grad = None
    return parameters


def recorded(parameters, learning_rate):
    for p in parameters:
        p -= learning_rate * p.grad
        p.grad = None


def rebinds(parameters, learning_rate):
    for p in parameters:
        p = p - learning_rate * p.grad
        p.grad = None


def replaces_in_the_list(parameters, learning_rate):
    for n, p in enumerate(parameters):
        parameters[n] = (p - learning_rate * p.grad).detach().requires_grad_()


def climbs(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            p += learning_rate * p.grad
            p.grad = None


def rate_forgotten(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            p -= p.grad
            p.grad = None


def gradient_kept(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            if p.grad is not None:
                p -= learning_rate * p.grad


def gradient_dropped_first(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            p.grad.zero_()
            p -= learning_rate * p.grad


def expects_every_gradient(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            p -= learning_rate * p.grad
            p.grad = None


def stops_after_one(parameters, learning_rate):
    with torch.no_grad():
        for p in parameters:
            p -= learning_rate * p.grad
            p.grad = None
            break


def stops_asking(parameters, learning_rate):
    for p in parameters:
        p.requires_grad_(False)
        p -= learning_rate * p.grad
        p.grad = None


def share_table(inputs, targets, length, add):
    """(27 ** length, 27): the shares of the letters after each context of that length."""
    rows = torch.zeros(len(inputs), dtype=torch.long)
    for place in range(3 - length, 3):
        rows = rows * 27 + inputs[:, place]
    counts = torch.zeros(27**length, 27)
    counts.index_put_((rows, targets), torch.tensor(1.0), accumulate=True)
    return (counts + add) / (counts + add).sum(1, keepdim=True)


def by_last(inputs, targets, contexts, length, add):
    table = share_table(inputs, targets, length, add).view(*[27] * length, 27)
    return table[tuple(contexts[:, 3 - length :].T)]


def each_length_falls_back(inputs, targets, contexts):
    """The shorter context counts as a few examples of the longer one (after MacKay and Peto)."""
    probabilities = torch.full((len(contexts), 27), 1 / 27)
    for length, weight in ((1, 1.0), (2, 10.0), (3, 10.0)):
        counts = torch.zeros(*[27] * length, 27)
        places = (*inputs[:, 3 - length :].T, targets)
        counts.index_put_(places, torch.tensor(1.0), accumulate=True)
        seen = counts[tuple(contexts[:, 3 - length :].T)]  # (M, 27)
        probabilities = (seen + weight * probabilities) / (seen.sum(1, keepdim=True) + weight)
    return probabilities.log()


def our_pairs(inputs, targets, contexts):
    return by_last(inputs, targets, contexts, 1, 1).log()


def three_letters(inputs, targets, contexts):
    return by_last(inputs, targets, contexts, 3, 0.1).log()


def not_smoothed(inputs, targets, contexts):
    return by_last(inputs, targets, contexts, 3, 0).log()


def pairs_not_smoothed(inputs, targets, contexts):
    return by_last(inputs, targets, contexts, 1, 0).log()


def log_forgotten(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, contexts).exp()


def from_the_wrong_end(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, contexts.flip(1))


def letters_instead(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, contexts).argmax(1)


WRONG = [
    ("00.lengths", in_a_column, "shape (2, 1), and a tensor of shape (2,) is expected"),
    ("00.lengths", marks_the_letters, "It changes its argument `batch`"),
    ("00.derivative", by_backward, "autograd found them"),
    ("00.derivative", by_autograd_grad, "autograd found them"),
    ("00.cross_entropy", one_for_each, "shape (1,), and a tensor of shape () is expected"),
    ("00.cross_entropy", by_pytorch, "`F.cross_entropy` did it"),
    ("00.cross_entropy", by_its_module, "`F.cross_entropy` did it"),
    ("00.sgd", recorded, "Put it under `with torch.no_grad():`"),
    ("00.sgd", rebinds, "The parameters are what they were"),
    ("00.sgd", replaces_in_the_list, "It puts new tensors into the list"),
    ("00.sgd", climbs, "It climbs"),
    ("00.sgd", rate_forgotten, "The learning rate is missing"),
    ("00.sgd", gradient_kept, "the sum of both gradients"),
    ("00.sgd", gradient_dropped_first, "before they were used"),
    ("00.sgd", expects_every_gradient, "A parameter may have no gradient"),
    ("00.sgd", stops_after_one, "Only the first parameter moved"),
    ("00.sgd", stops_asking, "leave `requires_grad` alone"),
    ("00.beat", our_pairs, "what our table of pairs reaches"),
    ("00.beat", three_letters, "try to use several lengths together"),
    ("00.beat", not_smoothed, "Some logits are nan"),
    ("00.beat", pairs_not_smoothed, "got the probability 0"),
    ("00.beat", log_forgotten, "These are probabilities"),
    ("00.beat", from_the_wrong_end, "worse than our table of pairs"),
    ("00.beat", letters_instead, "shape (13460,), and a tensor of shape (13460, 27)"),
]


RIGHT = [
    ("00.lengths", name_by_name),
    ("00.lengths", from_the_first_zero),
    ("00.derivative", by_math),
    ("00.cross_entropy", row_by_row),
    ("00.cross_entropy", by_log_softmax),
    ("00.cross_entropy", by_one_hot),
    ("00.sgd", by_data),
    ("00.sgd", by_copy),
    ("00.beat", each_length_falls_back),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    is_not_yet(name, answer, words)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)
