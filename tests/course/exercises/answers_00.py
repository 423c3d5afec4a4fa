"""Answers to the exercises of notebook 00: wrong ones that no `Mistake` covers, and right ones."""

import math

import torch
import torch.nn.functional as F

from course.exercises import exercise
from intro_lm import data


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


def by_differences(h):
    def gradient(w, b, x, y):
        def loss(w, b):
            return (torch.tanh(w * x + b) - y) ** 2

        dw, db = loss(w + h, b) - loss(w - h, b), loss(w, b + h) - loss(w, b - h)
        return dw / (2 * h), db / (2 * h)

    return gradient


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


def by_an_optimizer(parameters, learning_rate):
    optimizer = torch.optim.SGD(parameters, lr=learning_rate)
    optimizer.step()
    optimizer.zero_grad()


def gradients_left_off(parameters, learning_rate):
    torch.set_grad_enabled(False)
    exercise("00.sgd").solved_by(parameters, learning_rate)


def with_the_validation_names(inputs, targets, contexts):
    corpus = data.load("names")
    vocabulary = data.Vocabulary.from_texts(corpus["train"]["text"])
    more, following = data.context_windows(vocabulary, corpus["validation"]["text"], 3)
    answer = exercise("00.beat").solved_by
    return answer(torch.cat([inputs, more]), torch.cat([targets, following]), contexts)


def each_length_falls_back(inputs, targets, contexts):
    """The shorter context counts as a few examples of the longer one (after MacKay and Peto)."""
    probabilities = torch.full((len(contexts), 27), 1 / 27)
    for length, weight in ((1, 1.0), (2, 10.0), (3, 10.0)):
        counts = torch.zeros([27] * (length + 1))
        counts.index_put_((*inputs[:, 3 - length :].T, targets), torch.ones(()), accumulate=True)
        seen = counts[tuple(contexts[:, 3 - length :].T)]  # (M, 27)
        probabilities = (seen + weight * probabilities) / (seen.sum(1, keepdim=True) + weight)
    return probabilities.log()


STEP = "parameter -= learning_rate * parameter.grad"
LENGTHS = "((1, 0.14), (2, 0.35), (3, 0.5))"
LOOP = "for parameter in parameters:"
WRONG = [
    ("00.derivative", by_backward, "autograd found them"),
    *((("00.derivative", by_differences(h), "Are they differences")) for h in (1e-3, 1e-6)),
    ("00.cross_entropy", lambda z, y: F.cross_entropy(z, y), "`F.cross_entropy` did the work"),
    (
        "00.cross_entropy",
        ("logits.max(1, keepdim=True).values", "logits[:, :1]"),
        "subtract each row's largest logit",
    ),
    ("00.sgd", by_an_optimizer, "A PyTorch optimiser took the step"),
    ("00.sgd", gradients_left_off, "It leaves gradients off"),
    ("00.sgd", ("with torch.no_grad():", "if True:"), "Put it under `with torch.no_grad():`"),
    ("00.sgd", ("parameter -=", "parameter = parameter -"), "The parameters haven't changed"),
    (
        "00.sgd",
        (
            *(LOOP, "for n, parameter in enumerate(parameters):"),
            *(STEP, "parameters[n] = parameter - learning_rate * parameter.grad"),
        ),
        "It puts new tensors into the list",
    ),
    ("00.sgd", (STEP, f"parameter.requires_grad = False; {STEP}"), "leave `requires_grad`"),
    ("00.sgd", ("-=", "+="), "It climbs"),
    ("00.sgd", ("learning_rate * ", ""), "The learning rate is missing"),
    ("00.sgd", ("if parameter.grad is not None:", "if 1:"), "A parameter may have no gradient"),
    ("00.sgd", ("parameter.grad = None", "pass"), "the sum of both gradients"),
    ("00.sgd", (LOOP, "for parameter in parameters[:1]:"), "Only the first parameter moved"),
    ("00.beat", (LENGTHS, "((1, 0.99),)"), "what our table of pairs reaches"),
    ("00.beat", (LENGTHS, "((2, 0.99),)"), "try several lengths together"),
    ("00.beat", ("counts + 0.01", "counts"), "Some logits are nan"),
    (
        "00.beat",
        ("counts + 0.01", "counts", "0.01 / 27", "0.0", LENGTHS, "((1, 1.0),)"),
        "got probability 0",
    ),
    ("00.beat", with_the_validation_names, "It works only for these names"),
    ("00.beat", ("mixture.log()", "mixture"), "These are probabilities"),
    (
        "00.beat",
        ("contexts[:, -length:]", "contexts[:, :length]", LENGTHS, "((1, 0.99),)"),
        "worse than our table",
    ),
]
RIGHT = [
    ("00.lengths", from_the_first_zero),
    ("00.derivative", by_math),
    ("00.cross_entropy", row_by_row),
    ("00.sgd", by_copy),
    ("00.beat", each_length_falls_back),
]
