"""The static check of a stored notebook: what nbval would pass and must not.

`problems(notebook)` reads the notebook as it is stored and executes nothing.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from course.meaning import digest

KNOWN_TAGS = {"nbval-ignore-output", "raises-exception", "downloads"}
MOST_IGNORED = 0.4  # of the code cells outside download sections
MAGIC = re.compile(r"^\s*[%!]", re.MULTILINE)
NBVAL_COMMENT = re.compile(r"^\s*#+\s*(NBVAL_|PYTEST_VALIDATE)", re.MULTILINE)
ASSERTS = re.compile(r"^\s*(assert |(\w+\.)*expect\()", re.MULTILINE)
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])(file://)?/(home|root|Users|tmp|var|private|Volumes|work|srv|mnt|opt|usr)/[\w.]"
    r"|\b[A-Z]:\\\w"
)

Cell = Any  # nbformat's NotebookNode: a dictionary whose entries are attributes too


def problems(notebook: Cell) -> list[str]:
    """Everything that is wrong with a stored notebook, each with its cell and the remedy."""
    code = code_cells(notebook)
    found = [*_of_notebook(notebook, code)]
    for number, cell in enumerate(code, 1):
        first = cell.source.strip().splitlines()[0]
        faults = [*_of_storage(cell), *_of_source(cell)]
        found += [f"code cell {number} ({first!r}): {fault}" for fault in faults]
    return [*found, *_unproven(code)]


def tags(cell: Cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def code_cells(notebook: Cell) -> list[Cell]:
    """The cells that run: JupyterLab and nbclient pass over an empty one."""
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def run_digest(notebook: Cell) -> str:
    """What one recording stores of itself, so that outputs of two runs in one file are noticed.

    It covers the code with its counts and outputs. Its layout may change, and so may the words
    around it and what the mentor's report reads from an output's metadata.
    """
    cells = [
        [digest(cell.source), cell.execution_count, [{**o, "metadata": {}} for o in cell.outputs]]
        for cell in code_cells(notebook)
    ]
    return hashlib.sha256(json.dumps(cells, sort_keys=True).encode()).hexdigest()


def _of_notebook(notebook: Cell, code: list[Cell]) -> Iterator[str]:
    if not code:
        yield "there is no code cell; a notebook without code has nothing to check"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3; record it again"
    if notebook.metadata.get("recorded") != run_digest(notebook):
        yield (
            "its code and outputs are not those of one recording: it was never recorded, or was "
            "run, edited or merged since; record it"
        )
    if extra := sorted(set(notebook.metadata) - {"kernelspec", "language_info", "recorded"}):
        yield f"its metadata holds {', '.join(extra)}; record it again"
    if any(cell.metadata for cell in notebook.cells if cell.cell_type != "code"):
        yield "a Markdown cell holds metadata; record the notebook"
    counted = [cell for cell in code if "downloads" not in tags(cell)]
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in counted)
    if ignored > MOST_IGNORED * len(counted):
        yield (
            f"{ignored} of {len(counted)} code cells ignore their output, more than "
            f"{MOST_IGNORED:.0%}; compare what is the same on every machine"
        )


def _of_storage(cell: Cell) -> Iterator[str]:
    """Tags that mean something, and outputs that are the same on every machine."""
    if unknown := set(tags(cell)) - KNOWN_TAGS:
        yield f"unknown tag {', '.join(sorted(unknown))}; known are {', '.join(sorted(KNOWN_TAGS))}"
    if extra := set(cell.metadata) - {"tags"}:
        yield f"metadata {', '.join(sorted(extra))}; record the notebook"
    if _failed(cell) and "raises-exception" not in tags(cell):
        yield "it stores an error; mend it, or tag it raises-exception if it is meant to fail"
    if not _failed(cell) and "raises-exception" in tags(cell):
        yield "it is tagged raises-exception and raised nothing; mend it, or take the tag away"
    if "application/vnd.jupyter.widget" in json.dumps(cell.outputs):
        yield "its output is a widget, which can't be stored; use plain text (tqdm, not its widget)"
    for output in cell.outputs:
        texts = [output.get("text", ""), *output.get("data", {}).values()]
        texts += output.get("traceback", [])
        if path := next((m for text in texts if (m := MACHINE_PATH.search(str(text)))), None):
            yield f"its output holds a path of the machine it ran on ({path[0]}…); don't print it"


def _of_source(cell: Cell) -> Iterator[str]:
    if NBVAL_COMMENT.search(cell.source):
        yield "nbval's comment markers are silently missed at times; use a cell tag"
    if MAGIC.search(cell.source):
        yield "magics and shell commands differ between machines; name the command in Markdown"
        return
    try:
        calls = [_called(statement) for statement in ast.parse(cell.source).body]
    except SyntaxError as error:
        yield f"Python can't parse it ({error.msg}); mend or delete it"
        return
    has_figure = any("image/png" in output.get("data", {}) for output in cell.outputs)
    if any(map(_draws, calls)) and (calls[-1] != "plt.show" or not (has_figure or _failed(cell))):
        yield "a cell that draws ends with plt.show() and stores its figure"


def _failed(cell: Cell) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def _draws(call: str) -> bool:
    sets_up = call.startswith(("plt.rcParams", "plt.style"))
    return ("plot" in call or call.startswith("plt.")) and not sets_up


def _called(statement: ast.stmt) -> str:
    """The dotted name that a statement calls, or nothing."""
    if isinstance(statement, ast.Expr | ast.Assign) and isinstance(statement.value, ast.Call):
        return ast.unparse(statement.value.func)
    return ""


def _unproven(code: list[Cell]) -> Iterator[str]:
    """Cells whose output is ignored, and that nothing asserts."""
    for number, (cell, below) in enumerate(zip_longest(code, code[1:]), 1):
        if "nbval-ignore-output" not in tags(cell):
            continue
        compared = below is not None and "nbval-ignore-output" not in tags(below)
        if not (ASSERTS.search(cell.source) or (compared and ASSERTS.search(below.source))):
            yield (
                f"code cell {number} ignores its output and neither it nor a compared cell right "
                "below asserts what was found; add expect(…) or assert"
            )
