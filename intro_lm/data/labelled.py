"""Labelled texts, checked, as few as asked for; and texts to pretrain on before."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from intro_lm.data.bundled import name_origins, names
from intro_lm.data.sequences import LabelledBatches
from intro_lm.data.splits import split
from intro_lm.data.subwords import AnyVocabulary

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict


def few_labels(rows: Dataset, per_class: int, seed: int = 0) -> Dataset:
    """So many texts of each class, drawn by chance, in the order they stand in.

    With the same seed, a smaller draw lies within a larger one, so that more labels are more
    labels and not others.

    Args:
        rows: a split with a `ClassLabel` column `label`.
        per_class: texts of each class.
        seed: which.

    Raises:
        ValueError: `per_class` is no count, a class has fewer texts, or `rows` can't be classified.
    """
    if not isinstance(per_class, int) or per_class < 1:
        raise ValueError(f"per_class is {per_class!r}; it must be a whole number of at least 1")
    classes = class_names(rows)
    of_class: list[list[int]] = [[] for _ in classes]
    for row, label in enumerate(rows["label"]):
        of_class[label].append(row)
    fewest, scarce = min((len(found), label) for label, found in enumerate(of_class))
    if fewest == 0:
        raise ValueError(
            f"the class {classes[scarce]!r} has no text; give examples of it or leave the class out"
        )
    if fewest < per_class:
        raise ValueError(
            f"the class {classes[scarce]!r} has {fewest} texts and {per_class} are asked for; "
            f"choose a per_class of at most {fewest}"
        )
    kept = []
    for label, found in enumerate(of_class):
        random.Random(f"{seed} {label}").shuffle(found)
        kept += found[:per_class]
    return rows.select(sorted(kept))


def class_names(rows: Dataset) -> list[str]:
    """The names of the classes, by id, of rows that can be learned from.

    Raises:
        ValueError: there are no labels or fewer than two classes, or all rows are of one; or a
            label is out of range or a text empty, and the message names its row.
    """
    names = _require_labelled(rows)
    occurring = set(rows["label"])
    if len(occurring) < 2:
        found = ", ".join(repr(names[label]) for label in occurring)
        raise ValueError(
            f"all {len(rows)} texts are of {len(occurring)} class, {found}; to tell texts apart "
            "takes at least 2"
        )
    return names


def _require_labelled(rows: Dataset) -> list[str]:
    """The names of the classes, or a `ValueError` that says what can't be classified."""
    names = getattr(rows.features.get("label"), "names", None)
    if names is None:
        raise ValueError(
            f"the columns are {', '.join(rows.features)}: there is no ClassLabel column 'label'; "
            "name the column of the labels when you load the dataset"
        )
    if len(names) < 2:
        raise ValueError(
            f"the labels have {len(names)} class(es), {', '.join(map(repr, names))}; to tell texts "
            "apart takes at least 2"
        )
    for row, label in enumerate(rows["label"]):
        if label is None or not 0 <= label < len(names):
            raise ValueError(
                f"the label of row {row} is {label!r}; with {len(names)} classes it must lie "
                f"between 0 and {len(names) - 1}"
            )
    for row, text in enumerate(rows["text"]):
        if not text or not text.strip():
            raise ValueError(f"the text of row {row} is empty; give it some or leave the row out")
    return list(names)


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
        vocabulary: gives the ids.
        rows: a split with the columns `text` and `label`.
        batch_size, shuffle, seed: as in `LabelledBatches`.
        max_length: tokens of a text that are kept, its first; None keeps all.
        name: of the split, to say whose texts are cut.

    Raises:
        ValueError: a row has no text or no label of its classes, a text can't be encoded, or an
            argument is no count.
    """
    _require_labelled(rows)
    batches = LabelledBatches.from_texts(
        vocabulary, list(rows["text"]), rows["label"], batch_size, shuffle, seed, max_length
    )
    if batches.truncated:
        print(
            f"{name}: " * bool(name) + f"{batches.truncated} of {len(rows)} texts are longer than "
            f"{max_length} tokens; only their beginnings are read"
        )
    return batches


def without_held_out(texts: Iterable[str], corpus: DatasetDict) -> list[str]:
    """The distinct texts that stand in neither validation nor test of a corpus, in their order.

    What a model was pretrained on tells nothing new about how it does on unseen texts.
    """
    held_out = {text for part in ("validation", "test") for text in corpus[part]["text"]}
    return [text for text in dict.fromkeys(texts) if text not in held_out]


def unlabelled_names() -> list[str]:
    """All bundled names, given and family, but those of name-origins' validation and test splits.

    To pretrain on before `name-origins` is learned: no name that this is measured on was seen.
    """
    texts, labels = name_origins()
    every_name = sorted({*names("given"), *names("family")})
    return without_held_out(every_name, split(texts, labels=labels))
