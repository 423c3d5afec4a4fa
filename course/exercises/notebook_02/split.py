"""Exercise 02.split: a split that doesn't leak."""

from __future__ import annotations

import random
from collections.abc import Sequence

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, attempt, call
from course.exercises.notebook_02.corpora import demand_once, parts_of, reseed
from course.exercises.values import show


def split_by_document(texts: list[str], documents: list[str], seed: int) -> dict[str, list[str]]:
    """Split texts about 80/10/10, so that no text and no document stands in two splits.

    Args:
        texts: n texts. One may occur several times, also in different documents.
        documents: n names: the document that each text comes from.
        seed: which split; the same arguments always give the same.

    Returns:
        {"train": …, "validation": …, "test": …}, lists of texts. Each different text stands there
        once; one that occurs in several documents goes with any of them.
    """
    home: dict[str, str] = {}
    for text, document in zip(texts, documents, strict=True):
        home.setdefault(text, document)  # a text that repeats stays with the first
    names = sorted(set(home.values()))  # sorted: a set's order differs from process to process
    generator = torch.Generator().manual_seed(seed)
    order = [names[n] for n in torch.randperm(len(names), generator=generator).tolist()]
    first, second = int(0.8 * len(order)), int(0.9 * len(order))
    split_of = {}
    for number, document in enumerate(order):
        name = "train" if number < first else "validation" if number < second else "test"
        split_of[document] = name
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for text, document in home.items():
        parts[split_of[document]].append(text)
    return parts


def _documents(count: int) -> list[tuple[str, str]]:
    """Rows (text, document): 1 to 7 texts for each document, some twice, and some shared."""
    rows = []
    for n in range(count):
        name = f"doc{n}"
        rows += [(f"{name} part {part}", name) for part in range(1 + n * 5 % 7)]
        if n % 4 == 0:
            rows.append((f"{name} part 0", name))
        if n % 5 < 2:
            rows.append((f"see also {n // 5}", name))
    return rows


def _look_at(answer: Answer, rows: list[tuple[str, str]], seed: int = 0) -> dict[str, list[str]]:
    texts, documents = [row[0] for row in rows], [row[1] for row in rows]
    inputs = {"texts": show(texts), "documents": show(documents), "seed": str(seed)}
    parts = parts_of(call(answer, texts, documents, seed), inputs)
    demand_once(parts, texts, inputs, "did the cuts lose them, or the repeats?")
    demand_whole_documents(parts, rows, inputs)
    return parts


def nothing_leaks(answer: Answer) -> None:
    """that no text or document is in two splits, and each text once, for ten documents"""
    for seed in range(3):
        _look_at(answer, _documents(10), seed)


def fractions(answer: Answer) -> None:
    """the same for 500 documents, and fractions of about 80, 10 and 10 percent"""
    parts = _look_at(answer, _documents(500))
    total = sum(map(len, parts.values()))
    found = {name: len(part) / total for name, part in parts.items()}
    for name, fraction in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        if abs(found[name] - fraction) > 0.05:
            raise NotYet(
                f"{name} should hold about {fraction:.0%} of the texts",
                {"got": ", ".join(f"{key} {value:.0%}" for key, value in found.items())},
            )


def seeded(answer: Answer) -> None:
    """that the seed alone decides: the same split in every kernel, another for another seed"""
    rows = _documents(40)
    texts, documents = [row[0] for row in rows], [row[1] for row in rows]

    def test_split(seed: int) -> list[str]:
        reseed(random.randrange(2**31))
        return sorted(parts_of(call(answer, texts, documents, seed), {})["test"])

    once, again = test_split(0), test_split(0)
    case = {"seed": "0, twice", "test, first call": show(once), "test, second call": show(again)}
    if once != again:
        raise NotYet(
            "The same seed gives two different splits. Draw from `random.Random(seed)`, or from "
            "another generator of your own",
            case,
        )
    if all(test_split(seed) == once for seed in (1, 2, 3)):
        raise NotYet(
            "Every seed gives the same split; shuffle the documents with it", {"seed": "0–3"}
        )
    for salt in range(3):
        other = attempt(answer, salted(texts, salt), salted(documents, salt), 0)
        if isinstance(other, dict) and sorted(parts_of(other, {})["test"]) != once:
            raise NotYet(
                "In another Python process the same seed would give another split: the order of "
                "a `set` of texts, and the `hash` of a text, differ from process to process. "
                "Sort, or use `dict.fromkeys`",
                {"seed": "0"},
            )


def demand_whole_documents(
    parts: dict[str, list[str]], rows: list[tuple[str, str]], inputs: dict[str, str]
) -> None:
    """Require that no document's own texts are in two splits."""
    homes: dict[str, set[str]] = {}
    for text, document in rows:
        homes.setdefault(text, set()).add(document)
    split_of: dict[str, tuple[str, str]] = {}
    for name, part in parts.items():
        for text in part:
            if len(homes[text]) > 1:
                continue
            (document,) = homes[text]
            other, earlier = split_of.setdefault(document, (name, text))
            if other != name:
                raise NotYet(
                    f"The document {document!r} is in two splits: its paragraphs in one tell what "
                    "the others are about. Draw documents, not paragraphs",
                    inputs | {other: show(earlier), name: show(text)},
                )


def salted(texts: Sequence[str], salt: int) -> list[str]:
    """The same texts, with hashes as another Python process would have them."""

    class Text(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash((salt, str.__str__(self)))

    return [Text(text) for text in texts]


SPLIT = Exercise(
    name="02.split",
    solved_by=split_by_document,
    why=(
        "No document may be in two splits, so we draw documents, and their texts follow. Before "
        "that, each repeated text goes to the first document that has it. The generator belongs "
        "to this call alone, so nothing that ran before matters. `sorted` gives the same list in "
        "every process; a set would not."
    ),
    hints=(
        "What must be shuffled and cut, texts or documents? And what happens to a text that "
        "occurs in two documents?",
        "First give each text one document: a dictionary with `setdefault(text, document)` "
        "keeps the first.",
        "Sort the documents, shuffle them (`random.Random(seed).shuffle`, or `torch.randperm` "
        "with a generator), and cut at `int(0.8 * n)` and `int(0.9 * n)`.",
        "With a dictionary from document to split, one loop over the texts sends each to "
        "`parts[split_of[document]]`.",
    ),
    checks=(nothing_leaks, fractions, seeded),
)
