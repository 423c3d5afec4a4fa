"""What is demanded of any corpus: its splits, its texts, its vocabulary."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from course.exercises.comparing import NotYet
from course.exercises.values import plain, show
from intro_lm import data

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


def demand_corpus(corpus: Any, parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Demand a `DatasetDict` without an empty split."""
    from datasets import DatasetDict

    if type(corpus) is not DatasetDict:
        raise NotYet(
            "The corpus should be a `datasets.DatasetDict`", inputs | {"got": show(corpus)}
        )
    for name, part in parts.items():
        if not part:
            raise NotYet(f"The split {name} is empty", inputs)


def demand_encodes(vocabulary: Any, parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Demand a vocabulary of the package's that can encode every text."""
    if not isinstance(vocabulary, data.Vocabulary | data.Subwords):
        raise NotYet("The vocabulary should be one of the package's", {"got": show(vocabulary)})
    for name, part in parts.items():
        for text in part:
            try:
                vocabulary.encode(text)
            except ValueError:
                raise NotYet(
                    f"The vocabulary can't encode a text of {name}; it takes the characters of "
                    "all three splits (they are no counts, so nothing leaks)",
                    inputs | {"text": show(text)},
                ) from None
