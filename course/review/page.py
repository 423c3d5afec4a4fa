"""The report as one static HTML file.

Whatever comes from a submission is text in the page: the template escapes it, and only pictures
that `as_data` has checked are rendered. A content security policy names the page's own style and
script by their hashes, so that nothing else could run or be fetched if that failed.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import io
import warnings
from collections.abc import Callable, Sequence
from importlib import resources

import jinja2
from markupsafe import Markup
from PIL import Image

import intro_lm
from course.review.curriculum import Curriculum
from course.review.marks import MEANINGS, Mark
from course.review.report import NotebookReview, Reviewed
from course.review.results import HEADLINES
from course.review.texts import shortened

SYMBOLS = {"good": "✓", "note": "·", "look": "!", "correct": "✓", "not yet": "✗"}
MOST_CHANGES = 60  # of one notebook
MOST_NAMED = 24  # notebooks to look at; the table has them all
MOST_CHARACTERS = 1_500_000  # of one picture in base64; our notebooks' largest has some 150,000
MOST_PIXELS = 20_000_000
FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF"}


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
    handed_in = {each.lesson for one in found for each in one.notebooks}
    return environment.from_string(_read("page.html.jinja")).render(
        found=found,
        lessons=[lesson for lesson in curriculum.lessons if lesson.number in handed_in],
        executed=executed,
        urgent=_with(found, lambda mark: mark.level == "look"),
        reading=_with(found, lambda mark: mark.kind in ("not yet", "own cells")),
        MEANINGS=MEANINGS,
        HEADLINES=HEADLINES,
        MOST_CHANGES=MOST_CHANGES,
        MOST_NAMED=MOST_NAMED,
        symbols=SYMBOLS,
        as_data=as_data,
        in_a_word=in_a_word,
        level=level,
        shortened=shortened,
        version=intro_lm.__version__,
        day=datetime.datetime.now(datetime.UTC).date().isoformat(),
        policy=policy,
        style=Markup(style),
        script=Markup(script),
    )


def in_a_word(review: NotebookReview) -> str:
    """What a table says of a notebook: its most urgent mark, or how its run went."""
    urgent = [mark.kind for mark in review.marks if mark.level == "look"]
    if urgent:
        return urgent[0] + (f" +{len(urgent) - 1}" if len(urgent) > 1 else "")
    kinds = {mark.kind for mark in review.marks}
    if review.ran and "as given out" in kinds:
        return "run in part"
    return next((kind for kind in ("as given out", "clean run", "by hand") if kind in kinds), "")


def level(review: NotebookReview) -> str:
    """The level whose symbol precedes that word."""
    if any(mark.level == "look" for mark in review.marks):
        return "look"
    return "good" if review.trusted else "note"


def as_data(mime: str, encoded: str) -> tuple[str, str]:
    """The address of a stored picture, and an empty text; or empty, and why it isn't shown."""
    if mime not in FORMATS:
        return "", "is of a kind that is not shown"
    if len(encoded) > MOST_CHARACTERS:
        return "", f"has {len(encoded) / 1e6:.1f} MB, too much to show"
    try:
        content = base64.b64decode("".join(encoded.split()), validate=True)
        file = io.BytesIO(content)
        # Pillow warns about the size, which is checked below; opening a picture unpacks nothing.
        with (
            warnings.catch_warnings(action="ignore"),
            Image.open(file, formats=[FORMATS[mime]]) as picture,
        ):
            width, height = picture.size
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return "", "can't be read"
    if width * height > MOST_PIXELS:
        return "", f"has {width:,} × {height:,} pixels, too many to show"
    return f"data:{mime};base64,{base64.b64encode(content).decode()}", ""


def _with(
    found: Sequence[Reviewed], wanted: Callable[[Mark], bool]
) -> list[tuple[str, str, list[Mark]]]:
    """The notebooks with such marks, those with most first: anchor, title, marks."""
    lines = []
    for n, one in enumerate(found, 1):
        for m, review in enumerate(one.notebooks, 1):
            marks = [mark for mark in review.marks if wanted(mark)]
            if marks:
                title = f"{one.submission.intern}, {review.title or review.name}"
                lines.append((f"s{n}-{m}", title, marks))
    return sorted(lines, key=lambda line: -len(line[2]))


def _read(name: str) -> str:
    return (resources.files("course.review") / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
