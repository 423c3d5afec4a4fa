"""What a corpus looks like, in a few lines: for `python -m intro_lm data show NAME`."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datasets import DatasetDict

SHOWN = 80  # characters of a text or an alphabet that are shown


def summarise(corpus: DatasetDict, examples: int = 3) -> str:
    """Rows, lengths and labels of each split; the alphabet and a few examples of train."""
    lines = []
    for name, rows in corpus.items():
        lengths = sorted(len(text) for text in rows["text"])
        lines.append(
            f"{name:<13} {len(rows):>9,} rows of {lengths[0]:,} to {lengths[-1]:,} characters, "
            f"{lengths[len(lengths) // 2]:,} in the median, {sum(lengths):,} in all"
        )
    train = corpus["train"]
    alphabet = Counter[str]()
    for text in train["text"]:
        alphabet.update(text)
    shown = "".join(sorted(alphabet))[:SHOWN]
    lines.append(f"{'alphabet':<13} {len(alphabet):>9,} characters in train: {shown!r}")
    if "label" in train.features:
        names = train.features["label"].names
        counts = Counter(train["label"])
        shares = ", ".join(f"{label} {counts[number]:,}" for number, label in enumerate(names))
        lines.append(f"{'labels':<13} {len(names):>9,} classes in train: {shares}")
    for row in train.select(range(min(examples, len(train)))):
        label = f" [{names[row['label']]}]" if "label" in row else ""
        text = row["text"]
        lines.append(f"example{label}: {text[:SHOWN]!r}{' …' if len(text) > SHOWN else ''}")
    return "\n".join(lines)
