"""The exercises of notebook 05: what each takes for right, and what it says to what is wrong."""

import math

import pytest
import torch

from course.exercises.notebook_05.few import CORPUS, classify
from course.exercises.notebook_05.unfreezing import learning_rates
from intro_lm.evaluation.baselines import tfidf_logistic_regression
from intro_lm.training import FineTuning
from tests.course.exercises.proof import Case, claims


def recall_by_counting(answers, labels):
    found = {}
    for answer, label in zip(answers.tolist(), labels.tolist(), strict=True):
        found.setdefault(label, []).append(answer == label)
    return sum(sum(own) / len(own) for own in found.values()) / len(found)


def recall_from_a_table(answers, labels):
    size = int(max(answers.max(), labels.max())) + 1
    table = torch.zeros(size, size).index_put_(
        (labels, answers), torch.ones(len(labels)), accumulate=True
    )
    there = table.sum(1) > 0
    return (table.diag()[there] / table.sum(1)[there]).mean()


def accuracy(answers, labels):
    return (answers == labels).float().mean().item()


def mean_precision(answers, labels):
    return recall_by_counting(labels, answers)


def every_id_counts(answers, labels):
    size = int(max(answers.max(), labels.max())) + 1
    return recall_by_counting(answers, labels) * len(labels.unique()) / size


def divided_by_answered_classes(answers, labels):
    return recall_by_counting(answers, labels) * len(labels.unique()) / len(answers.unique())


def recalls_without_their_mean(answers, labels):
    return torch.stack([(answers[labels == k] == k).float().mean() for k in labels.unique()])


def pool_row_by_row(hidden, lengths, k):
    rows = []
    for states, n in zip(hidden, lengths.tolist(), strict=True):
        if n == 0:
            rows.append(torch.zeros(2 * hidden.shape[2]))
        else:
            last = states[:n][-k:]
            rows.append(torch.cat([last.mean(0), last.max(0).values]))
    return torch.stack(rows)


def last_columns(hidden, lengths, k):
    return torch.cat([hidden[:, -k:].mean(1), hidden[:, -k:].amax(1)], dim=1)


def taken_of(hidden, lengths, k):
    places = torch.arange(hidden.shape[1])
    return ((places < lengths[:, None]) & (places >= lengths[:, None] - k))[:, :, None]


def zeros_in_the_maximum(hidden, lengths, k):
    taken = taken_of(hidden, lengths, k)
    mean = (hidden * taken).sum(1) / taken.sum(1).clamp(min=1)
    return torch.cat([mean, (hidden * taken).amax(1)], dim=1)


def divided_by_k(hidden, lengths, k):
    taken = taken_of(hidden, lengths, k)
    largest = hidden.masked_fill(~taken, -math.inf).amax(1)
    return torch.cat([(hidden * taken).sum(1) / k, largest], dim=1)


def empty_text_forgotten(hidden, lengths, k):
    taken = taken_of(hidden, lengths, k)
    largest = hidden.masked_fill(~taken, -math.inf).amax(1)
    return torch.cat([(hidden * taken).sum(1) / taken.sum(1), largest], dim=1)


def whole_text(hidden, lengths, k):
    return pool_row_by_row(hidden, lengths, hidden.shape[1])


def first_states(hidden, lengths, k):
    return pool_row_by_row(hidden, lengths.clamp(max=k), k)


def one_place_too_far(hidden, lengths, k):
    return pool_row_by_row(hidden, lengths + 1, k)


