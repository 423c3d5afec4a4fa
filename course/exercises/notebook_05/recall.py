"""Exercise 05.recall: the mean of the classes' recalls."""

from __future__ import annotations

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def macro_recall(answers: torch.Tensor, labels: torch.Tensor) -> float:
    """The mean of the classes' recalls, over the classes that occur in `labels`.

    Args:
        answers: (N,) the class id that each name was given.
        labels: (N,) the class id that each name has.
    """
    right = answers == labels
    recalls = [right[labels == k].double().mean() for k in labels.unique()]
    return torch.stack(recalls).mean().item()


def _fractions(answers: torch.Tensor, labels: torch.Tensor, by: torch.Tensor) -> list[float]:
    right = answers == labels
    return [right[by == each].double().mean().item() for each in by.unique()]


def _accuracy(answers: torch.Tensor, labels: torch.Tensor) -> float:
    return (answers == labels).double().mean().item()


def _precision(answers: torch.Tensor, labels: torch.Tensor) -> float:
    fractions = _fractions(answers, labels, answers)
    return sum(fractions) / len(fractions)


def _over_answered(answers: torch.Tensor, labels: torch.Tensor) -> float:
    fractions = _fractions(answers, labels, labels)
    return sum(fractions) / len(answers.unique())


def _over_all_ids(answers: torch.Tensor, labels: torch.Tensor) -> float:
    highest = max(answers.max().item(), labels.max().item())
    return sum(_fractions(answers, labels, labels)) / (highest + 1)


def _over_either(answers: torch.Tensor, labels: torch.Tensor) -> float:
    return sum(_fractions(answers, labels, labels)) / len(torch.cat([answers, labels]).unique())


def _f1(answers: torch.Tensor, labels: torch.Tensor) -> float:
    values = []
    for each in labels.unique():
        hits = ((answers == each) & (labels == each)).sum().item()
        values.append(2 * hits / ((answers == each).sum() + (labels == each).sum()).item())
    return sum(values) / len(values)


MISTAKES = (
    Mistake(_accuracy, "This is the accuracy, where a class with more names counts more"),
    Mistake(
        _precision,
        "This is the mean precision: it divides by how many names were *given to* a class. Divide "
        "by how many belong to it",
    ),
    Mistake(
        _over_either,
        "A class that occurs only in `answers` has no names to find, so it has no recall. Take the "
        "mean over the classes that occur in `labels`",
    ),
    Mistake(
        _over_answered,
        "The recalls are right, but you divide by the number of classes in `answers`. A class that "
        "was never answered counts too, with recall 0",
    ),
    Mistake(
        _over_all_ids,
        "Classes without names in `labels` are counted too; they have no recall. Take the mean "
        "over the classes that occur in `labels`",
    ),
    Mistake(_f1, "This is the macro-averaged F1; return the recall alone"),
)


def recall_of_six(answer: Answer) -> None:
    """six names in three classes of different sizes"""
    six = torch.tensor([0, 0, 1, 0, 2, 2]), torch.tensor([0, 0, 0, 1, 1, 2])
    compare(answer, macro_recall, six, MISTAKES)


def recall_of_one_class(answer: Answer) -> None:
    """a class that is never answered, and an answer whose class has no names"""
    compare(answer, macro_recall, (torch.zeros(4).long(), torch.tensor([0, 0, 3, 3])), MISTAKES)
    gaps = torch.tensor([2, 5, 2, 4, 1, 5]), torch.tensor([2, 2, 2, 4, 4, 1])
    compare(answer, macro_recall, gaps, MISTAKES)


RECALL = Exercise(
    name="05.recall",
    solved_by=macro_recall,
    why=(
        "`labels == k` picks the names of class k, and `right[...]` says which of them were found: "
        "its mean is the recall. The mean over the classes comes second, so each class counts the "
        "same, however many names it has. A class that is never answered still has names to find, "
        "and its 0 counts; a class without names has no recall. One mean over all names would be "
        "the accuracy."
    ),
    hints=(
        "Start with one class. Which names belong to it, and how many of these got the right "
        "answer? Then take the mean over classes.",
        "`labels.unique()` gives the classes that occur. For class k, "
        "`(answers[labels == k] == k)` says for each of its names whether it was found.",
        "For each k in `labels.unique()` take `(answers[labels == k] == k).double().mean()`, "
        "and return the mean of these as a float.",
    ),
    checks=(recall_of_six, recall_of_one_class),
    mistakes=MISTAKES,
)
