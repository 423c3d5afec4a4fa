"""Exercise 02.bits: a loss that compares across vocabularies."""

from __future__ import annotations

import math

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def bits_per_character(nats_per_token: float, tokens: int, texts: list[str]) -> float:
    """Turn a loss into one that compares across vocabularies.

    Args:
        nats_per_token: the mean loss of all predicted tokens.
        tokens: how many these are, the end of each text among them.
        texts: the texts that they make up.

    Returns:
        Bits per character, where the end of each text counts as one character.
    """
    characters = sum(len(text) + 1 for text in texts)
    return nats_per_token / math.log(2) * tokens / characters


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


MISTAKES = (
    Mistake(_nats, "This is in nats; a bit is ln 2 nats"),
    Mistake(_times_log, "A bit is smaller than a nat, so there are more bits than nats: divide"),
    Mistake(_per_token, "This is per token, and the tokens here are longer than a character"),
    Mistake(
        _upside_down,
        "The fraction is upside down: loss times tokens is the total, and the characters share it",
    ),
    Mistake(_without_ends, "The end of each text is predicted too and counts as a character"),
    Mistake(_per_text, "This divides by the number of texts; count their characters"),
    Mistake(_log_of_ten, "This takes logarithms to base 10"),
)


def bits_of_one_text(answer: Answer) -> None:
    """one text: seven characters in three pieces, and its end"""
    compare(answer, bits_per_character, (3.0, 4, ["lowest,"]), MISTAKES)


def bits_of_texts(answer: Answer) -> None:
    """several texts of different lengths, including an empty one"""
    for tokens, texts in ((6, ["a", "newest", ""]), (40, ["über " * 20, "x"])):
        compare(answer, bits_per_character, (2.5, tokens, texts), MISTAKES)


BITS = Exercise(
    name="02.bits",
    solved_by=bits_per_character,
    why=(
        "The mean times the number of tokens is the total cost of the texts, in nats. Totals can "
        "be compared however the texts were cut into tokens. Divide by ln 2 to get bits, then by "
        "the number of characters, which is the same for every vocabulary."
    ),
    hints=(
        "How many nats do all tokens cost together?",
        "A bit is ln 2 nats, `math.log(2)`, so there are more bits than nats.",
        "Divide by `sum(len(text) + 1 for text in texts)`: the 1 is for the end.",
    ),
    checks=(bits_of_one_text, bits_of_texts),
    mistakes=MISTAKES,
)
