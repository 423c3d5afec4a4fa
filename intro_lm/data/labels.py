"""Labelled texts: their classes, a few of each, and their batches."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from intro_lm.checks import require_count
from intro_lm.data.sequences import LabelledBatches
from intro_lm.data.subwords import AnyVocabulary

if TYPE_CHECKING:
    from datasets import Dataset


def class_names(rows: Dataset) -> list[str]:
    """The names of the classes, by id, of rows that can be learned from.

    Raises:
        ValueError: there is no `ClassLabel` column `label`, or all rows are of one class.
    """
    from datasets import ClassLabel

    feature = rows.features.get("label")
    if not isinstance(feature, ClassLabel):
        raise ValueError(
            f"the columns are {', '.join(rows.features)}: there is no ClassLabel column 'label'; "
            "name the column of the labels when you load the dataset"
        )
    if len(set(rows["label"][:])) < 2:
        raise ValueError(f"all {len(rows)} texts are of one class; to tell texts apart takes two")
    return list(feature.names)


def few_labels(rows: Dataset, per_class: int, seed: int = 0) -> Dataset:
    """The same number of texts of each class, drawn at random, in their order in `rows`.

    `seed` decides which; with the same one, a larger draw holds the smaller ones. Fewer than two
    classes, or a class with fewer texts than `per_class`, are a `ValueError`.
    """
    require_count(per_class=per_class)
    kept = []
    names, labels = class_names(rows), rows["label"][:]
    for number, name in enumerate(names):
        found = [row for row, label in enumerate(labels) if label == number]
        if len(found) < per_class:
            raise ValueError(
                f"the class {name!r} has {len(found)} texts and {per_class} are asked for; ask "
                "for fewer, give more examples or leave the class out"
            )
        random.Random(f"{seed} {number}").shuffle(found)
        kept += found[:per_class]
    return rows.select(sorted(kept))


def labelled_batches(
    vocabulary: AnyVocabulary,
    rows: Dataset,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    max_length: int | None = None,
    name: str = "",
) -> LabelledBatches:
    """`LabelledBatches` of a split with the columns `text` and `label`.

    How many texts are longer than `max_length` is printed, with `name`, the split's, before it.
    """
    batches = LabelledBatches.from_texts(
        vocabulary, rows["text"][:], rows["label"][:], batch_size, shuffle, seed, max_length
    )
    if batches.truncated:
        print(
            f"{name}: " * bool(name) + f"{batches.truncated} of {len(rows)} texts are longer than "
            f"{max_length} tokens; only their beginnings are read"
        )
    return batches
