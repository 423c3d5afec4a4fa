"""From rows to train, validation and test: seeded, and no text in two of them."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from intro_lm.data.classes import class_label, require_classes, require_one_label

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

SPLIT_SEED = 42  # the seed of the makemore lectures, so that the same list gives the same splits
SPLITS = ("train", "validation", "test")
SHARES = 10  # a tenth is for validation, a tenth for test


def split(
    texts: Sequence[str],
    seed: int = SPLIT_SEED,
    *,
    labels: Sequence[str | int] | None = None,
    keep_repeats: bool = False,
) -> DatasetDict:
    """Shuffle a copy of the texts and split it 80/10/10 into train, validation and test.

    The result depends on the arguments and nothing else. A repeated text is kept once, since in two
    splits it would be tested on what it was trained on; where there are labels, which then are
    lost, the number of repeats is printed.

    Args:
        texts: what to split.
        seed: which shuffle.
        labels: a label for each text, all strings or all whole numbers; they become a `ClassLabel`
            whose names are the sorted labels.
        keep_repeats: split as others did, to compare with their numbers; the splits then leak.

    Raises:
        ValueError: there are no texts, a split would be empty, a label is missing or of another
            type than the rest or does not occur in the training split, or a text that is to be kept
            once has two labels.
    """
    from datasets import Dataset, DatasetDict, Features, Value

    first: dict[str, int] = {}
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    rows = list(range(len(texts)) if keep_repeats else first.values())
    features = Features({"text": Value("string")})
    if labels is not None:
        features["label"] = class_label(labels)
        if not keep_repeats:
            require_one_label(texts, labels)
        _say_left_out({"repeat a text": len(texts) - len(rows)}, len(texts))
    parts = {}
    for name, chosen in _cut(rows, seed).items():
        columns: dict[str, list[Any]] = {"text": [texts[row] for row in chosen]}
        if labels is not None:
            columns["label"] = [str(labels[row]) for row in chosen]
        parts[name] = Dataset.from_dict(columns, features=features)
    corpus = DatasetDict(parts)
    require_classes(corpus)
    return corpus


def split_in_order(text: str) -> DatasetDict:
    """The first nine tenths of one text to train on, the last tenth for validation.

    This is how char-rnn, nanoGPT and others cut a running text, whose parts can't be shuffled. They
    keep no test split, and neither does this: a third cut would not compare with their numbers.

    Returns:
        A `DatasetDict` with `train` and `validation`, one row each.

    Raises:
        ValueError: the text is too short to have a tenth.
    """
    from datasets import Dataset, DatasetDict

    cut = len(text) * (SHARES - 1) // SHARES
    if not text[:cut]:
        raise ValueError(f"the text has {len(text)} characters; give at least {SHARES}")
    parts = {"train": text[:cut], "validation": text[cut:]}
    return DatasetDict({name: Dataset.from_dict({"text": [part]}) for name, part in parts.items()})


def arrange(parts: dict[str, Dataset], seed: int = SPLIT_SEED) -> DatasetDict:
    """Train, validation and test of a source that comes with splits of its own.

    Its test split is kept as it is, repeats and all, so that results compare with others'. Then
    validation, train and any further split keep each text once and lose what an earlier one holds.
    A single split is cut 80/10/10. Where validation or test is lacking, it is a tenth of train.
    Rows whose text is blank are left out everywhere, and those of a text that a split other than
    test gives two labels. How many labelled rows each split loses, and why, is printed.

    Raises:
        ValueError: there is no training split, a split would be empty, or the labels of the splits
            don't fit together (see `require_classes`).
    """
    from datasets import DatasetDict

    if len(parts) == 1:
        parts = {"train": next(iter(parts.values()))}
    elif "train" not in parts:
        raise ValueError(f"the splits are {', '.join(parts)}: none of them is called 'train'")
    seen: set[bytes] = set()
    order = [*SPLITS, *(name for name in parts if name not in SPLITS)]
    kept = {
        name: _new_rows(name, parts[name], seen, keep_repeats=name == "test")
        for name in ("test", "validation", "train", *order[len(SPLITS) :])
        if name in parts
    }
    missing = [name for name in SPLITS if name not in parts]
    if len(missing) == 2:
        kept.update(_cut(kept["train"], seed))
    elif missing:
        rows = list(kept["train"])
        random.Random(seed).shuffle(rows)
        size = len(rows) // SHARES
        kept[missing[0]], kept["train"] = rows[:size], sorted(rows[size:])
    _require_rows({name: kept[name] for name in order})
    corpus = DatasetDict(
        {name: parts["train" if name in missing else name].select(kept[name]) for name in order}
    )
    require_classes(corpus)
    return corpus


def arrange_stream(parts: dict[str, IterableDataset]) -> IterableDatasetDict:
    """As `arrange`, for rows that pass by once.

    What lacks is taken out of train by a hash of the text, which keeps all copies of a text
    together without remembering any. A split that the source itself made is passed on as it is.

    Raises:
        ValueError: there is no training split.
    """
    from datasets import IterableDatasetDict

    if len(parts) == 1:
        parts = {"train": next(iter(parts.values()))}
    elif "train" not in parts:
        raise ValueError(f"the splits are {', '.join(parts)}: none of them is called 'train'")
    missing = [name for name in SPLITS if name not in parts]
    share = {name: number for number, name in enumerate(missing)}
    streams = dict(parts)
    for name in missing:
        streams[name] = parts["train"].filter(_in_share, fn_kwargs={"shares": [share[name]]})
    rest = [number for number in range(SHARES) if number not in share.values()]
    if missing:
        streams["train"] = parts["train"].filter(_in_share, fn_kwargs={"shares": rest})
    order = [*SPLITS, *(name for name in parts if name not in SPLITS)]
    return IterableDatasetDict({name: streams[name] for name in order})


def _cut(rows: Sequence[int], seed: int) -> dict[str, list[int]]:
    """Shuffle a copy and cut it 80/10/10."""
    if not rows:
        raise ValueError("the corpus is empty: there is no text to split; give at least 10 texts")
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
    parts = dict(
        zip(SPLITS, (shuffled[:first], shuffled[first:second], shuffled[second:]), strict=True)
    )
    _require_rows(parts)
    return parts


def _require_rows(parts: dict[str, list[int]]) -> None:
    empty = [name for name, rows in parts.items() if not rows]
    if empty:
        raise ValueError(
            f"{sum(map(len, parts.values()))} texts are too few to split: {', '.join(empty)} would "
            "be empty; give at least 10 texts"
        )


def _digest(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=12).digest()


def _new_rows(name: str, rows: Dataset, seen: set[bytes], keep_repeats: bool = False) -> list[int]:
    """The rows with a text that was not seen before; digests, since the texts may not fit."""
    labels = list(rows["label"]) if "label" in rows.features else None
    kept: list[int] = []
    own: dict[bytes, int] = {}  # where a text stands first
    repeats: Counter[int] = Counter()  # of the row where the text stands first
    contradicted: set[int] = set()
    blank = row = 0
    for batch in rows.select_columns("text").iter(batch_size=1000):
        for text in batch["text"]:
            if not text or not text.strip():
                blank += 1
            elif (digest := _digest(text)) not in seen:
                first = own.setdefault(digest, row)
                if keep_repeats or first == row:
                    kept.append(row)
                else:
                    repeats[first] += 1
                    if labels and labels[first] != labels[row]:
                        contradicted.add(first)
            row += 1
    seen.update(own)
    if contradicted:
        kept = [row for row in kept if row not in contradicted]
    if labels:
        two = sum(1 + repeats[first] for first in contradicted)
        repeated = row - blank - two - len(kept)
        lost = {"have no text": blank, "repeat a text": repeated, "give a text two labels": two}
        _say_left_out(lost, row, f"{name}: ")
    return kept


def _say_left_out(lost: dict[str, int], rows: int, before: str = "") -> None:
    for reason, count in lost.items():
        if count:
            print(f"{before}{count} of {rows} rows {reason} and are left out")


def _in_share(row: dict[str, Any], shares: list[int]) -> bool:
    return _digest(row["text"])[0] % SHARES in shares
