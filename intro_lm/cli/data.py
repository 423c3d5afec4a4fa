"""`python -m intro_lm data`: list, fetch and show datasets."""

import argparse

from intro_lm import data

COLUMNS = ("name", "here", "size", "licence", "source")


def add_flags(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every dataset, its licence and source, and whether it is here")
    for action, purpose in (("fetch", "bring into the cache"), ("show", "sizes, labels, examples")):
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
    if options.action == "fetch":
        print(f"{options.name} is here")
        return 0
    for split, rows in corpus.items():
        print(f"{split}: {len(rows):,} texts, {sum(map(len, rows['text'])):,} characters")
    print(corpus["train"].features)
    for example in corpus["train"].select(range(3)):
        print({name: str(value)[:80] for name, value in example.items()})
    return 0
