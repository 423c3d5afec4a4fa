"""README and docs say what is there: commands, flags, links, numbers and times."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from course.expected import bands
from intro_lm import data
from tests.course.notebooks.test_texts import PRECISE
from tools.results import BEGIN, END, README, ROOT, times, with_table

PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
CODE = re.compile(r"```\w*\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)", re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def commands(page: Path) -> list[list[str]]:
    """The commands that a page shows, as words."""
    pieces = [block or span for block, span in CODE.findall(page.read_text(encoding="utf-8"))]
    lines = "\n".join(pieces).replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        line = re.sub(r"^[A-Z_]+=\S+ ", "", line)
        if re.match(r"\s*(make|python3?|\.venv/bin/\S+|pip|docker|conda|git)\b", line):
            for command in re.split(r"&&|\|", line.partition("  #")[0]):
                found.append([word.strip('"') for word in shlex.split(command, posix=False)])
    return [words for words in found if words]


@cache
def help_of(*command: str) -> str:
    return subprocess.run(
        [sys.executable, *command, "--help"], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout


def flags(words: list[str]) -> set[str]:
    return {word.partition("=")[0] for word in words if word.startswith("--")}


@by_page
def test_each_command_is_there_with_its_flags(page):
    for words in commands(page):
        program, rest = words[0].rpartition("/")[2], words[1:]
        if program == "make":
            named = [word for word in rest if "=" not in word and not word.startswith("-")]
            assert set(named) <= TARGETS, words
        elif program.startswith("python") and rest[1:2] in (["intro_lm"], ["course"]):
            if len(rest) > 2 and not rest[2].startswith("-"):
                known = flags(re.split(r"[\s,\[\]|]+", help_of(*rest[:3])))
                assert flags(rest) <= known, words
        elif program.startswith("python") and rest and rest[0].startswith("tools/"):
            text = (ROOT / rest[0]).read_text(encoding="utf-8")
            assert all(f'"{flag}"' in text for flag in flags(rest)), words
            for word in rest[1:2]:
                assert word.startswith(("-", "notebooks/")) or word.isupper() or word in text
        elif words[0].startswith(".venv/bin/"):
            assert (Path(sys.prefix) / "bin" / program).exists(), words


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


@by_page
def test_each_relative_link_and_anchor_leads_somewhere(page):
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        leads_to = (page.parent / path).resolve() if path else page
        assert leads_to.exists(), target
        assert not anchor or anchor in anchors(leads_to), target


def test_the_readmes_map_says_what_the_last_recording_took():
    rows = re.findall(
        r"\]\(notebooks/(\w+)\.ipynb\).*\| (\d+) (s|min) \|", README.read_text(encoding="utf-8")
    )
    assert [name for name, _, _ in rows] == [path.stem for path in NOTEBOOKS]
    for name, count, unit in rows:
        seconds = int(count) * (60 if unit == "min" else 1)
        assert 0.5 <= seconds / times()[name]["seconds"] <= 2, name


def test_the_readmes_results_are_those_of_expected_toml():
    text = README.read_text(encoding="utf-8")
    assert text == with_table(text), "run: python tools/results.py"


@by_page
def test_a_measured_number_in_prose_comes_from_expected_toml(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", "", text, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)]*\)", "]", CODE.sub("", text))
    prose = re.sub(r"(Python|Linux) \d[\d.]*", "", prose)
    # Sizes of the code are counted, not measured, and no entry of expected.toml.
    prose = re.sub(r"[\d,]+(?= lines)", "", prose)
    values = [value for entry in bands().values() for value in entry.values()]
    promised = [value for value in values if isinstance(value, int | float)]
    for stated in PRECISE.findall(prose):
        decimals = len(stated.partition(".")[2])
        value = float(stated.replace(",", ""))
        assert any(round(number, decimals) == value for number in promised), stated


def test_the_licences_of_the_data_are_those_of_the_catalogue():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    stated = {}
    for names, licence in re.findall(r"^\| (`.*?) \| (.*?) \|$", text, re.MULTILINE):
        licence = re.split(r", (?:see|read)", licence)[0]
        stated |= dict.fromkeys(re.findall(r"`(.*?)`", names), licence)
    entries = data.catalogue.CATALOGUE.items()
    assert stated == {name: entry.licence.split(" (")[0] for name, entry in entries}
