"""What we require of any corpus: its splits, its texts, its vocabulary."""

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
    """Put every global random generator into another state, as if in another kernel."""
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - an answer may draw from it
    torch.manual_seed(seed)


def parts_of(got: Any, inputs: dict[str, str], whole: str = "It") -> dict[str, list[str]]:
    """The texts of each split, of a dictionary of lists or a `DatasetDict`."""
    from datasets import Dataset

    if not isinstance(got, dict):
        raise NotYet(f"{whole} should be a dictionary of splits", inputs | {"got": show(got)})
    if set(keys := [str(key) for key in got]) != set(SPLITS):
        raise NotYet(
            f"The splits should be called {', '.join(SPLITS)}", inputs | {"got": ", ".join(keys)}
        )
    parts = {}
    for name in SPLITS:
        part = got[name]
        if isinstance(part, Dataset):
            if "text" not in part.column_names:
                raise NotYet(
                    f"The texts of a corpus belong in a column called text, but {name} has none",
                    inputs | {"columns": ", ".join(part.column_names)},
                )
            part = part["text"][:]
        texts = plain(part.tolist() if isinstance(part, np.ndarray) else part)
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise NotYet(f"The split {name} should hold texts", inputs | {"got": show(part)})
        parts[name] = texts
    return parts


def demand_once(
    parts: dict[str, list[str]], texts: Sequence[str], inputs: dict[str, str], lost: str
) -> None:
    """Require that each text is in one split, once."""
    split_of: dict[str, str] = {}
    for name, part in parts.items():
        for text in part:
            if text in split_of:
                other = split_of[text]
                where = f"in {other} and {name}: it leaks"
                if other == name:
                    where = f"twice in {name}: keep each text once"
                raise NotYet(f"A repeated text is {where}", inputs | {"text": show(text)})
            split_of[text] = name
    missing = [text for text in texts if text not in split_of]
    if missing:
        raise NotYet(
            f"{len(missing)} of {len(set(texts))} texts are in no split: {lost}",
            inputs | {"the first": show(missing[0])},
        )
    known = set(texts)
    strange = [text for text in split_of if text not in known]
    if strange:
        raise NotYet("A split holds a text that was not given", inputs | {"text": show(strange[0])})


def demand_corpus(corpus: Any, parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Require a `DatasetDict` without an empty split."""
    from datasets import DatasetDict

    if not isinstance(corpus, DatasetDict):
        raise NotYet(
            "The corpus should be a `datasets.DatasetDict`", inputs | {"got": show(corpus)}
        )
    for name, part in parts.items():
        if not part:
            raise NotYet(f"The split {name} is empty", inputs)


def demand_encodes(vocabulary: Any, parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Require one of the package's vocabularies that can encode every text."""
    if not isinstance(vocabulary, data.Vocabulary | data.Subwords):
        raise NotYet("The vocabulary should be one from the package", {"got": show(vocabulary)})
    for name, part in parts.items():
        for text in part:
            try:
                vocabulary.encode(text)
            except ValueError:
                raise NotYet(
                    f"The vocabulary can't encode a text of {name}. Build it from all splits; "
                    "characters aren't counts, so nothing leaks",
                    inputs | {"text": show(text)},
                ) from None
