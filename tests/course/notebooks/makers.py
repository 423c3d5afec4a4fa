"""Small notebooks to feed the tools with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output


def cell(source: str, *outputs: Any, count: int | None = 1, tags: tuple[str, ...] = ()) -> Any:
    made = new_code_cell(source, outputs=list(outputs), execution_count=count)
    if tags:
        made.metadata["tags"] = list(tags)
    return made


def printed(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def value(text: str, count: int = 1) -> Any:
    return new_output("execute_result", data={"text/plain": text}, execution_count=count)


def figure(**texts: str) -> Any:
    return new_output("display_data", data={"image/png": "aGVsbG8=", **texts})


def error(name: str, message: str) -> Any:
    return new_output("error", ename=name, evalue=message, traceback=[f"{name}: {message}"])


def notebook(*cells: Any) -> Any:
    """A notebook of these code cells, each below a sentence of explanation."""
    made = new_notebook()
    made.metadata = nbformat.from_dict(
        {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
            "language_info": {"name": "python"},
        }
    )
    for code in cells:
        made.cells += [new_markdown_cell("What the next cell does."), code]
    for number, each in enumerate(made.cells):
        each["id"] = f"cell-{number}"
    return made


def save(made: Any, path: Path) -> Path:
    path.write_text(nbformat.writes(made) + "\n", encoding="utf-8")
    return path
