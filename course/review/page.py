"""The report as one static HTML file.

Everything out of a submission stands in the page as text: the template escapes it, and nothing is
rendered but pictures that `pictures` has checked. A content security policy names the page's own
style and script by their hashes, so that nothing else could run or be fetched if that failed.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections.abc import Callable, Sequence
from importlib import resources

import jinja2
from markupsafe import Markup

import intro_lm
from course.review.curriculum import Curriculum
from course.review.marks import MEANINGS, Mark
from course.review.numbers import HEADLINES, less_is_better
from course.review.pictures import as_data
from course.review.reviews import NotebookReview, Reviewed

SYMBOLS = {"good": "✓", "note": "·", "look": "!", "correct": "✓", "not yet": "✗"}
RUNS = ("as given out", "clean run", "by hand")
Line = tuple[str, str, list[Mark]]
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
        "in_a_word": in_a_word,
        "level": level,
        "HEADLINES": HEADLINES,
        "less_is_better": less_is_better,
    }
    handed_in = {each.lesson for one in found for each in one.notebooks}
    return environment.from_string(_read("page.html.jinja")).render(
        found=found,
        lessons=[lesson for lesson in curriculum.lessons if lesson.number in handed_in],
        executed=executed,
        pressing=_with(found, lambda mark: mark.level == "look"),
        reading=_with(found, lambda mark: mark.kind in ("not yet", "own cells")),
        version=intro_lm.__version__,
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        policy=policy,
        style=Markup(style),
        script=Markup(script),
    )


def in_a_word(review: NotebookReview) -> str:
    """What a table says of a notebook: the mark to look at first, or how its run went."""
    pressing = [mark.kind for mark in review.marks if mark.level == "look"]
    if pressing:
        return pressing[0] + (f" +{len(pressing) - 1}" if len(pressing) > 1 else "")
    runs = [mark.kind for mark in review.marks if mark.kind in RUNS]
    return runs[0] if runs else "empty"


def level(review: NotebookReview) -> str:
    """The level whose symbol stands beside that word."""
    if any(mark.level == "look" for mark in review.marks):
        return "look"
    return "good" if review.trusted else "note"


def _with(found: Sequence[Reviewed], wanted: Callable[[Mark], bool]) -> list[Line]:
    """The notebooks with such marks, those with most first: anchor, words, marks."""
    lines = []
    for n, one in enumerate(found, 1):
        for m, review in enumerate(one.notebooks, 1):
            marks = [mark for mark in review.marks if wanted(mark)]
            if marks:
                words = f"{one.submission.intern}, {review.title or review.name}"
                lines.append((f"s{n}-{m}", words, marks))
    return sorted(lines, key=lambda line: -len(line[2]))


def _read(name: str) -> str:
    return (resources.files("course.review") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
