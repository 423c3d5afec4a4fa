"""The report as one static HTML file.

Everything out of a submission stands in the page as text: the template escapes it, and nothing is
rendered but pictures that `pictures` has checked. A content security policy names the page's own
style and script by their hashes, so that nothing else could run or be fetched if that failed.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Sequence
from importlib import resources

import jinja2
from markupsafe import Markup

import intro_lm
from intro_lm.review.curriculum import Curriculum
from intro_lm.review.marks import MEANINGS
from intro_lm.review.pictures import as_data
from intro_lm.review.report import NotebookReview, Reviewed

SYMBOLS = {"good": "✓", "note": "·", "look": "!", "correct": "✓", "not yet": "✗"}
MOST_CHANGES = 60  # of one notebook
MOST_NAMED = 24  # notebooks to look at; the table has them all


def html(found: Sequence[Reviewed], curriculum: Curriculum, executed: bool) -> str:
    """The page for what `report.review` found; `executed` says whether copies were run."""
    style, script = _read("page.css"), _read("page.js")
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.globals |= {
        "MEANINGS": MEANINGS,
        "MOST_CHANGES": MOST_CHANGES,
        "MOST_NAMED": MOST_NAMED,
        "symbols": SYMBOLS,
        "as_data": as_data,
        "run_of": run_of,
    }
    return environment.from_string(_read("page.html.jinja")).render(
        found=found,
        lessons=curriculum.lessons,
        executed=executed,
        pressing=_pressing(found),
        version=intro_lm.__version__,
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        policy=policy,
        style=Markup(style),
        script=Markup(script),
    )


def run_of(review: NotebookReview) -> str:
    """How the stored run is called in a table: the mark that says most about it."""
    kinds = [mark.kind for mark in review.marks]
    about_runs = ("never run", "unfinished", "error", "stale", "out of order", "not run")
    for kind in ("unreadable", *about_runs, "by hand", "clean run"):
        if kind in kinds:
            return kind
    return "empty"


def _pressing(found: Sequence[Reviewed]) -> list[tuple[str, str, list[str]]]:
    """The notebooks with something to look at, those with most first: anchor, words, marks."""
    pressing = []
    for n, one in enumerate(found, 1):
        for m, review in enumerate(one.notebooks, 1):
            kinds = [mark.kind for mark in review.marks if mark.level == "look"]
            if kinds:
                words = f"{one.submission.intern}, {review.title or review.name}"
                pressing.append((f"s{n}-{m}", words, kinds))
    return sorted(pressing, key=lambda each: -len(each[2]))


def _read(name: str) -> str:
    return (resources.files("intro_lm.review") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
