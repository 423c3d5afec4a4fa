"""README and docs say what is there: commands, links, numbers and times."""

import re
import shlex
import subprocess
import sys
from functools import cache
from pathlib import Path

import nbformat
import pytest

from course.expected import bands
from course.notebooks.check import PRECISE
from tools.results import BEGIN, END, README, ROOT, ROWS, times, with_table

PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
CODE = re.compile(r"```\w*\n(.*?)```|(?<!`)`([^`\n]+)`(?!`)", re.DOTALL)
INDENTED = re.compile(r"^(?:    .+\n)+", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
SPOKEN = {  # how long a notebook's head says that it takes
    "about ten seconds": 10,
    "about a minute": 60,
    "about a minute and three quarters": 105,
    "two and a half minutes": 150,
    "about four minutes": 240,
}
TAKES = re.compile(r"\*\*It takes\*\* ([a-z ]+?)(?: to run and| on two cores).*?([\d.]+) GB")

by_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def commands(page: Path) -> list[list[str]]:
    """The commands that a page shows, as words."""
    text = page.read_text(encoding="utf-8")
    pieces = [block or span for block, span in CODE.findall(text)]
    pieces += INDENTED.findall(CODE.sub("", text))
    lines = "\n".join(pieces).replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
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
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for words in commands(page):
        program, rest = words[0].rpartition("/")[2], words[1:]
        if program == "make":
            named = [word for word in rest if "=" not in word and not word.startswith("-")]
            assert set(named) <= targets, words
        elif program.startswith("python") and rest[:2] == ["-m", "intro_lm"]:
            if len(rest) > 2 and not rest[2].startswith("-"):
                assert flags(rest) <= flags(re.split(r"[\s,\[\]|]+", help_of(*rest[:3]))), words
        elif program.startswith("python") and rest and rest[0].startswith("tools/"):
            source = (ROOT / rest[0]).read_text(encoding="utf-8")
            assert all(f'"{flag}"' in source for flag in flags(rest)), words
            for word in rest[1:2]:
                assert word.startswith(("-", "notebooks/")) or word.isupper() or word in source
        elif words[0].startswith(".venv/bin/"):
            assert (Path(sys.prefix) / "bin" / program).exists(), words


def test_the_commands_of_the_readme_are_found_at_all():
    found = {tuple(words[:2]) for words in commands(README)}
    assert {("make", "lab"), ("make", "test"), ("git", "switch")} <= found
    assert (".venv/bin/python", "-m") in found


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in HEADING.findall(text)
    }


@by_page
def test_each_relative_link_and_anchor_leads_somewhere(page):
    targets = LINK.findall(page.read_text(encoding="utf-8"))
    assert targets
    for target in targets:
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        leads_to = (page.parent / path).resolve() if path else page
        assert leads_to.exists(), target
        if anchor:
            assert anchor in anchors(leads_to), target


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_says_how_long_it_took_last(path):
    head = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells[:3])
    said, memory = TAKES.search(head).groups()
    measured = times()[path.stem]
    assert 0.5 <= SPOKEN[said] / measured["seconds"] <= 2
    assert 0.5 <= float(memory) / measured["gigabytes"] <= 2


def test_the_readmes_map_says_the_same_times():
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


def test_published_numbers_have_a_source():
    assert all(bool(row.published) == bool(row.source) for row in ROWS)


@by_page
def test_a_measured_number_in_prose_comes_from_expected_toml(page):
    text = page.read_text(encoding="utf-8")
    text = re.sub(f"{re.escape(BEGIN)}.*?{re.escape(END)}", "", text, flags=re.DOTALL)
    prose = re.sub(r"\]\([^)]*\)", "]", CODE.sub("", INDENTED.sub("", text)))
    prose = re.sub(r"(Python|Linux) \d[\d.]*", "", prose)
    promised = _promised()
    for stated in PRECISE.findall(prose):
        decimals = len(stated.partition(".")[2])
        value = float(stated.replace(",", ""))
        assert any(round(number, decimals) == value for number in promised), stated


def _promised() -> list[float]:
    """Every number of expected.toml."""
    found: list[float] = []
    for entry in bands().values():
        for value in entry.values():
            found += [n for n in (value if isinstance(value, list) else [value]) if _is_number(n)]
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
