"""Small notebooks to feed the tools with."""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from course.notebooks.check import run_digest
from course.notebooks.execute import METADATA


def cell(source: str, *outputs: Any, tags: tuple[str, ...] = ()) -> Any:
    made = new_code_cell(source, outputs=list(outputs))
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def printed(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def value(text: str) -> Any:
    return new_output("execute_result", data={"text/plain": text}, execution_count=1)


def figure(width: int = 1, height: int = 1, **texts: str) -> Any:
    file = io.BytesIO()
    Image.new("1", (width, height)).save(file, "PNG")
    encoded = base64.b64encode(file.getvalue()).decode()
    return new_output("display_data", data={"image/png": encoded, **texts})


def error(name: str, message: str) -> Any:
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


def notebook(*cells: Any) -> Any:
    """A recorded notebook of these code cells, each below a sentence of explanation."""
    made = new_notebook(metadata=METADATA)
    for count, code in enumerate(cells, 1):
        code.execution_count = count
        made.cells += [new_markdown_cell("What the next cell does."), code]
    for number, each in enumerate(made.cells):
        each["id"] = f"cell-{number}"
    made.metadata["recorded"] = run_digest(made)
    return made


def save(made: Any, path: Path) -> Path:
    path.write_text(nbformat.writes(made) + "\n", encoding="utf-8")
    return path
