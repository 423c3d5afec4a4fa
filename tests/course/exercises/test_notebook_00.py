"""The exercises of notebook 00: what each takes for right, and what it says to what is wrong."""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from intro_lm import data
from tests.course.exercises.proof import Case, claims


def name_by_name(batch):
    return torch.tensor([sum(letter != 0 for letter in row) for row in batch.tolist()])


def from_the_first_zero(batch):
    places = torch.arange(batch.shape[1])
    return (places * (batch != 0) + (batch != 0)).max(1).values


def letters_at_a_place(batch):
    return (batch != 0).sum(0)


def letters_in_all(batch):
    return (batch > 0).sum()


def ids_added_up(batch):
    return batch.sum(1)


def zeros_counted(batch):
    return (batch == 0).sum(1)


def width_of_the_batch(batch):
    return torch.full((len(batch),), batch.shape[1])


def a_list_of_lengths(batch):
    return name_by_name(batch).tolist()


def in_a_column(batch):
    return (batch != 0).sum(1, keepdim=True)


def marks_the_letters(batch):
    batch[batch != 0] = 1
    return batch.sum(1)


def by_math(w, b, x, y):
    p = math.tanh(float(w) * float(x) + float(b))
    outer = 2 * p - 2 * y.item()
    return [outer / math.cosh(w * x + b) ** 2 * x.item(), outer / math.cosh(w * x + b) ** 2]


def two_forgotten(w, b, x, y):
    return tuple(value / 2 for value in by_math(w, b, x, y))


def chain_ends_early(w, b, x, y):
    db = by_math(w, b, x, y)[1]
    return db, db


def x_for_both(w, b, x, y):
    dw = by_math(w, b, x, y)[0]
    return dw, dw


def tanh_passed_over(w, b, x, y):
    error = torch.tanh(w * x + b) - y
    return 2 * error * x, 2 * error


def tanh_not_squared(w, b, x, y):
    p = torch.tanh(w * x + b)
    return 2 * (p - y) * (1 - p) * x, 2 * (p - y) * (1 - p)


def inside_squared(w, b, x, y):
    z = w * x + b
    return 2 * (z.tanh() - y) * (1 - z**2) * x, 2 * (z.tanh() - y) * (1 - z**2)


def uphill(w, b, x, y):
    return tuple(-value for value in by_math(w, b, x, y))


def b_first(w, b, x, y):
    return tuple(reversed(by_math(w, b, x, y)))


def only_for_w(w, b, x, y):
    return by_math(w, b, x, y)[0]


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


def minus_forgotten(logits, targets):
    return -row_by_row(logits, targets)


def sum_of_losses(logits, targets):
    return row_by_row(logits, targets) * len(targets)


def one_for_each(logits, targets):
    return F.nll_loss(logits.log_softmax(1), targets, reduction="none")


def down_the_columns(logits, targets):
    return -logits.softmax(0).log()[torch.arange(len(targets)), targets].mean()


def keepdim_forgotten(logits, targets):
    p = logits.exp() / logits.exp().sum(1)
    return -p[torch.arange(len(targets)), targets].log().mean()


def all_pairs(logits, targets):
    return -logits.log_softmax(1)[:, targets].mean()


def softmax_twice(logits, targets):
    return row_by_row(logits.softmax(1), targets)


def by_the_formula(logits, targets):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[torch.arange(len(targets)), targets].log().mean()


def sum_overflows(logits, targets):
    return (logits.exp().sum(1).log() - logits[torch.arange(len(targets)), targets]).mean()


def log_of_softmax(logits, targets):
    return -logits.softmax(1)[torch.arange(len(targets)), targets].log().mean()


def largest_of_all(logits, targets):
    return by_the_formula(logits - logits.max(), targets)


def largest_of_all_in_logs(logits, targets):
    return sum_overflows(logits - logits.max(), targets)


def moves_in_place(logits, targets):
    logits -= logits.max(1, keepdim=True).values
    return sum_overflows(logits, targets)


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


