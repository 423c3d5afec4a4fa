"""Small notebooks to review, as they are stored, and what a review finds in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from course.review.curriculum import Curriculum, Lesson
from course.review.report import NotebookReview, ReviewOptions, review_notebook
from course.review.stored import Notebook, parse
from course.review.submissions import Source
from course.review.texts import sha256

TINY = (  # a picture of one pixel
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAA"
    "AABJRU5ErkJggg=="
)


def code(
    source: str, *outputs: dict[str, Any], count: int | None = 1, tags: tuple[str, ...] = (), id=""
) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": id or sha256(source)[:8],
        "metadata": {"tags": [tag.replace(",", ";") for tag in tags]},
        "execution_count": count,
        "outputs": list(outputs),
        "source": source,
    }


def text(source: str, id="") -> dict[str, Any]:
    id = id or sha256(source)[:8]
    return {"cell_type": "markdown", "id": id, "metadata": {}, "source": source}


def printed(words: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": words}


def shown(published: dict[str, Any] | None = None, **forms: Any) -> dict[str, Any]:
    """A displayed output; `text_plain="…"` is its form text/plain."""
    data = {name.replace("_", "/", 1): value for name, value in forms.items()}
    metadata = {"course": published} if published else {}
    return {"output_type": "display_data", "data": data, "metadata": metadata}


def failed(name: str, message: str) -> dict[str, Any]:
    return {"output_type": "error", "ename": name, "evalue": message, "traceback": [message]}


def stored(*cells: dict[str, Any]) -> bytes:
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}).encode()


def notebook(*cells: dict[str, Any]) -> Notebook:
    return parse(stored(*cells))


def result(words: str) -> dict[str, Any]:
    return shown(text_plain=words) | {"output_type": "execute_result", "execution_count": 1}


def counted(*counts: int | None) -> Notebook:
    """A notebook of independent cells that ran at these counts."""
    return notebook(*(code(f"x{n} = {n}", count=count) for n, count in enumerate(counts)))


def reviewed(content: bytes, base: bytes | None = None, **options: Any) -> NotebookReview:
    """The review of one notebook against a curriculum of one; by default of its cells, not run."""
    if base is None:
        given = json.loads(content)
        for cell in given["cells"]:
            cell |= {"outputs": [], "execution_count": None}
        base = json.dumps(given).encode()
    lesson = Lesson("00", "00_lesson.ipynb", parse(base))
    source = Source(lesson.name, lambda: content)
    return review_notebook(source, Curriculum((lesson,), {}), ReviewOptions(**options))


def kinds(one: NotebookReview) -> set[str]:
    return {mark.kind for mark in one.marks}


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
