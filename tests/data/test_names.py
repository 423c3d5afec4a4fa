"""The bundled names: what the file promises, and that it can be made again byte for byte."""

import csv
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from intro_lm import data
from tools.build_names import FAKER_VERSION, OUTPUT, fold, origin


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


def faker_version() -> str | None:
    try:
        return metadata.version("faker")
    except metadata.PackageNotFoundError:
        return None


@pytest.mark.skipif(
    faker_version() != FAKER_VERSION,
    reason=f"faker {FAKER_VERSION}, which rebuilds names.csv, is not installed",
)
def test_rebuilding_gives_the_same_bytes(tmp_path):
    rebuilt = tmp_path / "names.csv"
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "tools/build_names.py", "--output", str(rebuilt)],
        cwd=root,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        check=True,
        capture_output=True,
    )
    assert rebuilt.read_bytes() == OUTPUT.read_bytes()
