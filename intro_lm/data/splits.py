"""From rows to train, validation and test: seeded, and no text in two of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from intro_lm.data.labels import check_labels, class_label

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict

SPLIT_SEED = 42  # the seed of the makemore lectures, so that the same list gives the same splits
SPLITS = ("train", "validation", "test")


def split(
    texts: Sequence[str],
    seed: int = SPLIT_SEED,
    *,
    labels: Sequence[str | int] | None = None,
    keep_repeats: bool = False,
) -> DatasetDict:
    """Shuffle a copy of the texts and split it 80/10/10 into train, validation and test.

    The result depends on the arguments and nothing else. Blank texts are left out, and a repeated
    text is kept once, since in two splits it would be tested on what it was trained on. With
    labels, texts that have two of them are left out too, and what is lost is printed.

    Args:
        texts: what to split.
        seed: which shuffle.
        labels: one per text, all strings or all whole numbers; they become a `ClassLabel` whose
            names are the sorted labels.
        keep_repeats: keep every text, to compare with numbers of others; the splits then leak.

    Raises:
        ValueError: there are no texts, a split would be empty, or a label is missing, of another
            type than the rest or not in the training split.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    texts = list(texts)
    rows = list(range(len(texts))) if keep_repeats else _distinct(texts, labels, set())
    features = Features({"text": Value("string")})
    if labels is not None:
        features["label"] = class_label(labels, rows)
    corpus = DatasetDict()
    for name, chosen in _cut(rows, seed).items():
        columns: dict[str, list[Any]] = {"text": [texts[row] for row in chosen]}
        if labels is not None:
            columns["label"] = [str(labels[row]) for row in chosen]
        corpus[name] = Dataset.from_dict(columns, features=features)
    _check_classes(corpus)
    return corpus


def split_in_order(text: str) -> DatasetDict:
    """The first nine tenths of one text to train on, the last tenth for validation.

    This is how char-rnn, nanoGPT and others cut a running text, whose parts can't be shuffled. They
    keep no test split, and neither does this: a third cut would not compare with their numbers.

    Each split is one row. A text too short to have a tenth is a `ValueError`.
    """
    from datasets import Dataset, DatasetDict

    cut = len(text) * 9 // 10
    if not cut:
        raise ValueError(f"the text has {len(text)} characters; give at least 10")
    parts = {"train": text[:cut], "validation": text[cut:]}
    return DatasetDict({name: Dataset.from_dict({"text": [part]}) for name, part in parts.items()})


def arrange(parts: dict[str, Dataset], seed: int = SPLIT_SEED) -> DatasetDict:
    """Train, validation and test of a source that comes with splits of its own.

    Its test split is kept with its repeats, so that results compare with those of others. Then
    validation, train and any further split keep each text once, without those that an earlier one
    holds. A single split is cut 80/10/10. Where validation or test is missing, it is a tenth of
    train. Rows whose text is blank or has two labels are left out. How many labelled rows each
    split loses, and why, is printed.

    Raises:
        ValueError: there is no training split, a split would be empty, or the labels of the splits
            don't fit together.
    """
    from datasets import DatasetDict

    if len(parts) == 1:
        parts = {"train": next(iter(parts.values()))}
    elif "train" not in parts:
        raise ValueError(f"the splits are {', '.join(parts)}: none of them is called 'train'")
    further = [name for name in parts if name not in SPLITS]
    seen: set[str] = set()
    kept = {}
    for name in ("test", "validation", "train", *further):
        if name in parts:
            rows = parts[name]
            labels = rows["label"][:] if "label" in rows.features else None
            kept[name] = _distinct(rows["text"][:], labels, seen, name == "test", f"{name}: ")
    missing = [name for name in SPLITS if name not in parts]
    if len(missing) == 2:
        kept |= _cut(kept["train"], seed)
    elif missing:
        shuffled = list(kept["train"])
        random.Random(seed).shuffle(shuffled)
        tenth = len(shuffled) // 10
        kept[missing[0]], kept["train"] = shuffled[:tenth], sorted(shuffled[tenth:])
    _require_rows(kept)
    source = parts | dict.fromkeys(missing, parts["train"])
    corpus = DatasetDict({name: source[name].select(kept[name]) for name in (*SPLITS, *further)})
    _check_classes(corpus)
    return corpus


def without_held_out(texts: Iterable[str], corpus: DatasetDict) -> list[str]:
    """The distinct texts that are in neither validation nor test of a corpus, in their order."""
    held_out = {text for name in ("validation", "test") for text in corpus[name]["text"][:]}
    return [text for text in dict.fromkeys(texts) if text not in held_out]


def _distinct(
    texts: Sequence[str | None],
    labels: Sequence[Any] | None,
    seen: set[str],
    keep_repeats: bool = False,
    where: str = "",
) -> list[int]:
    """The rows to keep, each text once: not blank, not in `seen`, to which the texts are added."""
    label_of: dict[str, Any] = {}
    kept, two_labels, blank = [], set(), 0
    for row, text in enumerate(texts):
        label = None if labels is None else labels[row]
        if not text or not text.strip():
            blank += 1
        elif text not in seen:
            if keep_repeats or text not in label_of:
                kept.append(row)
            elif label_of[text] != label:
                two_labels.add(text)
            label_of.setdefault(text, label)
    seen.update(label_of)
    kept = [row for row in kept if texts[row] not in two_labels]
    if labels is not None:
        two = sum(text in two_labels for text in texts)
        repeats = len(texts) - len(kept) - blank - two
        lost = {"have no text": blank, "repeat a text": repeats, "give a text two labels": two}
        for reason, count in lost.items():
            if count:
                print(f"{where}{count} of {len(texts)} rows {reason} and are left out")
    return kept


def _cut(rows: Sequence[int], seed: int) -> dict[str, list[int]]:
    """Shuffle a copy and cut it 80/10/10."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
    parts = (shuffled[:first], shuffled[first:second], shuffled[second:])
    cut = dict(zip(SPLITS, parts, strict=True))
    _require_rows(cut)
    return cut


def _require_rows(parts: dict[str, list[int]]) -> None:
    if not any(parts.values()):
        raise ValueError("the corpus is empty: there is no text to split; give at least 10 texts")
    if not all(parts.values()):
        raise ValueError(f"{sum(map(len, parts.values()))} texts are too few to split; give 10")


def _check_classes(corpus: DatasetDict) -> None:
    """Refuse labels that nothing can be learned from or judged by."""
    if "label" not in corpus["train"].features:
        return
    names = check_labels(corpus["train"], " of train")
    for name in ("validation", "test"):
        theirs = check_labels(corpus[name], f" of {name}")
        if theirs != names:
            raise ValueError(
                f"the classes of {name} are {theirs} and those of train {names}; give all splits "
                "the same, in the same order"
            )
        for label in set(corpus[name]["label"][:]) - set(corpus["train"]["label"][:]):
            raise ValueError(
                f"the label {names[label]!r} occurs in {name} and not in train; give more "
                "examples of it or leave it out"
            )
