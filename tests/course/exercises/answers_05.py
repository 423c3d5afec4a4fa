"""Answers to the exercises of notebook 05: wrong ones that no `Mistake` covers, and right ones."""

import pytest
import torch

from course.exercises.notebook_05.few import CORPUS, classify
from intro_lm.evaluation.baselines import tfidf_logistic_regression
from intro_lm.training import FineTuning


def recall_by_counting(answers, labels):
    found = {}
    for answer, label in zip(answers.tolist(), labels.tolist(), strict=True):
        found.setdefault(label, []).append(answer == label)
    return sum(sum(own) / len(own) for own in found.values()) / len(found)


def pool_row_by_row(hidden, lengths, k):
    rows = []
    for states, n in zip(hidden, lengths.tolist(), strict=True):
        if n == 0:
            rows.append(torch.zeros(2 * hidden.shape[2]))
        else:
            last = states[:n][-k:]
            rows.append(torch.cat([last.mean(0), last.max(0).values]))
    return torch.stack(rows)


def rates_of_the_package(layers, step, steps, rate, stage, decay, head_first=True, gradual=True):
    recipe = FineTuning(head_first, gradual, stage, decay)
    groups = recipe.parameter_groups([[]] * layers, steps)
    return tuple(rate * group.rate * (step >= group.start) for group in groups)


def the_baseline(texts, labels, unlabelled, asked, classes):
    return tfidf_logistic_regression(texts, labels, asked, classes)


def with_all_labels(texts, labels, unlabelled, asked, classes):
    rows = CORPUS["train"][:6000]
    return classify(rows["text"], rows["label"], texts, asked, classes)


SCORES = "torch.from_numpy(new @ weights)\n"
WRONG = [
    (
        "05.recall",
        (".double().mean() for", ".any().double() for"),
        "\nIt returned",
    ),
    ("05.few", the_baseline, "It learns from the labelled names alone"),
    ("05.few", with_all_labels, "labels other than those it is given"),
    ("05.few", (SCORES, "torch.ones(len(asked), classes)\n"), "than chance"),
    ("05.few", (SCORES, "torch.from_numpy(new @ weights).argmax(1)\n"), "of shape (3, 14)"),
    ("05.few", ("range(5)", "range(1)"), "does not reach the goal yet"),
    ("05.few", (SCORES, "torch.zeros(len(asked), classes).log()\n"), "not finite"),
]
RIGHT = [
    ("05.recall", recall_by_counting),
    ("05.pool", pool_row_by_row),
    ("05.unfreezing", rates_of_the_package),
    pytest.param("05.few", (SCORES, "new @ weights\n"), marks=pytest.mark.slow),
]
