"""The checks of the exercises 02.file and 02.own: what is demanded of a corpus and a score."""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import torch

from intro_lm import data
from intro_lm.evaluation import evaluate_bits
from intro_lm.exercises.comparing import Answer, NotYet, call
from intro_lm.exercises.splits_02 import demand_once, parts_of, reseed
from intro_lm.exercises.values import show
from intro_lm.models import KneserNey

STRETCH = 40  # characters, as in the notebook
MOST_SHARED = 0.25  # of the validation stretches may stand in training texts too
GOAL = 0.95  # of the 3-gram's bits per character


def load(answer: Answer, rows: list[str], ending: str, column: str) -> tuple[Any, dict[str, str]]:
    """What the answer makes of a file with these texts, and the file as a message shows it."""
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
    if type(got) not in (tuple, list) or len(got) != 2:
        raise NotYet("It should return two things, corpus and vocabulary", inputs)
    return got, inputs


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


def demand_clean(parts: dict[str, list[str]], inputs: dict[str, str]) -> None:
    """Demand texts without blank ones and without white space to tidy up."""
    for name, part in parts.items():
        for text in part:
            case = inputs | {"in": name, "text": show(text)}
            if not text.strip():
                raise NotYet("A blank text is no text; leave it out", case)
            if text != text.strip():
                raise NotYet("White space stands at the ends of a text; take it off", case)
            if text != " ".join(text.split()):
                raise NotYet(
                    "Inside a text a run of white space should be one space. `strip` sees only the "
                    "ends; `split` without arguments cuts at every run",
                    case,
                )


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


def demand_size(parts: dict[str, list[str]]) -> None:
    """Demand as many texts and characters as make a score mean something, and no more."""
    texts = sum(map(len, parts.values()))
    characters = sum(len(text) for part in parts.values() for text in part)
    case = {"got": f"{texts:,} texts, {characters:,} characters"}
    if texts < 200 or characters < 20_000:
        raise NotYet(
            "That is too small for a score that means something: 200 texts and 20,000 characters "
            "is the least",
            case,
        )
    if characters > 300_000:
        raise NotYet("That takes too long to check: use a part of 300,000 characters", case)
    if len(parts["validation"]) < texts / 20:
        raise NotYet("Validation should hold at least a twentieth of the texts", case)


def demand_network(model: Any) -> None:
    """Demand a module with weights."""
    if not isinstance(model, torch.nn.Module):
        raise NotYet("The third thing should be the trained network", {"got": show(model)})
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise NotYet("The model has no weights that are trained; a network is asked for")


def demand_no_leak(parts: dict[str, list[str]]) -> None:
    """Demand that validation and test are new, but for white space and capitals."""
    place: dict[str, str] = {}
    for name, part in parts.items():
        for text in part:
            other = place.setdefault(" ".join(text.split()).lower(), name)
            if other != name:
                raise NotYet(
                    f"A text leaks: it stands in {other} and in {name}, white space and capitals "
                    "aside. Drop repeats before you split",
                    {"text": show(text)},
                )
    learned = set(_stretches(parts["train"], 1))
    asked = _stretches(parts["validation"] + parts["test"], 7)
    share = sum(stretch in learned for stretch in asked) / max(len(asked), 1)
    if share > MOST_SHARED:
        raise NotYet(
            f"Of the stretches of {STRETCH} characters in validation and test, {share:.0%} stand "
            f"in training texts too, and {MOST_SHARED:.0%} is the most. Do texts quote each "
            "other, or were they cut so that they overlap? Cut smaller and drop repeats, or split "
            "by document"
        )


def _stretches(texts: list[str], step: int) -> list[str]:
    return [text[n : n + STRETCH] for text in texts for n in range(0, len(text) - STRETCH, step)]


def demand_score(
    model: torch.nn.Module, vocabulary: Any, learn: list[str], check: list[str], counted: float
) -> None:
    """Demand that the network beats the 3-gram's bits per character on the validation texts."""
    try:
        bits, learned = (evaluate_bits(model, vocabulary, texts) for texts in (check, learn))
    except (ValueError, RuntimeError, IndexError, TypeError) as error:
        raise NotYet(
            "The network could not be measured with this vocabulary: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}"
        ) from None
    if not bits <= GOAL * counted:
        if learned < bits * GOAL:
            why = (
                "It is much better on training texts: it learned them by heart. Fewer steps, a "
                "smaller network or more data help"
            )
        else:
            why = (
                "It is no better on training texts, so it can still learn: more steps, another "
                "learning rate, a longer context"
            )
        raise NotYet(
            f"The network needs {GOAL * counted:.2f} bits per character and has {bits:.2f}. {why}",
            {
                "3-gram": f"{counted:.2f} bits per character",
                "network": f"{bits:.2f}",
                "on training texts": f"{learned:.2f}",
            },
        )


def _look_into(answer: Answer, rows: list[str], ending: str, column: str) -> dict[str, list[str]]:
    (corpus, vocabulary), inputs = load(answer, rows, ending, column)
    parts = parts_of(corpus, inputs, "The corpus")
    demand_corpus(corpus, parts, inputs)
    demand_clean(parts, inputs)
    cleaned = [text for row in rows if (text := " ".join(row.split()))]
    demand_once(parts, cleaned, inputs, "cleaning and splitting should lose none")
    demand_encodes(vocabulary, parts, inputs)
    return parts


REVIEWS = [f"film {n} is {'good' if n % 3 else 'long'} {chr(0x391 + n)}" for n in range(16)]


def clean_file(answer: Answer) -> None:
    """a CSV file of 16 clean texts, each with a character that no other has"""
    _look_into(answer, REVIEWS, ".csv", "review")


def untidy_file(answer: Answer) -> None:
    """a CSV file with white space to tidy up, blank texts, and texts that repeat but for that"""
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
            "Each call gives other splits, so that no result could be repeated; give the split a "
            "seed",
            {"test at first": show(found[0]), "test then": show(found[1])},
        )


LAST: list[Any] = []  # what the answer gave in the first check, for those after it


def own_corpus(answer: Answer) -> None:
    """that the corpus has three splits, a fitting size, and a vocabulary that can encode it"""
    got = call(answer)
    if type(got) not in (tuple, list) or len(got) != 3:
        raise NotYet("It should return three things: corpus, vocabulary and network")
    corpus, vocabulary, model = got
    parts = parts_of(corpus, {}, "The corpus")
    demand_corpus(corpus, parts, {})
    demand_size(parts)
    demand_encodes(vocabulary, parts, {})
    demand_network(model)
    LAST[:] = [parts, vocabulary, model]


def own_splits(answer: Answer) -> None:
    """that nothing leaks: no text in two splits, and few stretches of 40 characters"""
    demand_no_leak(LAST[0])


def own_score(answer: Answer) -> None:
    """that on the validation texts the network is 5% better than a 3-gram of characters"""
    parts, vocabulary, model = LAST
    learn, check = parts["train"], parts["validation"]
    characters = data.Vocabulary.from_texts(text for part in parts.values() for text in part)
    table = KneserNey(len(characters), 3).fit(*data.context_windows(characters, learn, 2))
    counted = evaluate_bits(table, characters, check)
    demand_score(model, vocabulary, learn[: len(check)], check, counted)
