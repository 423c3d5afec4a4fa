"""The datasets that need no network: names of many languages, and Python's own manual."""

from __future__ import annotations

import csv
from collections import Counter, defaultdict
from importlib import resources

from intro_lm.checks import require_choice
from intro_lm.data.splits import split, without_held_out

# Origins that are a country and not a language (see names.md).
COUNTRIES = {
    "Algeria", "India", "Ireland", "Kenya", "New Zealand", "Nigeria", "Pakistan", "Thailand",
}  # fmt: skip
LANGUAGES = 14  # that `name_origins` tells apart


def names(kind: str = "given") -> list[str]:
    """Distinct bundled names of one kind (`given` or `family`), in alphabetical order."""
    require_choice(("given", "family"), kind=kind)
    return sorted({row["name"] for row in _rows() if row["kind"] == kind})


def name_origins() -> tuple[list[str], list[str]]:
    """Names listed under one origin only, and their language, in alphabetical order.

    They are given and family names of the 14 languages that have most such names. A name that is in
    a second list, even a country's, is left out. The label says which list has the name, and
    nothing about any person.
    """
    origins = defaultdict(set)
    for row in _rows():
        origins[row["name"]].add(row["origin"])
    single = {name: next(iter(found)) for name, found in origins.items() if len(found) == 1}
    counts = Counter(origin for origin in single.values() if origin not in COUNTRIES)
    languages = {language for language, _ in counts.most_common(LANGUAGES)}
    pairs = sorted((name, origin) for name, origin in single.items() if origin in languages)
    return [name for name, _ in pairs], [origin for _, origin in pairs]


def unlabelled_names() -> list[str]:
    """All bundled names but those that name-origins validates and tests on, to pretrain on."""
    texts, labels = name_origins()
    every_name = sorted({row["name"] for row in _rows()})
    return without_held_out(every_name, split(texts, labels=labels))


def python_reference() -> list[str]:
    """The topics of the Python language reference, as the running interpreter holds them."""
    from pydoc_data.topics import topics

    return [topics[topic] for topic in sorted(topics)]


def _rows() -> list[dict[str, str]]:
    table = resources.files("intro_lm.data") / "names.csv"
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
