"""`python -m intro_lm data`: list, fetch and look at datasets."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import Any

from intro_lm import data

COLUMNS = ("name", "here", "size", "licence", "source")
SHOWN = 80  # characters of a text or an alphabet


def add_flags(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every dataset, its licence and source, and whether it is here")
    for action, purpose in (("fetch", "bring into the cache"), ("show", "rows, lengths, examples")):
        actions.add_parser(action, help=purpose).add_argument("name", metavar="NAME")


def run(options: argparse.Namespace) -> int:
    """Print the catalogue, or fetch one dataset and print what it holds."""
    if options.action == "list":
        rows = [COLUMNS, *([row[column] for column in COLUMNS] for row in data.describe())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        for row in rows:
            cells = (f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip())
        return 0
    corpus = data.load(options.name)
    print(f"{options.name} is here" if options.action == "fetch" else summarise(corpus))
    return 0


def summarise(corpus: Any) -> str:
    """Rows and lengths of each split; the alphabet, the labels and three examples of train."""
    lines = []
    for name, rows in corpus.items():
        lengths = sorted(map(len, rows["text"]))
        lines.append(
            f"{name:<13} {len(rows):>9,} rows of {lengths[0]:,} to {lengths[-1]:,} characters, "
            f"median {lengths[len(lengths) // 2]:,}, {sum(lengths):,} in all"
        )
    train = corpus["train"]
    alphabet = "".join(sorted({character for text in train["text"] for character in text}))
    lines.append(f"{'alphabet':<13} {len(alphabet):>9,} characters: {alphabet[:SHOWN]!r}")
    names = train.features["label"].names if "label" in train.features else []
    if names:
        counts = Counter(names[label] for label in train["label"])
        each = ", ".join(f"{name} {counts[name]:,}" for name in names)
        lines.append(f"{'labels':<13} {len(names):>9,} classes: {each}")
    for row in train.select(range(min(3, len(train)))):
        label, text = f" [{names[row['label']]}]" if names else "", row["text"]
        lines.append(f"example{label}: {text[:SHOWN]!r}{' …' * (len(text) > SHOWN)}")
    return "\n".join(lines)
