"""Seeded train, validation and test splits, no text in two of them; and few labels."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import TYPE_CHECKING

from intro_lm.checks import require_count

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, Features
    from pandas import DataFrame

SPLIT_SEED = 42  # the seed of the makemore lectures, so that the same list gives the same splits
SPLITS = ("train", "validation", "test")
MIXED = "the labels must be all strings or all whole numbers"


def split(
    texts: Iterable[str],
    seed: int = SPLIT_SEED,
    *,
    labels: Iterable[str | int] | None = None,
    keep_repeats: bool = False,
) -> DatasetDict:
    """Shuffle a copy of the texts and split it 80/10/10 into train, validation and test.

    Blank texts are left out, and a repeated text is kept once: in two splits, it would be tested
    after training on it. With labels, texts with two labels are left out too, and the number of
    lost rows is printed. Too few texts, or a label that is missing or not in the training split,
    raise a `ValueError`.

    Args:
        seed: which shuffle.
        labels: one per text, all strings or all whole numbers; they become a `ClassLabel` whose
            names are the sorted labels.
        keep_repeats: to compare with others' numbers; the splits then leak.
    """
    from datasets import Dataset

    columns = {"text": list(texts)} | ({} if labels is None else {"label": list(labels)})
    try:
        rows = Dataset.from_dict(columns)
    except (TypeError, ValueError) as error:  # from pyarrow: mixed types, half characters
        raise ValueError(f"each text must be a string, {MIXED}: {error}") from None
    return arrange({"train": rows}, seed, keep_repeats)


def split_in_order(text: str) -> DatasetDict:
    """The first nine tenths of a text to train on, the last tenth to validate, one row each.

    This is how char-rnn, nanoGPT and others cut a running text, whose parts can't be shuffled. They
    keep no test split, and nor do we: with a third part, our numbers wouldn't compare with theirs.
    """
    from datasets import Dataset, DatasetDict

    cut = len(text) * 9 // 10
    parts = {"train": text[:cut], "validation": text[cut:]}
    return DatasetDict({name: Dataset.from_dict({"text": [part]}) for name, part in parts.items()})


def arrange(
    parts: dict[str, Dataset], seed: int = SPLIT_SEED, keep_repeats: bool = False
) -> DatasetDict:
    """Train, validation and test of a source that comes with its own splits.

    Its test split keeps its repeats, so that results compare with others' results. Then
    validation, train and any further split keep each text once, without texts of an earlier split.
    A single split is cut 80/10/10. If validation or test is missing, it is a tenth of train. Rows
    whose text is blank or has two labels are left out; with labels, their number is printed.
    """
    from datasets import Dataset, DatasetDict

    single = len(parts) == 1
    if single:
        parts = {"train": next(iter(parts.values()))}
    elif "train" not in parts:
        raise ValueError(f"the splits are {', '.join(parts)}: none is called 'train'")
    further = [name for name in parts if name not in SPLITS]
    missing = [name for name in SPLITS if name not in parts]
    frames, features = _frames(parts)
    seen: set[str] = set()
    for name in ("test", "validation", "train", *further):
        if name in frames:
            where = "" if single else f"{name}: "
            frames[name] = _distinct(frames[name], seen, keep_repeats or name == "test", where)
    count, train = sum(map(len, frames.values())), frames["train"]
    rows = list(range(len(train)))
    random.Random(seed).shuffle(rows)
    for name, kept in zip(reversed(missing), (0.9, 0.8), strict=False):
        cut = int(kept * len(train))
        frames[name], rows = train.iloc[rows[cut:]], rows[:cut]
    if missing:
        frames["train"] = train.iloc[rows]
    if not all(map(len, frames.values())):
        raise ValueError(f"the corpus has {count} texts, too few to split; give at least 10")
    if "label" in features:
        _check_labels(frames, features["label"].names)
    return DatasetDict(
        {
            name: Dataset.from_pandas(frames[name], features, preserve_index=False)
            for name in (*SPLITS, *further)
        }
    )


def without_held_out(texts: Iterable[str], corpus: DatasetDict) -> list[str]:
    """The distinct texts that are in neither validation nor test of a corpus, in their order."""
    held_out = {text for name in ("validation", "test") for text in corpus[name]["text"][:]}
    return [text for text in dict.fromkeys(texts) if text not in held_out]


def class_names(rows: Dataset) -> list[str]:
    """The names of the classes, in the order of their ids.

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
        raise ValueError(f"all {len(rows)} texts are of one class; a classifier needs two")
    return list(feature.names)


