"""Labels: checked where they come into a corpus, drawn a few at a time, cut into batches."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from intro_lm.checks import require_count
from intro_lm.data.sequences import LabelledBatches
from intro_lm.data.subwords import AnyVocabulary

if TYPE_CHECKING:
    from datasets import ClassLabel, Dataset


def class_label(labels: Sequence[Any], rows: Iterable[int]) -> ClassLabel:
    """The `ClassLabel` of the labels of some rows: its names are their distinct values, sorted."""
    from datasets import ClassLabel

    known: list[Any] = []
    for row in rows:
        label = labels[row]
        if label is None or label == "":
            raise ValueError(f"text {row} has no label; give it one or leave the text out")
        known.append(label)
        if type(label) is not type(known[0]) or not isinstance(label, str | int):
            raise ValueError(
                f"the label of text {row} is {label!r} and the first is {known[0]!r}; labels must "
                "be all strings or all whole numbers"
            )
    return ClassLabel(names=[str(label) for label in sorted(set(known))])


def check_labels(rows: Dataset, where: str = "") -> list[str]:
    """The names of the classes, by id; refuses a label that is missing or out of range."""
    from datasets import ClassLabel

    feature = rows.features.get("label")
    if not isinstance(feature, ClassLabel):
        raise ValueError(
            f"the columns{where} are {', '.join(rows.features)}: there is no ClassLabel column "
            "'label'; name the column of the labels when you load the dataset"
        )
    for row, label in enumerate(rows["label"][:]):
        if label is None or not 0 <= label < len(feature.names):
            raise ValueError(
                f"the label of row {row}{where} is {label}; with {len(feature.names)} classes it "
                f"must be between 0 and {len(feature.names) - 1}: correct it, leave the row out, "
                "or load the dataset without label=…"
            )
    return list(feature.names)


def class_names(rows: Dataset) -> list[str]:
    """The names of the classes, by id, of rows that can be learned from.

    Raises:
        ValueError: a row has no label of its classes, or all rows are of one class.
    """
    names = check_labels(rows)
    found = {names[label] for label in rows["label"][:]}
    if len(found) < 2:
        raise ValueError(
            f"all {len(rows)} texts are of one class, {', '.join(found)}; to tell texts apart "
            "takes at least 2"
        )
    return names


def few_labels(rows: Dataset, per_class: int, seed: int = 0) -> Dataset:
    """The same number of texts of each class, drawn at random, in their order in `rows`.

    `seed` decides which; with the same one, a larger draw holds the smaller ones.

    Raises:
        ValueError: `per_class` isn't a count, a class has fewer texts, or as `class_names`.
    """
    require_count(per_class=per_class)
    names = class_names(rows)
    of_class: list[list[int]] = [[] for _ in names]
    for row, label in enumerate(rows["label"][:]):
        of_class[label].append(row)
    kept = []
    for label, found in enumerate(of_class):
        if len(found) < per_class:
            raise ValueError(
                f"the class {names[label]!r} has {len(found)} texts and {per_class} are asked "
                "for; ask for fewer, give more examples or leave the class out"
            )
        random.Random(f"{seed} {label}").shuffle(found)
        kept += found[:per_class]
    return rows.select(sorted(kept))


def labelled_batches(
    vocabulary: AnyVocabulary,
    rows: Dataset,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    max_length: int | None = None,
    name: str | None = None,
) -> LabelledBatches:
    """The batches of a labelled split; prints how many texts are longer than `max_length`.

    Args:
        rows: a split with the columns `text` and `label`.
        name: of the split, to say whose texts are cut; the rest as in `LabelledBatches`.

    Raises:
        ValueError: a row has no label of its classes, a text can't be encoded, or an argument
            isn't a count.
    """
    check_labels(rows)
    batches = LabelledBatches.from_texts(
        vocabulary, rows["text"][:], rows["label"][:], batch_size, shuffle, seed, max_length
    )
    if batches.truncated:
        print(
            f"{name}: " * bool(name) + f"{batches.truncated} of {len(rows)} texts are longer than "
            f"{max_length} tokens; only their beginnings are read"
        )
    return batches
