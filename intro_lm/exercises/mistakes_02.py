"""The wrong implementations of the exercises of notebook 02 that learners write."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from intro_lm.exercises.comparing import Mistake

if TYPE_CHECKING:
    import datasets


# 02.language


def _by_text(rows: datasets.Dataset, language: str) -> list[str]:
    return []


def _first_met(rows: datasets.Dataset, language: str) -> list[str]:
    names = rows.features["label"].names
    number = list(dict.fromkeys(rows["label"][:])).index(names.index(language))
    return [row["text"] for row in rows if row["label"] == number]


def _all_others(rows: datasets.Dataset, language: str) -> list[str]:
    number = rows.features["label"].str2int(language)
    return [row["text"] for row in rows if row["label"] != number]


def _with_labels(rows: datasets.Dataset, language: str) -> list[dict[str, Any]]:
    number = rows.features["label"].str2int(language)
    return [row for row in rows if row["label"] == number]


LANGUAGE = (
    Mistake(
        _by_text,
        "The label is stored as a number and is compared with a name, so nothing matches; "
        '`rows.features["label"]` translates one into the other',
    ),
    Mistake(_all_others, "These are the names of all the other languages"),
    Mistake(_with_labels, "These are whole rows; of each, only the text is asked for"),
    Mistake(
        _first_met,
        "The numbers follow the order in which labels occur; ask the feature, which knows them",
    ),
)


# 02.bits


def _characters(texts: list[str]) -> int:
    return sum(len(text) + 1 for text in texts)


def _nats(loss: float, tokens: int, texts: list[str]) -> float:
    return loss * tokens / _characters(texts)


def _times_log(loss: float, tokens: int, texts: list[str]) -> float:
    return loss * tokens / _characters(texts) * math.log(2)


def _per_token(loss: float, tokens: int, texts: list[str]) -> float:
    return loss / math.log(2)


def _upside_down(loss: float, tokens: int, texts: list[str]) -> float:
    return loss / math.log(2) * _characters(texts) / tokens


def _without_ends(loss: float, tokens: int, texts: list[str]) -> float:
    return loss / math.log(2) * tokens / sum(map(len, texts))


def _per_text(loss: float, tokens: int, texts: list[str]) -> float:
    return loss / math.log(2) * tokens / len(texts)


def _log_of_ten(loss: float, tokens: int, texts: list[str]) -> float:
    return loss / math.log(10) * tokens / _characters(texts)


BITS = (
    Mistake(_nats, "This is in nats; a bit is ln 2 nats"),
    Mistake(_times_log, "A bit is less than a nat, so the number of bits is the larger: divide"),
    Mistake(_per_token, "This is per token, and the tokens here are longer than a character"),
    Mistake(
        _upside_down,
        "The quotient is upside down: all bits together are loss times tokens, and the characters "
        "share them",
    ),
    Mistake(_without_ends, "The end of each text is predicted too and counts as a character"),
    Mistake(_per_text, "This divides by the number of texts; count their characters"),
    Mistake(_log_of_ten, "This takes logarithms to base 10"),
)
