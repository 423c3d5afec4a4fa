"""The checks of the exercise 02.split, and what is demanded of the splits of any corpus."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from intro_lm.exercises.comparing import Answer, NotYet, attempt, call
from intro_lm.exercises.values import plain, show


def _documents(count: int) -> list[tuple[str, str]]:
    """Rows (text, document): 1 to 7 texts of each document's own, some twice, and shared ones."""
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
    demand_once(parts, texts, inputs, "where did the cuts, or the repeats, take them?")
    demand_whole_documents(parts, rows, inputs)
    return parts


def nothing_leaks(answer: Answer) -> None:
    """that no text and no document stands in two splits, and each text once, of ten documents"""
    for seed in range(3):
        _look_at(answer, _documents(10), seed)


def shares(answer: Answer) -> None:
    """the same with 500 documents, and that the shares are about 80, 10 and 10 percent"""
    parts = _look_at(answer, _documents(500))
    total = sum(map(len, parts.values()))
    found = {name: len(part) / total for name, part in parts.items()}
    for name, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        if abs(found[name] - share) > 0.05:
            raise NotYet(
                f"{name} should hold about {share:.0%} of the texts",
                {"got": ", ".join(f"{key} {value:.0%}" for key, value in found.items())},
            )


def seeded(answer: Answer) -> None:
    """that the seed alone decides: the same in every kernel, another with another seed"""
    rows = _documents(40)
    texts, documents = [row[0] for row in rows], [row[1] for row in rows]

    def test_split(seed: int) -> list[str]:
        reseed(random.randrange(2**31))
        return sorted(parts_of(call(answer, texts, documents, seed), {})["test"])

    once, again = test_split(0), test_split(0)
    case = {"seed": "0, twice", "test at first": show(once), "test then": show(again)}
    if once != again:
        raise NotYet(
            "The same seed gives two different splits; draw from `random.Random(seed)`, or another "
            "generator of your own",
            case,
        )
    if all(test_split(seed) == once for seed in (1, 2, 3)):
        raise NotYet(
            "Every seed gives the same split; shuffle the documents by it", {"seed": "0–3"}
        )
    for salt in range(3):
        other = attempt(answer, salted(texts, salt), salted(documents, salt), 0)
        if not other.raised and sorted(parts_of(other.value, {})["test"]) != once:
            raise NotYet(
                "In another Python process the same seed would give another split: the order of a "
                "`set` of texts, and what `hash` gives for one, differ from process to process. "
                "Sort, or use `dict.fromkeys`",
                {"seed": "0"},
            )


SPLITS = ("train", "validation", "test")


def reseed(seed: int) -> None:
    """Put every global source of chance into another state, as another kernel would have it."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - an answer may draw from it
    torch.manual_seed(seed)


def parts_of(got: Any, inputs: dict[str, str], whole: str = "It") -> dict[str, list[str]]:
    """The texts of each split, of a dictionary of lists or a `DatasetDict`."""
    from datasets import Dataset

    if not issubclass(type(got), dict):
        found = show(got)
        raise NotYet(f"{whole} should be a dictionary of splits", inputs | {"got": found})
    if (keys := [str(key) for key in dict.keys(got)]) and set(keys) != set(SPLITS):
        raise NotYet(
            f"The splits should be called {', '.join(SPLITS)}", inputs | {"got": ", ".join(keys)}
        )
    parts = {}
    for name in SPLITS:
        part: Any = dict.get(got, name)
        if type(part) is Dataset:
            if "text" not in part.column_names:
                raise NotYet(
                    f"The texts of a corpus stand in a column called text, and {name} has none",
                    inputs | {"columns": ", ".join(part.column_names)},
                )
            part = part["text"][:]
        texts = plain(part)
        if type(texts) is not list or not all(type(text) is str for text in texts):
            raise NotYet(f"The split {name} should hold texts", inputs | {"got": show(part)})
        parts[name] = texts
    return parts


def demand_once(
    parts: dict[str, list[str]], texts: Sequence[str], inputs: dict[str, str], lost: str
) -> None:
    """Demand that each text stands in one split, once."""
    place: dict[str, str] = {}
    for name, part in parts.items():
        for text in part:
            if text in place:
                where = (
                    f"twice in {name}" if place[text] == name else f"in {place[text]} and {name}"
                )
                why = "it leaks" if place[text] != name else "keep each text once"
                raise NotYet(
                    f"A text that repeats stands {where}: {why}", inputs | {"text": show(text)}
                )
            place[text] = name
    missing = [text for text in texts if text not in place]
    if missing:
        raise NotYet(
            f"{len(missing)} of {len(set(texts))} texts stand in no split: {lost}",
            inputs | {"the first": show(missing[0])},
        )
    known = set(texts)
    strange = [text for text in place if text not in known]
    if strange:
        raise NotYet("A split holds a text that nobody gave", inputs | {"text": show(strange[0])})


def demand_whole_documents(
    parts: dict[str, list[str]], rows: list[tuple[str, str]], inputs: dict[str, str]
) -> None:
    """Demand that no document has texts of its own in two splits."""
    homes: dict[str, set[str]] = {}
    for text, document in rows:
        homes.setdefault(text, set()).add(document)
    place: dict[str, tuple[str, str]] = {}
    for name, part in parts.items():
        for text in part:
            if len(homes[text]) > 1:
                continue
            (document,) = homes[text]
            other, earlier = place.setdefault(document, (name, text))
            if other != name:
                raise NotYet(
                    f"The document {document!r} stands in two splits: whoever has read its "
                    "paragraphs in one knows what the others are about. Draw documents, not "
                    "paragraphs",
                    inputs | {other: show(earlier), name: show(text)},
                )


def salted(texts: Sequence[str], salt: int) -> list[str]:
    """The same texts, with hashes as another Python process would have them."""

    class Text(str):
        __slots__ = ()

        def __hash__(self) -> int:
            return hash((salt, str.__str__(self)))

    return [Text(text) for text in texts]
