"""`python -m course review`: what a mentor has to look at in executed notebooks."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import intro_lm
from course.review import curriculum
from course.review.page import html, in_a_word
from course.review.report import review
from course.review.reviews import NotebookReview, Reviewed, Settings
from course.review.submissions import find


def run(arguments: list[str]) -> int:
    """Review what the arguments name; 1 if some of it could not be read."""
    options = _parser().parse_args(arguments)
    settings = Settings(options.rerun, options.timeout, options.jobs)
    try:
        lessons = curriculum.load(options.curriculum)
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    for path in filter(None, (options.html, options.json)):
        if not path.parent.is_dir():
            print(f"there is no folder {path.parent} to write {path.name} into", file=sys.stderr)
            return 1
    try:
        found = review(find(options.submissions), lessons, settings)
        print("\n".join(lines(found)))
        if options.html:
            _write(options.html, html(found, lessons, options.rerun))
        if options.json:
            data = as_data(found, options.rerun)
            _write(options.json, json.dumps(data, indent=1, allow_nan=False) + "\n")
    except KeyboardInterrupt:
        print("stopped; no report was written", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"the report can't be written: {error}", file=sys.stderr)
        return 1
    unread = [line for one in found for line in _unread(one)]
    print("\n".join(unread), file=sys.stderr, end="\n" if unread else "")
    return 1 if unread else 0


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", errors="backslashreplace")
    print(f"written: {path}")


def lines(found: Sequence[Reviewed]) -> list[str]:
    """A line for each notebook: the run, the exercises, and the marks to look at."""
    said = []
    for one in found:
        said.append(f"{one.submission.intern} ({one.submission.where})")
        for each in one.notebooks:
            pressing = [mark.kind for mark in each.marks if mark.level == "look"]
            notes = [mark.kind for mark in each.marks if mark.level == "note"]
            exercises = f"{each.solved}/{len(each.exercises)}" if each.exercises else "-"
            said.append(
                f"  {each.title or each.name:<28} {in_a_word(each):<17} {exercises:>5} correct"
                f"  {', '.join(pressing + notes)}".rstrip()
            )
    return said


def as_data(found: Sequence[Reviewed], executed: bool) -> dict[str, Any]:
    """The report for other programs: marks, exercises, numbers and changes, without outputs."""
    return {
        "intro_lm": intro_lm.__version__,
        "executed": executed,
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
        "versions": list(each.versions),
        "marks": [dataclasses.asdict(mark) | {"level": mark.level} for mark in each.marks],
        "exercises": [
            {
                "exercise": outcome.exercise,
                "outcome": outcome.outcome,
                "failed": list(outcome.failed),
                "said": outcome.said.shown if outcome.said else "",
                "cell": outcome.cell,
                "doubt": outcome.doubt,
                "again": outcome.again,
                "solved": outcome.solved,
            }
            for outcome in each.exercises
        ],
        "numbers": [
            {
                "name": number.name,
                "value": _finite(number.value),
                "verdict": number.verdict,
                "beyond": _finite(number.beyond),
                "mean": number.mean,
                "std": number.std,
                "band": [_finite(end) for end in number.band] if number.band else None,
                "cell": number.cell,
            }
            for number in each.numbers
        ],
        "changes": [
            {
                "how": change.how,
                "cell": change.place,
                "curriculum_cell": change.base,
                "difference": ["".join(line) for line in change.lines],
                "tags": list(change.tags) if change.tags else None,
            }
            for change in each.changes.changes
        ],
        "rerun": {
            "verdicts": each.again.verdicts,
            "problem": each.again.problem,
            "seconds": round(each.again.seconds, 1),
        }
        if each.again
        else None,
    }


def _finite(value: float | None) -> float | str | None:
    """A number as JSON can hold it; infinity and nan, which it can't, by their names."""
    return value if value is None or abs(value) < float("inf") else str(value)


def _unread(one: Reviewed) -> list[str]:
    intern = one.submission.intern
    if one.submission.problem:
        return [f"{intern}: {one.submission.problem}"]
    return [
        f"{intern}, {each.name}: {mark.text}"
        for each in one.notebooks
        for mark in each.marks
        if mark.kind == "unreadable"
    ]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course review",
        description="Review executed notebooks: can their outputs be trusted, how did the "
        "exercises go, what was changed. Nothing is executed without --rerun.",
    )
    parser.add_argument(
        "submissions",
        nargs="+",
        metavar="SUBMISSION",
        help="a notebook, a folder of notebooks, or git:BRANCH",
    )
    parser.add_argument("--html", type=Path, metavar="FILE", help="write the report as one page")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write it for other programs")
    parser.add_argument(
        "--rerun",
        action="store_true",
        help="execute a copy of each notebook, with your rights: only what you would run yourself",
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=Settings.timeout,
        metavar="SECONDS",
        help="that a cell may take with --rerun (%(default)g)",
    )
    parser.add_argument("--jobs", type=_count, default=0, help="processes (one for each core)")
    parser.add_argument(
        "--curriculum",
        default=curriculum.NOTEBOOKS,
        metavar="FOLDER",
        help="the notebooks to compare with, or git:BRANCH (those of this checkout)",
    )
    return parser


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is no number of processes; 1 or more")
    return number


def _seconds(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no time limit; a number above 0")
    return number