def rates_of_the_package(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    recipe = FineTuning(head_first, gradual, stage, decay)
    groups = recipe.parameter_groups([[]] * layers, steps)
    return tuple(rate * group.rate * (step >= group.start) for group in groups)


def from_the_head_down(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    plan = (layers, step, steps, rate, stage, decay, head_first, gradual)
    return learning_rates(*plan)[::-1]


def zero_until(step, starts, rates):
    down = [each if step >= start else 0.0 for start, each in zip(starts, rates, strict=True)]
    return down[::-1]


def head_waits_too(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    starts = [round((k + 1) * stage * steps) for k in range(layers)]
    return zero_until(step, starts, [rate * decay**-k for k in range(layers)])


def deaf_to_switches(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    starts = [round(k * stage * steps) for k in range(layers)]
    return zero_until(step, starts, [rate * decay**-k for k in range(layers)])


def one_step_late(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    starts = [k and round(k * stage * steps) + 1 for k in range(layers)]
    return zero_until(step, starts, [rate * decay**-k for k in range(layers)])


def never_frozen(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    return [rate * decay ** (k + 1 - layers) for k in range(layers)]


def one_rate(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    starts = [round(k * stage * steps) for k in range(layers)]
    return zero_until(step, starts, [rate] * layers)


def faster_below(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    starts = [round(k * stage * steps) for k in range(layers)]
    return zero_until(step, starts, [rate * decay**k for k in range(layers)])


def solution_in_numpy(texts, labels, unlabelled, asked, classes):
    return classify(texts, labels, unlabelled, asked, classes).float().softmax(1).numpy()


def the_baseline(texts, labels, unlabelled, asked, classes):
    return tfidf_logistic_regression(texts, labels, asked, classes)


def with_all_labels(texts, labels, unlabelled, asked, classes):
    rows = CORPUS["train"][:6000]
    return classify(rows["text"], rows["label"], texts, asked, classes)


def always_the_first(texts, labels, unlabelled, asked, classes):
    return torch.ones(len(asked), classes)


def class_ids(texts, labels, unlabelled, asked, classes):
    return classify(texts, labels, unlabelled, asked, classes).argmax(1)


def few_unlabelled(texts, labels, unlabelled, asked, classes):
    return classify(texts, labels, unlabelled[:600], asked, classes)


def log_of_zero(texts, labels, unlabelled, asked, classes):
    return torch.zeros(len(asked), classes).log()


CASES = [
    Case(
        "05.recall",
        wrong=[
            (accuracy, "This is the accuracy"),
            (mean_precision, "This is the mean precision"),
            (every_id_counts, "have no recall"),
            (divided_by_answered_classes, "divided by the number of classes among the answers"),
            (recalls_without_their_mean, "a tensor of shape (3,)"),
        ],
        right=[recall_by_counting, recall_from_a_table],
    ),
    Case(
        "05.pool",
        wrong=[
            (last_columns, "the last k columns, padding and all".replace(" k ", " `k` ")),
            (zeros_in_the_maximum, "Zeros of the padding win the maximum"),
            (divided_by_k, "where the text has fewer states"),
            (empty_text_forgotten, "The text without a state gives NaN"),
            (whole_text, "All real states are pooled"),
            (first_states, "These are the first `k` states"),
            (one_place_too_far, "one place too far"),
        ],
        right=[pool_row_by_row],
    ),
    Case(
        "05.unfreezing",
        wrong=[
            (from_the_head_down, "turned round"),
            (head_waits_too, "The head itself waits"),
            (deaf_to_switches, "A switch is ignored"),
            (one_step_late, "one step too late"),
            (never_frozen, "Every layer learns from the first step"),
            (one_rate, "All layers learn at the head's rate"),
            (faster_below, "*faster* than the head"),
        ],
        right=[rates_of_the_package],
    ),
    Case(
        "05.few",
        wrong=[
            (the_baseline, "It learns from the labelled names alone"),
            (with_all_labels, "labels other than those it is given"),
            (always_the_first, "That is chance"),
            (class_ids, "of shape (3, 14)"),
            (few_unlabelled, "does not reach the goal yet"),
            (log_of_zero, "not finite"),
        ],
        right=[solution_in_numpy],
    ),
]


@pytest.mark.parametrize("claim", claims("05", CASES))
def test_exercises(claim):
    claim()
