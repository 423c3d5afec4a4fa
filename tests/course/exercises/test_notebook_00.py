"""Answers to the exercises of notebook 00: wrong ones that no `Mistake` covers, and right ones."""

import math

import pytest
import torch
import torch.nn.functional as F

from tests.course.exercises.answers import is_correct, is_not_yet


def from_the_first_zero(batch):
    index = torch.arange(batch.shape[1])
    return (index * (batch != 0) + (batch != 0)).max(1).values


def by_math(w, b, x, y):
    p = math.tanh(float(w) * float(x) + float(b))
    outer = 2 * p - 2 * y.item()
    return [outer / math.cosh(w * x + b) ** 2 * x.item(), outer / math.cosh(w * x + b) ** 2]


def by_backward(w, b, x, y):
    w, b = w.clone().requires_grad_(), b.clone().requires_grad_()
    ((w * x + b).tanh() - y).square().backward()
    return w.grad, b.grad


def row_by_row(logits, targets):
    total = 0.0
    for row, target in zip(logits.tolist(), targets.tolist(), strict=True):
        largest = max(row)
        log_sum = largest + math.log(sum(math.exp(z - largest) for z in row))
        total += log_sum - row[target]
    return total / len(targets)


@torch.no_grad()
def by_copy(parameters, learning_rate):
    for p in (p for p in parameters if p.grad is not None):
        p.copy_(p - learning_rate * p.grad)
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


def stops_asking(parameters, learning_rate):
    for p in parameters:
        p.requires_grad_(False)
        p -= learning_rate * p.grad
        p.grad = None


def moving(move):
    """What moves each parameter, and drops its gradient."""

    @torch.no_grad()
    def answer(parameters, learning_rate):
        for p in parameters:
            move(p, learning_rate)
            p.grad = None

    return answer


@torch.no_grad()
def gradient_kept(parameters, learning_rate):
    for p in parameters:
        p -= learning_rate * p.grad


@torch.no_grad()
def only_the_first(parameters, learning_rate):
    parameters[0] -= learning_rate * parameters[0].grad


def counting(length, add):
    """What adds to the counts of the letters after each context of some length."""

    def answer(inputs, targets, contexts):
        counts = torch.full([27] * (length + 1), float(add))
        counts.index_put_((*inputs[:, 3 - length :].T, targets), torch.ones(()), accumulate=True)
        seen = counts[tuple(contexts[:, 3 - length :].T)]  # (M, 27)
        return (seen / seen.sum(1, keepdim=True)).log()

    return answer


def each_length_falls_back(inputs, targets, contexts):
    """The shorter context counts as a few examples of the longer one (after MacKay and Peto)."""
    probabilities = torch.full((len(contexts), 27), 1 / 27)
    for length, weight in ((1, 1.0), (2, 10.0), (3, 10.0)):
        counts = torch.zeros([27] * (length + 1))
        counts.index_put_((*inputs[:, 3 - length :].T, targets), torch.ones(()), accumulate=True)
        seen = counts[tuple(contexts[:, 3 - length :].T)]  # (M, 27)
        probabilities = (seen + weight * probabilities) / (seen.sum(1, keepdim=True) + weight)
    return probabilities.log()


def log_forgotten(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, contexts).exp()


def from_the_wrong_end(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, contexts.flip(1))


WRONG = [
    ("00.derivative", by_backward, "autograd found them"),
    ("00.cross_entropy", lambda z, y: F.cross_entropy(z, y), "`F.cross_entropy` did it"),
    ("00.sgd", recorded, "Put it under `with torch.no_grad():`"),
    ("00.sgd", rebinds, "The parameters are what they were"),
    ("00.sgd", replaces_in_the_list, "It puts new tensors into the list"),
    ("00.sgd", stops_asking, "leave `requires_grad` alone"),
    ("00.sgd", moving(lambda p, rate: p.add_(rate * p.grad)), "It climbs"),
    ("00.sgd", moving(lambda p, rate: p.sub_(p.grad)), "The learning rate is missing"),
    ("00.sgd", moving(lambda p, rate: p.sub_(rate * p.grad)), "A parameter may have no gradient"),
    ("00.sgd", gradient_kept, "the sum of both gradients"),
    ("00.sgd", only_the_first, "Only the first parameter moved"),
    ("00.beat", counting(length=1, add=1), "what our table of pairs reaches"),
    ("00.beat", counting(length=3, add=0.1), "try to use several lengths together"),
    ("00.beat", counting(length=3, add=0), "Some logits are nan"),
    ("00.beat", counting(length=1, add=0), "got the probability 0"),
    ("00.beat", log_forgotten, "These are probabilities"),
    ("00.beat", from_the_wrong_end, "worse than our table of pairs"),
]
RIGHT = [
    ("00.lengths", from_the_first_zero),
    ("00.derivative", by_math),
    ("00.cross_entropy", row_by_row),
    ("00.sgd", by_copy),
    ("00.beat", each_length_falls_back),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    is_not_yet(name, answer, words)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)
