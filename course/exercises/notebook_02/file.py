"""Exercise 02.file: a file of your own, ready to train on."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call
from course.exercises.notebook_02.corpora import (
    demand_corpus,
    demand_encodes,
    demand_once,
    parts_of,
    reseed,
)
from course.exercises.values import show
from intro_lm import data

if TYPE_CHECKING:
    import datasets


def load_own(path: str, column: str) -> tuple[datasets.DatasetDict, data.Vocabulary]:
    """Load a corpus of one's own, ready to train on.

    Args:
        path: a `.csv` or `.jsonl` file.
        column: the column in which its texts stand.

    Returns:
        The corpus, with the splits `train`, `validation` and `test` and a column `text`, and the
        vocabulary of its characters. In each text every run of white space is one space, and none
        stands at its ends. Blank texts are left out, and no text stands there twice.
    """
    loaded = data.load_file(path, text=column)
    raw = [text for part in loaded.values() for text in part["text"]]
    corpus = data.split([" ".join(text.split()) for text in raw])
    texts = [text for part in corpus.values() for text in part["text"]]
    return corpus, data.Vocabulary.from_texts(texts)


def load(answer: Answer, rows: list[str], ending: str, column: str) -> tuple[Any, dict[str, str]]:
    """What the answer makes of a file with these texts, and how a message shows the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"own{ending}"
        table = [{"id": str(n), column: text} for n, text in enumerate(rows)]
        with path.open("w", encoding="utf-8", newline="") as file:
            if ending == ".csv":
                writer = csv.DictWriter(file, ["id", column])
                writer.writeheader()
                writer.writerows(table)
            else:
                file.writelines(json.dumps(row) + "\n" for row in table)
        inputs = {
            "inputs": f"path = 'own{ending}', column = {column!r}",
            "the file's texts": show(rows),
        }
        got = call(answer, str(path), column)
    if not isinstance(got, tuple | list) or len(got) != 2:
        raise NotYet("It should return two things, corpus and vocabulary", inputs)
    return got, inputs


def demand_clean(parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Require texts that aren't blank and have no white space to tidy up."""
    for name, part in parts.items():
        for text in part:
            case = inputs | {"in": name, "text": show(text)}
            if not text.strip():
                raise NotYet("A blank text isn't a text; leave it out", case)
            if text != text.strip():
                raise NotYet("A text begins or ends with white space; strip it", case)
            if text != " ".join(text.split()):
                raise NotYet(
                    "Inside a text, a run of white space should be one space. `strip` sees only "
                    "the ends; `split` without arguments cuts at every run",
                    case,
                )


def _look_into(answer: Answer, rows: list[str], ending: str, column: str) -> dict[str, list[str]]:
    (corpus, vocabulary), inputs = load(answer, rows, ending, column)
    parts = parts_of(corpus, inputs, "The corpus")
    demand_corpus(corpus, parts, inputs)
    demand_clean(parts, inputs)
    cleaned = [text for row in rows if (text := " ".join(row.split()))]
    demand_once(parts, cleaned, inputs, "cleaning and splitting should lose no text")
    demand_encodes(vocabulary, parts, inputs)
    known = {character for part in parts.values() for text in part for character in text}
    if isinstance(vocabulary, data.Vocabulary) and (strange := {*vocabulary.characters} - known):
        raise NotYet(
            "The vocabulary has characters that no text of the corpus has; build it from the "
            "clean texts",
            inputs | {"extra": show(sorted(strange))},
        )
    return parts


REVIEWS = [f"film {n} is {'good' if n % 3 else 'long'} {chr(0x391 + n)}" for n in range(16)]


def clean_file(answer: Answer) -> None:
    """a CSV file of 16 clean texts, each with a character that no other has"""
    _look_into(answer, REVIEWS, ".csv", "review")


def untidy_file(answer: Answer) -> None:
    """a CSV file with untidy white space, blank texts, and texts that repeat once they are tidy"""
    _look_into(answer, [f"{REVIEWS[0]} ", *REVIEWS[1:]], ".csv", "review")
    _look_into(answer, [*REVIEWS[:12], REVIEWS[12].replace(" ", "  ")], ".csv", "note")
    repeats = [f" {text.replace(' ', chr(10))}\t" for text in REVIEWS[::2]]
    _look_into(answer, [*REVIEWS, " ", *repeats, *REVIEWS[:3]], ".csv", "review")


def jsonl_file(answer: Answer) -> None:
    """a JSONL file"""
    _look_into(answer, [*REVIEWS, f"{REVIEWS[5]} "], ".jsonl", "body")


def same_again(answer: Answer) -> None:
    """that loading the file again gives the same splits"""
    found = []
    for seed in (0, 1, 2):
        reseed(seed)
        found.append(_look_into(answer, REVIEWS, ".csv", "review")["test"])
    if not sorted(found[0]) == sorted(found[1]) == sorted(found[2]):
        raise NotYet(
            "Each call gives different splits, so no result could be repeated. Give the split a "
            "seed",
            {"test, first call": show(found[0]), "test, second call": show(found[1])},
        )


FILE = Exercise(
    name="02.file",
    solved_by=load_own,
    why=(
        "`data.load_file` reads the file and drops blank texts and exact repeats. Cleaning can "
        "make two different texts equal, so we split again after it, with `data.split`, which "
        "has its own seed. The vocabulary takes the characters of all splits: these aren't "
        "counts, and a character that occurs only in a test text must be encoded too."
    ),
    hints=(
        "`data.load_file(path, text=column)` does most of it. Which texts does it keep as "
        "different that are equal once they are clean?",
        '`" ".join(text.split())` cleans a text. Put the texts of all splits into one list, '
        "clean them, and split again with `data.split`.",
        '`[text for part in corpus.values() for text in part["text"]]` lists all texts of a '
        "corpus; `data.Vocabulary.from_texts` takes them.",
    ),
    checks=(clean_file, untidy_file, jsonl_file, same_again),
)
