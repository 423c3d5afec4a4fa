"""What labels must be, where they come into a corpus: of one type, in range, one for each text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import ClassLabel, DatasetDict

SHOWN = 40  # characters of a text in an error


def class_label(labels: Sequence[Any], rows: Sequence[int] | None = None) -> ClassLabel:
    """The `ClassLabel` of some labels: its names are their distinct values, sorted.

    Args:
        labels: of some texts.
        rows: what an error calls these texts; None counts them from 0.

    Raises:
        ValueError: a label is missing, or they are not all strings or all whole numbers.
    """
    from datasets import ClassLabel

    rows = range(len(labels)) if rows is None else rows
    for row, label in zip(rows, labels, strict=True):
        if label is None or label == "":
            raise ValueError(f"text {row} has no label; give it one or leave the text out")
        if type(label) is not type(labels[0]) or not isinstance(label, str | int):
            raise ValueError(
                f"the label of text {row} is {label!r} and that of text {rows[0]} is "
                f"{labels[0]!r}; labels must be all strings or all whole numbers"
            )
    return ClassLabel(names=[str(label) for label in sorted(set(labels))])


def require_one_label(texts: Sequence[str], labels: Sequence[Any]) -> None:
    """Refuse a text that stands more than once and not always with the same label.

    Raises:
        ValueError: names the text and both labels.
    """
    first: dict[str, Any] = {}
    for text, label in zip(texts, labels, strict=True):
        other = first.setdefault(text, label)
        if other != label:
            raise ValueError(
                f"the text {text[:SHOWN]!r} has the labels {other!r} and {label!r}; give it one of "
                "them everywhere or leave it out"
            )


def require_in_range(labels: Sequence[int | None], classes: int, place: str = "") -> None:
    """Refuse a label that is neither a class nor missing, which None and -1 are on the Hub.

    Args:
        labels: class ids.
        classes: number of classes.
        place: where they stand, behind the row: " of test".

    Raises:
        ValueError: names the row, the label and the range.
    """
    for row, label in enumerate(labels):
        if label is not None and not -1 <= label < classes:
            raise ValueError(
                f"the label of row {row}{place} is {label}; with {classes} classes it must lie "
                f"between 0 and {classes - 1}; mend the label or leave the row out"
            )


def require_classes(corpus: DatasetDict) -> None:
    """Refuse labels of train, validation or test that nothing can be learned from or judged by.

    Raises:
        ValueError: the classes are not the same in all splits, a label is missing or out of range,
            or one occurs in validation or test and not in train.
    """
    names = getattr(corpus["train"].features.get("label"), "names", None)
    if names is None:
        return
    counts = {}
    for name in ("train", "validation", "test"):
        theirs = getattr(corpus[name].features.get("label"), "names", None)
        if theirs != names:
            raise ValueError(
                f"the classes of {name} are {theirs} and those of train {names}; give all splits "
                "the same, in the same order"
            )
        require_in_range(corpus[name]["label"], len(names), f" of {name}")
        counts[name] = Counter(corpus[name]["label"])
        unlabelled = counts[name][None] + counts[name][-1]
        if unlabelled:
            raise ValueError(
                f"{unlabelled} rows of {name} have no label; load the dataset without label=…"
            )
    for name in ("validation", "test"):
        for label in counts[name]:
            if label not in counts["train"]:
                raise ValueError(
                    f"the label {names[label]!r} occurs in {name} and not in train; give more "
                    "examples of it or leave it out"
                )