def few_labels(rows: Dataset, per_class: int, seed: int = 0) -> Dataset:
    """The same number of texts of each class, drawn at random, in their order in `rows`.

    `seed` decides which; with the same one, a larger draw holds the smaller ones. Fewer than two
    classes, or a class with too few texts, raise a `ValueError`.
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


def _frames(parts: dict[str, Dataset]) -> tuple[dict[str, DataFrame], Features]:
    """The rows of each split, their labels as class ids, and the features they will have."""
    from datasets import ClassLabel, Features, Value

    for rows in parts.values():
        if rows.features["text"].dtype not in ("string", "large_string", "null"):
            found = rows.features["text"]
            raise ValueError(f"the column of texts is {found}, not text; name another")
    frames = {name: rows.to_pandas() for name, rows in parts.items()}
    columns = {"text": Value("string")}
    if "label" in parts["train"].features:
        kinds = [rows.features["label"] for rows in parts.values()]
        if any(isinstance(kind, ClassLabel) for kind in kinds):
            if kinds.count(kinds[0]) < len(kinds):
                raise ValueError(f"the splits differ in their classes: {kinds}; load without label")
            columns["label"] = kinds[0]
        else:
            labels = {name: rows["label"][:] for name, rows in parts.items()}
            names = {label for found in labels.values() for label in found} - {None, ""}
            if {type(name) for name in names} not in ({str}, {int}, {bool}):
                raise ValueError(f"{MIXED}; they are of the types {list(map(str, kinds))}")
            ids = {name: number for number, name in enumerate(sorted(names))}
            for name, found in labels.items():
                frames[name]["label"] = [ids.get(label) for label in found]
            columns["label"] = ClassLabel(names=[str(name) for name in ids])
    return frames, Features(columns)


def _distinct(frame: DataFrame, seen: set[str], keep_repeats: bool, where: str) -> DataFrame:
    """Keep each text once if it isn't blank or in `seen`; `seen` gets the texts."""
    texts = frame["text"].fillna("")
    kept = frame[(texts.map(str.strip) != "") & ~texts.isin(seen)]
    seen.update(kept["text"])
    if not keep_repeats:
        if "label" in kept:
            labels = kept.groupby("text")["label"].transform("nunique", dropna=False)
            kept = kept[labels == 1]
        kept = kept.drop_duplicates("text")
    if "label" in kept and len(kept) < len(frame):
        print(
            f"{where}{len(frame) - len(kept)} of {len(frame)} rows are left out: they have no "
            "text, repeat one, or give one text two labels"
        )
    return kept


def _check_labels(frames: dict[str, DataFrame], classes: list[str]) -> None:
    """Refuse labels that are missing or that no training row has."""
    name_of = dict(enumerate(classes))
    in_train = sorted(set(frames["train"]["label"]) & name_of.keys())
    for name in SPLITS:
        frame = frames[name]
        for text, label in frame[~frame["label"].isin(in_train)].itertuples(index=False):
            shown = None if label != label else name_of.get(label, int(label))  # NaN: no label
            raise ValueError(
                f"the label of {text[:40]!r} in {name} is {shown!r}, and those to learn are "
                f"{[name_of[each] for each in in_train]}; correct it, leave the text out, give "
                "more examples or load without labels"
            )
