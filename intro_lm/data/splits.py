"""From rows to train, validation and test: seeded, no text in two of them; and few labels."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from intro_lm.checks import require_count

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

SPLIT_SEED = 42  # the seed of the makemore lectures, so that the same list gives the same splits
SPLITS = ("train", "validation", "test")


def split(
    texts: Iterable[str],
    seed: int = SPLIT_SEED,
    *,
    labels: Iterable[str | int] | None = None,
    keep_repeats: bool = False,
) -> DatasetDict:
    """Shuffle a copy of the texts and split it 80/10/10 into train, validation and test.

    Blank texts are left out, and a repeated text is kept once, since in two splits it would be
    tested on what it was trained on. With labels, texts that have two of them are left out too,
    and what is lost is printed.

    Args:
        seed: which shuffle.
        labels: one per text, all strings or all whole numbers; they become a `ClassLabel` whose
            names are the sorted labels.
        keep_repeats: to compare with numbers of others; the splits then leak.

    Raises:
        ValueError: there are too few texts, or a label is missing or not in the training split.
    """
    from datasets import Dataset

    columns = {"text": list(texts)} | ({} if labels is None else {"label": list(labels)})
    try:
        rows = Dataset.from_dict(columns)
    except (TypeError, ValueError) as error:  # pyarrow's, of mixed types and of half characters
        raise ValueError(
            f"each text must be a string, the labels all strings or all whole numbers: {error}"
        ) from None
    return arrange({"train": rows}, seed, keep_repeats)


def split_in_order(text: str) -> DatasetDict:
    """The first nine tenths of one text to train on, the last tenth for validation, a row each.

    This is how char-rnn, nanoGPT and others cut a running text, whose parts can't be shuffled. They
    keep no test split, and neither does this: a third cut would not compare with their numbers.
    """
    from datasets import Dataset, DatasetDict

    cut = len(text) * 9 // 10
    parts = {"train": text[:cut], "validation": text[cut:]}
    return DatasetDict({name: Dataset.from_dict({"text": [part]}) for name, part in parts.items()})


def arrange(
    parts: dict[str, Dataset], seed: int = SPLIT_SEED, keep_repeats: bool = False
) -> DatasetDict:
    """Train, validation and test of a source that comes with splits of its own.

    Its test split is kept with its repeats, so that results compare with those of others. Then
    validation, train and any further split keep each text once, without those that an earlier one
    holds. A single split is cut 80/10/10. Where validation or test is missing, it is a tenth of
    train. Rows whose text is blank or has two labels are left out, and with labels that is printed.
    """
    from datasets import Dataset, DatasetDict

    single = len(parts) == 1
    if single:
        parts = {"train": next(iter(parts.values()))}
    elif "train" not in parts:
        raise ValueError(f"the splits are {', '.join(parts)}: none of them is called 'train'")
    parts = _with_classes(parts)
    further = [name for name in parts if name not in SPLITS]
    missing = [name for name in SPLITS if name not in parts]
    seen: set[str] = set()
    kept = {}
    for name in ("test", "validation", "train", *further):
        if name in parts:
            where = "" if single else f"{name}: "
            kept[name] = _distinct(parts[name], seen, keep_repeats or name == "test", where)
    count = sum(map(len, kept.values()))
    if missing:
        shuffled = list(kept["train"])
        random.Random(seed).shuffle(shuffled)
        first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
        if len(missing) == 2:
            kept |= {"train": shuffled[:first], "validation": shuffled[first:second]}
            kept["test"] = shuffled[second:]
        else:
            tenth = len(shuffled) // 10
            kept |= {missing[0]: shuffled[:tenth], "train": sorted(shuffled[tenth:])}
    if not all(kept.values()):
        raise ValueError(f"the corpus has {count} texts, too few to split; give at least 10")
    parts = parts | dict.fromkeys(missing, parts["train"])
    _check_labels(parts, kept)
    corpus = DatasetDict()
    for name in (*SPLITS, *further):  # a copy, since reading the rows of a view is slow
        corpus[name] = Dataset(parts[name].data.table.take(kept[name]))
    return corpus


def without_held_out(texts: Iterable[str], corpus: DatasetDict) -> list[str]:
    """The distinct texts that are in neither validation nor test of a corpus, in their order."""
    held_out = {text for name in ("validation", "test") for text in corpus[name]["text"][:]}
    return [text for text in dict.fromkeys(texts) if text not in held_out]


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


def _distinct(rows: Dataset, seen: set[str], keep_repeats: bool, where: str) -> list[int]:
    """The rows to keep, each text once: not blank, not in `seen`, to which the texts are added."""
    if rows.features["text"].dtype not in ("string", "large_string", "null"):
        raise ValueError(f"the column of texts is {rows.features['text']}, not text; name another")
    texts: list[Any] = rows["text"][:]
    labels = rows["label"][:] if "label" in rows.features else [None] * len(texts)
    labels_of: dict[str, set[int | None]] = defaultdict(set)
    for text, label in zip(texts, labels, strict=True):
        if text and text.strip() and text not in seen:
            labels_of[text].add(label)
    seen.update(labels_of)
    if keep_repeats:
        kept = [row for row, text in enumerate(texts) if text in labels_of]
    else:  # the first row of each text that has one label
        kept = [row for row, text in enumerate(texts) if len(labels_of.pop(text, ())) == 1]
    if "label" in rows.features and len(kept) < len(texts):
        print(
            f"{where}{len(texts) - len(kept)} of {len(texts)} rows are left out: they have no "
            "text, repeat one, or give one text two labels"
        )
    return kept


def _with_classes(parts: dict[str, Dataset]) -> dict[str, Dataset]:
    """The labels, if any, as a `ClassLabel`, the same in every split; None for a missing one."""
    from datasets import ClassLabel

    feature = parts["train"].features.get("label")
    if feature is None or isinstance(feature, ClassLabel):
        return parts
    columns = {name: rows["label"][:] for name, rows in parts.items()}
    names = sorted({label for column in columns.values() for label in column} - {None, ""})
    classes = ClassLabel(names=[str(name) for name in names])
    ids = {name: number for number, name in enumerate(names)}
    return {
        name: rows.remove_columns("label").add_column(
            "label", [ids.get(label) for label in columns[name]], feature=classes
        )
        for name, rows in parts.items()
    }


def _check_labels(parts: dict[str, Dataset], kept: dict[str, list[int]]) -> None:
    """Refuse labels that nothing can be learned from or judged by."""
    if "label" not in parts["train"].features:
        return
    name_of = dict(enumerate(parts["train"].features["label"].names))
    in_train = name_of.keys() & parts["train"].select(kept["train"])["label"][:]
    for name in SPLITS:
        rows = parts[name].select(kept[name])
        for text, label in zip(rows["text"][:], rows["label"][:], strict=True):
            if label not in in_train:
                raise ValueError(
                    f"the label of {text[:40]!r} in {name} is {name_of.get(label, label)!r}, and "
                    f"those to learn are {[name_of[each] for each in sorted(in_train)]}; "
                    "correct it, leave the text out, give more examples or load without labels"
                )
