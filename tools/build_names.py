"""Compile intro_lm/data/names.csv from the person providers of the PyPI package `faker`.

    pip install faker==40.54.0
    python tools/build_names.py

Every list of given or family names of every locale is read from the provider class; nothing is
drawn at random. A name is folded (NFKD, combining marks removed, lower case) and kept if
at least two letters, all of them a to z, are left. Entries of several words or with a hyphen or an
apostrophe are dropped whole, like names in other scripts, so that each row is one plain word.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

FAKER_VERSION = "40.54.0"
OUTPUT = Path(__file__).parent.parent / "intro_lm" / "data" / "names.csv"
PLAIN = re.compile("[a-z]{2,}")

# Where names come from: a language, or a country where the language says little about them.
COUNTRIES = {
    "en_IE": "Ireland", "en_IN": "India", "en_KE": "Kenya", "en_NG": "Nigeria",
    "en_NZ": "New Zealand", "en_PK": "Pakistan", "en_TH": "Thailand", "es_CA": "Catalan",
    "fr_DZ": "Algeria",
}  # fmt: skip
LANGUAGES = {
    "az": "Azerbaijani", "cs": "Czech", "da": "Danish", "de": "German", "en": "English",
    "es": "Spanish", "et": "Estonian", "fi": "Finnish", "fr": "French", "ga": "Irish",
    "ha": "Hausa", "hr": "Croatian", "hu": "Hungarian", "id": "Indonesian", "ig": "Igbo",
    "is": "Icelandic", "it": "Italian", "ja": "Japanese", "lt": "Lithuanian", "lv": "Latvian",
    "nl": "Dutch", "no": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian",
    "sk": "Slovak", "sl": "Slovenian", "sv": "Swedish", "sw": "Swahili", "tr": "Turkish",
    "tw": "Twi", "uz": "Uzbek", "vi": "Vietnamese", "yo": "Yoruba", "zh": "Chinese", "zu": "Zulu",
}  # fmt: skip


def fold(name: str) -> str | None:
    """The name in lower-case a–z, or None if it does not fold to two such letters or more.

    >>> fold("Zoë"), fold("Łukasz"), fold("Ana María"), fold("J")
    ('zoe', None, None, None)
    """
    decomposed = unicodedata.normalize("NFKD", name)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c)).lower()
    return plain if PLAIN.fullmatch(plain) else None


def origin(locale: str) -> str | None:
    """The language or country under which a locale's names are listed here."""
    return COUNTRIES.get(locale) or LANGUAGES.get(locale.split("_")[0])


def listed_names() -> Iterator[tuple[str, str, str]]:
    """Every (locale, kind, name) of every provider, as it is written there."""
    from faker.providers import person

    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute, values in inspect.getmembers(provider):
            kind = re.search("(first|last)_(romanized_)?names", attribute)
            # What a locale doesn't list itself it inherits from the base class: John and Jane Doe.
            inherited = values is getattr(person.Provider, attribute, None)
            if kind and not inherited and not isinstance(values, property):
                for name in values:
                    yield module.name, "given" if kind[1] == "first" else "family", name


def compiled() -> tuple[str, Counter[str]]:
    """The file's text, of sorted and distinct rows, and how many names each reason cost."""
    rows, lost = set(), Counter[str]()
    for locale, kind, name in set(listed_names()):
        plain, where = fold(name), origin(locale)
        if plain is None:
            lost["not one plain word" if name.isascii() else "letters beyond a–z"] += 1
        elif where is None:
            raise SystemExit(f"locale {locale} holds {name!r} and has no origin; add it above")
        else:
            rows.add(f"{plain},{kind},{where}\n")
    return "".join(["name,kind,origin\n", *sorted(rows, key=lambda row: row.split(","))]), lost


def main() -> None:
    try:
        found = metadata.version("faker")
    except metadata.PackageNotFoundError:
        found = "missing"
    if found != FAKER_VERSION:
        sys.exit(
            f"faker is {found}, and names.csv is made of {FAKER_VERSION}; run: "
            f"pip install faker=={FAKER_VERSION}, or change FAKER_VERSION here"
        )
    text, lost = compiled()
    OUTPUT.write_bytes(text.encode())
    print(f"{text.count(chr(10)) - 1:,} rows")
    print("dropped: " + ", ".join(f"{reason} {number:,}" for reason, number in lost.items()))


if __name__ == "__main__":
    main()