def two_letters(inputs, targets, contexts):
    return by_last(inputs, targets, contexts, 2, 1).log()


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


def for_the_examples(inputs, targets, contexts):
    return each_length_falls_back(inputs, targets, inputs)


CASES = [
    Case(
        "00.lengths",
        wrong=[
            (letters_at_a_place, "down the columns"),
            (letters_in_all, "gives a number for each row"),
            (ids_added_up, "This adds up the ids"),
            (zeros_counted, "This counts the zeros"),
            (width_of_the_batch, "This counts all places"),
            (a_list_of_lengths, "It returned a list, and a torch.Tensor is expected"),
            (in_a_column, "shape (2, 1) instead of (2,)"),
            (marks_the_letters, "It changes its argument `batch`"),
        ],
        right=[name_by_name, from_the_first_zero],
    ),
    Case(
        "00.derivative",
        wrong=[
            (two_forgotten, "half of what they should be"),
            (chain_ends_early, "lacks its last factor"),
            (x_for_both, "there is no factor x in the second"),
            (tanh_passed_over, "The tanh is missing in the chain"),
            (tanh_not_squared, "the square is missing"),
            (inside_squared, "this squares what is inside it"),
            (uphill, "The sign is turned round"),
            (b_first, "The two are swapped"),
            (only_for_w, "and a tuple is expected"),
            (by_backward, "autograd found them"),
            (by_autograd_grad, "autograd found them"),
        ],
        right=[by_math],
    ),
    Case(
        "00.cross_entropy",
        wrong=[
            (minus_forgotten, "The sign is missing"),
            (sum_of_losses, "This is the sum over the examples"),
            (one_for_each, "shape (1,) instead of ()"),
            (down_the_columns, "The softmax goes down the columns"),
            (keepdim_forgotten, "the trap of broadcasting"),
            (all_pairs, "takes all targets from every row"),
            (softmax_twice, "The softmax is done twice"),
            (by_the_formula, "inf/inf is nan"),
            (sum_overflows, "`exp` of a large number is inf"),
            (log_of_softmax, "log 0 is -inf"),
            (largest_of_all, "log 0 is -inf"),
            (largest_of_all_in_logs, "One largest logit is taken from all rows"),
            (moves_in_place, "It changes its argument `logits`"),
            (by_pytorch, "`F.cross_entropy` did it"),
            (by_its_module, "`F.cross_entropy` did it"),
        ],
        right=[row_by_row, by_log_softmax, by_one_hot],
    ),
    Case(
        "00.sgd",
        wrong=[
            (recorded, "Put it under `with torch.no_grad():`"),
            (rebinds, "The parameters are what they were"),
            (replaces_in_the_list, "It puts new tensors into the list"),
            (climbs, "It climbs"),
            (rate_forgotten, "The learning rate is missing"),
            (gradient_kept, "the sum of both gradients"),
            (gradient_dropped_first, "before they were used"),
            (expects_every_gradient, "A parameter may have no gradient"),
            (stops_after_one, "Only the first parameter moved"),
            (stops_asking, "leave `requires_grad` alone"),
        ],
        right=[by_data, by_copy],
    ),
    Case(
        "00.beat",
        wrong=[
            (our_pairs, "what our table of pairs reaches"),
            (two_letters, "The loss is 2.404, which is 0.104 above the goal"),
            (three_letters, "try to use several lengths together"),
            (not_smoothed, "Some logits are nan"),
            (pairs_not_smoothed, "got the probability 0"),
            (log_forgotten, "These are probabilities"),
            (from_the_wrong_end, "worse than our table of pairs"),
            (letters_instead, "shape (13460,) instead of (13460, 27)"),
            (for_the_examples, "shape (107606, 27) instead of (13460, 27)"),
        ],
        right=[each_length_falls_back],
    ),
]


@pytest.fixture(autouse=True, scope="module")
def what_the_kernel_has_by_then():
    """The notebook has loaded the names, which imports what the forked child need not."""
    data.load("names")


@pytest.mark.parametrize("claim", claims("00", CASES))
def test_exercise(claim):
    claim()
