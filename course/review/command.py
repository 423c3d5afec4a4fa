"""`python -m course review`: what a mentor has to look at in executed notebooks."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from course.review import curriculum
from course.review.page import html, in_a_word
from course.review.report import Reviewed, ReviewOptions, review
from course.review.submissions import find
from intro_lm.checks import is_number, require_count


def run(arguments: list[str]) -> int:
    """Review what the arguments name; 1 if some of it could not be read."""
    given = _parser().parse_args(arguments)
    try:
        require_count(jobs=given.jobs)
        if not (is_number(given.timeout) and given.timeout > 0):
            raise ValueError(f"timeout is {given.timeout}; it must be a number of seconds above 0")
        if given.html and not given.html.parent.is_dir():
            raise ValueError(f"there is no folder {given.html.parent} for the report")
        lessons = curriculum.load(given.curriculum)
        options = ReviewOptions(given.rerun, given.timeout, given.jobs)
        found = review(find(given.submissions), lessons, options)
        if given.html:  # before anything is printed, which may fail
            page = html(found, lessons, given.rerun)
            given.html.write_text(page, encoding="utf-8", errors="backslashreplace")
    except (OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; no report was written", file=sys.stderr)
        return 130
    if isinstance(sys.stdout, io.TextIOWrapper):  # a name may need letters that it lacks
        sys.stdout.reconfigure(errors="backslashreplace")
    print("\n".join([*_lines(found), *([f"written: {given.html}"] if given.html else [])]))
    unread = list(_unread(found))
    print("\n".join(unread), file=sys.stderr, end="\n" if unread else "")
    return 1 if unread else 0


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


def _unread(found: Sequence[Reviewed]) -> Iterator[str]:
    for one in found:
        if one.submission.problem:
            yield f"{one.submission.intern}: {one.submission.problem}"
        for each in one.notebooks:
            for mark in each.marks:
                if mark.kind == "unreadable":
                    yield f"{one.submission.intern}, {each.name}: {mark.text}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m course review",
        description="Review executed notebooks: can their outputs be trusted, how did the "
        "exercises go, what was changed. Nothing is executed without --rerun.",
    )
    add = parser.add_argument
    add("submissions", nargs="+", help="notebooks, folders of notebooks, or git:BRANCH")
    add("--html", type=Path, metavar="FILE", help="write the report as one page")
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
        help="the notebooks to compare with (those of this checkout)",
    )
    return parser
