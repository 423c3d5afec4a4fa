"""Exercise 02.language: the names of one language in a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, NotYet, compare
from course.exercises.values import show

if TYPE_CHECKING:
    import datasets


def names_of(rows: datasets.Dataset, language: str) -> list[str]:
    """The names of one language, in the table's order.

    Args:
        rows: columns `text` and `label`, as in `corpus["train"]`.
        language: one of the label's names, such as "German".
    """
    number = rows.features["label"].str2int(language)
    return rows.filter(lambda row: row["label"] == number)["text"][:]


def _by_text(rows: datasets.Dataset, language: str) -> list[str]:
    return []


def _first_met(rows: datasets.Dataset, language: str) -> list[str]:
    names = rows.features["label"].names
    number = list(dict.fromkeys(rows["label"][:])).index(names.index(language))
    return [row["text"] for row in rows if row["label"] == number]


def _next_label(rows: datasets.Dataset, language: str) -> list[str]:
    number = rows.features["label"].str2int(language) + 1
    return [row["text"] for row in rows if row["label"] == number]


def _without_repeats(rows: datasets.Dataset, language: str) -> list[str]:
    return list(dict.fromkeys(names_of(rows, language)))


def _all_others(rows: datasets.Dataset, language: str) -> list[str]:
    number = rows.features["label"].str2int(language)
    return [row["text"] for row in rows if row["label"] != number]


def _with_labels(rows: datasets.Dataset, language: str) -> list[dict[str, Any]]:
    number = rows.features["label"].str2int(language)
    return [row for row in rows if row["label"] == number]


MISTAKES = (
    Mistake(
        _by_text,
        "Nothing matches. The label is stored as a number: did you compare it with a name? "
        '`rows.features["label"]` translates one into the other',
    ),
    Mistake(_next_label, "These are the names of the next language: labels are numbered from 0"),
    Mistake(_without_repeats, "A name that occurs twice is in the table twice; keep both"),
    Mistake(_all_others, "These are the names of all the other languages"),
    Mistake(_with_labels, "These are whole rows; return only the text of each"),
    Mistake(
        _first_met,
        "The labels are numbered as they occur; ask the feature, which knows their numbers",
    ),
)


def _names(answer: Answer, texts: list[str], labels: list[int], language: str) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    known = ClassLabel(names=["english", "german", "italian", "polish"])
    features = Features({"text": Value("string"), "label": known})
    rows = Dataset.from_dict({"text": texts, "label": labels}, features=features)
    try:
        compare(answer, names_of, (rows, language), MISTAKES)
    except NotYet as found:
        table = {"text": show(texts), "label": show(labels), "label names": show(known.names)}
        raise NotYet(found.message, found.case | table) from None


def four_rows(answer: Answer) -> None:
    """the names of one language in a table of four rows"""
    _names(answer, ["rossi", "smith", "kowalska", "weber"], [2, 0, 3, 1], "german")


def other_languages(answer: Answer) -> None:
    """other languages, one without names, and a name that repeats"""
    for language in ("english", "polish", "german"):
        _names(answer, ["weber", "smith", "braun", "smith", "rossi"], [1, 0, 1, 0, 2], language)


LANGUAGE = Exercise(
    name="02.language",
    solved_by=names_of,
    why=(
        "A `ClassLabel` is stored as a number. Its feature has the names, and `str2int` and "
        "`int2str` go from one to the other. The number of a language is its index in `names`, "
        "whatever occurs in this split. `[:]` turns a column into a list."
    ),
    hints=(
        'What does `rows[0]["label"]` hold, and what does `rows.features["label"]` know?',
        '`rows.features["label"].str2int(language)` is the number to look for.',
        "`rows.filter(lambda row: …)` selects rows; `[:]` turns a column of them into a list.",
    ),
    checks=(four_rows, other_languages),
    mistakes=MISTAKES,
)
