"""The static check of a stored notebook: what nbval would pass and must not.

`problems(notebook)` reads the notebook as it is stored and executes nothing.
"""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

KNOWN_TAGS = {"nbval-ignore-output", "raises-exception", "downloads"}
MOST_IGNORED = 0.4  # of the code cells outside download sections
LEAST_MARKDOWN = 0.8  # Markdown cells to each code cell
WIDGET = "application/vnd.jupyter.widget"
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
        found += [f"code cell {number} ({first!r}): {text}" for text in _of_cell(cell, number)]
    found += _unproven(code)
    found += _unshown(notebook.cells)
    return found


def tags(cell: Cell) -> list[str]:
    return list(cell.metadata.get("tags", []))


def has_figure(cell: Cell) -> bool:
    return any("image/png" in output.get("data", {}) for output in cell.outputs)


def _of_notebook(notebook: Cell, code: list[Cell]) -> Iterator[str]:
    if not code:
        yield "there is no code cell; a notebook without code has nothing to check"
    repeated = [
        key for key, n in Counter(cell.get("id") for cell in notebook.cells).items() if n > 1
    ]
    if repeated:
        yield f"cell ids are missing or repeated ({repeated[0]}); save it in JupyterLab"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3; record it again"
    if set(notebook.metadata) - {"kernelspec", "language_info"}:
        extra = sorted(set(notebook.metadata) - {"kernelspec", "language_info"})
        yield f"its metadata holds {', '.join(extra)}; record it again"
    if any(cell.metadata for cell in notebook.cells if cell.cell_type != "code"):
        yield "a Markdown cell holds metadata; record the notebook"
    if len(notebook.cells) - len(code) < LEAST_MARKDOWN * len(code):
        yield f"{len(notebook.cells) - len(code)} Markdown to {len(code)} code cells; explain more"
    counted = [cell for cell in code if "downloads" not in tags(cell)]
    ignored = sum("nbval-ignore-output" in tags(cell) for cell in counted)
    if counted and ignored > MOST_IGNORED * len(counted):
        yield (
            f"{ignored} of {len(counted)} code cells ignore their output, more than "
            f"{MOST_IGNORED:.0%}; compare what is the same on every machine"
        )


def _of_cell(cell: Cell, number: int) -> Iterator[str]:
    if cell.execution_count != number:
        state = "never executed" if cell.execution_count is None else f"has {cell.execution_count}"
        yield f"its execution count should be {number} and it {state}; record the notebook"
    unknown = set(tags(cell)) - KNOWN_TAGS
    if unknown:
        yield f"unknown tag {', '.join(sorted(unknown))}; known are {', '.join(sorted(KNOWN_TAGS))}"
    if NBVAL_COMMENT.search(cell.source):
        yield "nbval's comment markers are silently missed at times; use a cell tag"
    if set(cell.metadata) - {"tags"}:
        yield f"metadata {', '.join(sorted(set(cell.metadata) - {'tags'}))}; record the notebook"
    errors = any(output.output_type == "error" for output in cell.outputs)
    if errors and "raises-exception" not in tags(cell):
        yield "it stores an error; mend it, or tag it raises-exception if it is meant to fail"
    if not errors and "raises-exception" in tags(cell):
        yield "it is tagged raises-exception and stores no error; record the notebook"
    stored = json.dumps(cell.outputs, ensure_ascii=False)
    if WIDGET in stored:
        yield "its output is a widget, which can't be stored; use plain text (tqdm, not its widget)"
    for output in cell.outputs:
        texts = [output.get("text", ""), *output.get("data", {}).values()]
        texts += output.get("traceback", [])
        path = next((m for text in texts if (m := MACHINE_PATH.search(str(text)))), None)
        if path:
            yield f"its output holds a path of the machine it ran on ({path[0]}…); don't print it"
    yield from _of_source(cell, errors)


def _of_source(cell: Cell, errors: bool) -> Iterator[str]:
    if MAGIC.search(cell.source):
        yield "magics and shell commands differ between machines; name the command in Markdown"
        return
    try:
        body = ast.parse(cell.source).body
    except SyntaxError as error:
        if not errors:
            yield f"it does not parse: {error.msg}"
        return
    if not body:
        yield "it holds no statement; delete it"
        return
    calls = [_called(statement) for statement in body]
    if any(_draws(call) for call in calls) and (
        calls[-1] != "plt.show" or not (errors or has_figure(cell))
    ):
        yield "a cell that draws ends with plt.show() and stores its figure"
    if "downloads" in tags(cell) or errors:
        return
    printed = any(output.get("name") == "stdout" for output in cell.outputs)
    if "print" in calls and not printed:
        yield "it prints and stores nothing printed; record the notebook"
    shows = isinstance(body[-1], ast.Expr) and isinstance(
        body[-1].value, ast.Name | ast.Attribute | ast.BinOp | ast.Compare | ast.Subscript
    )
    if shows and not any(output.output_type == "execute_result" for output in cell.outputs):
        yield "its last line is a value and no value is stored; record the notebook"


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
    for number, cell in enumerate(code, 1):
        if "nbval-ignore-output" not in tags(cell):
            continue
        following = code[number] if number < len(code) else None
        compared = following is not None and "nbval-ignore-output" not in tags(following)
        if not (_asserts(cell) or (compared and _asserts(following))):
            yield (
                f"code cell {number} ignores its output and neither it nor a compared cell right "
                "below asserts what was found; add expect(…) or assert"
            )


def _asserts(cell: Cell) -> bool:
    try:
        tree = ast.parse(cell.source)
    except SyntaxError:
        return False
    return any(
        isinstance(node, ast.Assert)
        or (isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "expect")
        for node in ast.walk(tree)
    )


def _unshown(cells: list[Cell]) -> Iterator[str]:
    """Numbers in the text that neither a cell nor its output shows, to the decimals stated."""
    shown: list[float] = []
    for cell in cells:
        if cell.cell_type != "code":
            continue
        texts = [cell.source]
        for output in cell.outputs:
            data = output.get("data", {})
            texts += [output.get("text", ""), data.get("text/plain", "")]
        for text in texts:
            shown += [float(number.replace(",", "").strip("_")) for number in NUMBER.findall(text)]
    for number, cell in enumerate(cells, 1):
        if cell.cell_type != "markdown":
            continue
        for stated in PRECISE.findall(cell.source):
            tolerance = 0.5001 * 10.0 ** -len(stated.partition(".")[2]) if "." in stated else 0
            value = float(stated.replace(",", ""))
            if not any(abs(value - other) <= tolerance for other in shown):
                yield f"cell {number} says {stated}, and no code cell or output shows that number"
