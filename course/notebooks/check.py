"""The static check of a stored notebook: what nbval would pass and must not.

`problems(notebook)` reads the notebook as it is stored and executes nothing.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

KNOWN_TAGS = {"nbval-ignore-output", "raises-exception", "downloads"}
MOST_IGNORED = 0.4  # of the code cells outside download sections
LEAST_MARKDOWN = 0.8  # Markdown cells to each code cell
MAGIC = re.compile(r"^\s*[%!]", re.MULTILINE)
NBVAL_COMMENT = re.compile(r"^\s*#+\s*(NBVAL_|PYTEST_VALIDATE)", re.MULTILINE)
NUMBER = re.compile(r"(?<![\w.])\d[\d,_]*(?:\.\d+)?")
# Two decimals or more, or thousands: somebody measured or counted it.
PRECISE = re.compile(r"(?<![\w.,])(?:\d{1,3}(?:,\d{3})+(?![\w.])|\d+\.\d{2,})")
MACHINE_PATH = re.compile(
    r"(?<![\w.:/])(file://)?/(home|root|Users|tmp|var|private|Volumes|work|srv|mnt|opt|usr)/[\w.]"
    r"|\b[A-Z]:\\\w"
)

Cell = Any  # nbformat's NotebookNode: a dictionary whose entries are attributes too


def problems(notebook: Cell) -> list[str]:
    """Everything that is wrong with a stored notebook, each with its cell and the remedy."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    found = [*_of_notebook(notebook, code)]
    for number, cell in enumerate(code, 1):
        first = cell.source.strip().splitlines()[0] if cell.source.strip() else "(empty)"
        faults = [*_of_storage(cell, number), *_of_outputs(cell), *_of_source(cell)]
        found += [f"code cell {number} ({first!r}): {fault}" for fault in faults]
    return [*found, *_unproven(code), *_unshown(notebook.cells)]


def tags(cell: Cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def _of_notebook(notebook: Cell, code: list[Cell]) -> Iterator[str]:
    if not code:
        yield "there is no code cell; a notebook without code has nothing to check"
    ids = Counter(cell.get("id") for cell in notebook.cells)
    if len(ids) < len(notebook.cells):
        (name, _), *_ = ids.most_common(1)
        yield f"cell ids are missing or repeated ({name}); save it in JupyterLab"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3; record it again"
    if extra := sorted(set(notebook.metadata) - {"kernelspec", "language_info"}):
        yield f"its metadata holds {', '.join(extra)}; record it again"
    if any(cell.metadata for cell in notebook.cells if cell.cell_type != "code"):
        yield "a Markdown cell holds metadata; record the notebook"
    if len(notebook.cells) - len(code) < LEAST_MARKDOWN * len(code):
        yield f"{len(notebook.cells) - len(code)} Markdown to {len(code)} code cells; explain more"
    counted = [cell for cell in code if "downloads" not in tags(cell)]
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in counted)
    if ignored > MOST_IGNORED * len(counted):
        yield (
            f"{ignored} of {len(counted)} code cells ignore their output, more than "
            f"{MOST_IGNORED:.0%}; compare what is the same on every machine"
        )


def _of_storage(cell: Cell, number: int) -> Iterator[str]:
    """Whether the cell was stored by a recording, with tags that mean something."""
    if cell.execution_count != number:
        state = "never executed" if cell.execution_count is None else f"has {cell.execution_count}"
        yield f"its execution count should be {number} and it {state}; record the notebook"
    if unknown := set(tags(cell)) - KNOWN_TAGS:
        yield f"unknown tag {', '.join(sorted(unknown))}; known are {', '.join(sorted(KNOWN_TAGS))}"
    if NBVAL_COMMENT.search(cell.source):
        yield "nbval's comment markers are silently missed at times; use a cell tag"
    if extra := set(cell.metadata) - {"tags"}:
        yield f"metadata {', '.join(sorted(extra))}; record the notebook"


def _of_outputs(cell: Cell) -> Iterator[str]:
    if _failed(cell) and "raises-exception" not in tags(cell):
        yield "it stores an error; mend it, or tag it raises-exception if it is meant to fail"
    if not _failed(cell) and "raises-exception" in tags(cell):
        yield "it is tagged raises-exception and stores no error; record the notebook"
    if "application/vnd.jupyter.widget" in json.dumps(cell.outputs):
        yield "its output is a widget, which can't be stored; use plain text (tqdm, not its widget)"
    for output in cell.outputs:
        texts = [output.get("text", ""), *output.get("data", {}).values()]
        texts += output.get("traceback", [])
        if path := next((m for text in texts if (m := MACHINE_PATH.search(str(text)))), None):
            yield f"its output holds a path of the machine it ran on ({path[0]}…); don't print it"


def _of_source(cell: Cell) -> Iterator[str]:
    if MAGIC.search(cell.source):
        yield "magics and shell commands differ between machines; name the command in Markdown"
        return
    body = _statements(cell)
    if not body:
        yield "it holds no statement that Python can parse; mend or delete it"
        return
    calls = [_called(statement) for statement in body]
    has_figure = any("image/png" in output.get("data", {}) for output in cell.outputs)
    if any(map(_draws, calls)) and (calls[-1] != "plt.show" or not (has_figure or _failed(cell))):
        yield "a cell that draws ends with plt.show() and stores its figure"
    if "downloads" in tags(cell) or _failed(cell):
        return
    if "print" in calls and not any(output.get("name") == "stdout" for output in cell.outputs):
        yield "it prints and stores nothing printed; record the notebook"
    shows = isinstance(body[-1], ast.Expr) and isinstance(
        body[-1].value, ast.Name | ast.Attribute | ast.BinOp | ast.Compare | ast.Subscript
    )
    if shows and not any(output.output_type == "execute_result" for output in cell.outputs):
        yield "its last line is a value and no value is stored; record the notebook"


def _failed(cell: Cell) -> bool:
    return any(output.output_type == "error" for output in cell.outputs)


def _statements(cell: Cell) -> list[ast.stmt]:
    try:
        return ast.parse(cell.source).body
    except SyntaxError:
        return []


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
        if not (_asserts(cell) or (compared and _asserts(below))):
            yield (
                f"code cell {number} ignores its output and neither it nor a compared cell right "
                "below asserts what was found; add expect(…) or assert"
            )


def _asserts(cell: Cell) -> bool:
    nodes = (node for statement in _statements(cell) for node in ast.walk(statement))
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "expect")
        for node in nodes
    )


def _unshown(cells: list[Cell]) -> Iterator[str]:
    """Numbers in the text that neither a cell nor its output shows, to the decimals stated."""
    shown: list[float] = []
    for cell in cells:
        if cell.cell_type == "code":
            texts = [cell.source]
            for output in cell.outputs:
                texts += [output.get("text", ""), output.get("data", {}).get("text/plain", "")]
            shown += [
                float(n.replace(",", "").strip("_")) for n in NUMBER.findall("\n".join(texts))
            ]
    for number, cell in enumerate(cells, 1):
        for stated in PRECISE.findall(cell.source) if cell.cell_type == "markdown" else []:
            tolerance = 0.5001 * 10.0 ** -len(stated.partition(".")[2]) if "." in stated else 0
            value = float(stated.replace(",", ""))
            if not any(abs(value - other) <= tolerance for other in shown):
                yield f"cell {number} says {stated}, and no code cell or output shows that number"
