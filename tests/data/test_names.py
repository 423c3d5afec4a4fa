"""The bundled names: what the file promises, and that it can be made again byte for byte."""

import csv
import re
from importlib import metadata

import pytest

from intro_lm import data
from tools.build_names import FAKER_VERSION, OUTPUT, compiled, fold, origin


@pytest.fixture(scope="module")
def rows() -> list[tuple[str, ...]]:
    with OUTPUT.open(encoding="utf-8", newline="") as file:
        header, *rest = csv.reader(file)
    assert header == ["name", "kind", "origin"]
    return [tuple(row) for row in rest]


def test_rows_are_sorted_unique_and_plain(rows):
    assert rows == sorted(set(rows))
    assert all(re.fullmatch("[a-z]{2,}", name) for name, _, _ in rows)
    assert {kind for _, kind, _ in rows} == {"given", "family"}
    assert b"\r" not in OUTPUT.read_bytes()


def test_names_gives_each_name_of_a_kind_once(rows):
    for kind in ("given", "family"):
        assert data.names(kind) == sorted({name for name, k, _ in rows if k == kind})
    with pytest.raises(ValueError, match="kind is 'first'"):
        data.names("first")


@pytest.mark.parametrize(
    ("listed", "folded"),
    [
        ("Zoë", "zoe"),
        ("Łukasz", None),
        ("Jean-Luc", None),
        ("Ольга", None),
        ("ﬁona", "fiona"),  # the ligature fi
    ],
)
def test_names_fold_to_plain_letters_or_not_at_all(listed, folded):
    assert fold(listed) == folded


def test_a_locale_is_listed_under_its_language_or_its_country():
    assert origin("de_AT") == "German"
    assert origin("en_KE") == "Kenya"
    assert origin("xx_XX") is None


def test_rebuilding_gives_the_same_bytes():
    pytest.importorskip("faker", reason="what names.csv is made of is not installed")
    if metadata.version("faker") != FAKER_VERSION:
        pytest.skip(f"names.csv is made of faker {FAKER_VERSION}")
    assert compiled()[0].encode() == OUTPUT.read_bytes()
