"""`python -m course review`: what a mentor has to look at in executed notebooks."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import intro_lm
from course.review import curriculum
from course.review.page import html, in_a_word
from course.review.report import NotebookReview, Reviewed, ReviewOptions, review
from course.review.submissions import find
from intro_lm.checks import is_number, require_count


def run(arguments: list[str]) -> int:
    """Review what the arguments name; 1 if some of it could not be read."""
    parser = _parser()
    given = parser.parse_args(arguments)
    try:
        require_count(jobs=given.jobs)
        if not (is_number(given.timeout) and given.timeout > 0):
            raise ValueError(f"timeout is {given.timeout}; it must be a number of seconds above 0")
        for path in filter(None, (given.html, given.json)):
            if not path.parent.is_dir():
                raise ValueError(f"there is no folder {path.parent} to write {path.name} into")
        lessons = curriculum.load(given.curriculum)
        options = ReviewOptions(given.rerun, given.timeout, given.jobs)
        found = review(find(given.submissions), lessons, options)
        print("\n".join(_lines(found)))
        if given.html:
            _write(given.html, html(found, lessons, given.rerun))
        if given.json:
            _write(given.json, json.dumps(_as_data(found), indent=1, allow_nan=False) + "\n")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no report was written", file=sys.stderr)
        return 130
    unread = [line for one in found for line in _unread(one)]
    for line in unread:
        print(line, file=sys.stderr)
    return 1 if unread else 0


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    print(f"written: {path}")


def _lines(found: Sequence[Reviewed]) -> Iterator[str]:
    """A line for each notebook: the run, the exercises, and the marks."""
    for one in found:
        yield f"{one.submission.intern} ({one.submission.where})"
        for each in one.notebooks:
            marks = [mark.kind for mark in each.marks if mark.level != "good"]
            exercises = f"{each.solved}/{len(each.exercises)}" if each.exercises else "-"
            yield (
                f"  {each.title or each.name:<28} {in_a_word(each):<17} {exercises:>5} correct"
                f"  {', '.join(marks)}".rstrip()
            )


def _unread(one: Reviewed) -> list[str]:
    if one.submission.problem:
        return [f"{one.submission.intern}: {one.submission.problem}"]
    return [
        f"{one.submission.intern}, {each.name}: {mark.text}"
        for each in one.notebooks
        for mark in each.marks
        if mark.kind == "unreadable"
    ]


def _as_data(found: Sequence[Reviewed]) -> dict[str, Any]:
    """The report for other programs: the marks, exercises and numbers of each notebook."""
    return {
        "intro_lm": intro_lm.__version__,
        "submissions": [
            {
                "intern": one.submission.intern,
                "where": one.submission.where,
                "problem": one.submission.problem,
                "notebooks": [_notebook(each) for each in one.notebooks],
            }
            for one in found
        ],
    }


def _notebook(each: NotebookReview) -> dict[str, Any]:
    return {
        "name": each.name,
        "lesson": each.lesson,
        "trusted": each.trusted,
        "cells": each.cells,
        "ran": each.ran,
        "marks": [asdict(mark) | {"level": mark.level} for mark in each.marks],
        "exercises": [asdict(outcome) | {"solved": outcome.solved} for outcome in each.exercises],
        "numbers": [
            # JSON has no infinity and no nan
            {
                name: str(value) if isinstance(value, float) and not math.isfinite(value) else value
                for name, value in asdict(number).items()
            }
            for number in each.numbers
        ],
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course review",
        description="Review executed notebooks: can their outputs be trusted, how did the "
        "exercises go, what was changed. Nothing is executed without --rerun.",
    )
    add = parser.add_argument
    add("submissions", nargs="+", help="notebooks, folders of notebooks, or git:BRANCH")
    add("--html", type=Path, metavar="FILE", help="write the report as one page")
    add("--json", type=Path, metavar="FILE", help="write it for other programs")
    add(
        "--rerun",
        action="store_true",
        help="run a copy of each notebook, with your rights: only what you would run yourself",
    )
    add("--timeout", type=float, default=300, help="seconds for each cell (%(default)g)")
    add(
        "--jobs",
        type=int,
        default=min(4, os.cpu_count() or 1),
        help="notebooks at a time (%(default)s)",
    )
    add(
        "--curriculum",
        default=curriculum.NOTEBOOKS,
        metavar="FOLDER",
        help="the notebooks to compare with, or git:BRANCH (those of this checkout)",
    )
    return parser
