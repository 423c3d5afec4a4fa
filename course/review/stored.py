"""A notebook as it is stored: read with nbformat, never executed.

What isn't a valid notebook is refused with the reason (`UnreadableError`). Of a valid one only what
a report shows is kept, with long texts cut, so that hundreds fit into memory.
"""

from __future__ import annotations

import codecs
import json
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby
from typing import Any

import nbformat
from nbformat.validator import ValidationError, normalize, validate

from course.display import KEY
from course.meaning import digest
from course.review.texts import Text, one_line, quoted, sha256, shortened

MOST_BYTES = 100_000_000
MOST_CELLS = 1_000
MOST_OUTPUTS = 30  # of one cell that are shown
MOST_PUBLISHED = 500  # outputs of one cell in which results of the package are looked for
ID = re.compile(r"[\w-]{1,64}", re.ASCII)
LONGEST_CODE = 20_000  # characters of a cell that are taken for Python
COMMENT = re.compile(r"#[ \t]*(\S.*)")
CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)


class UnreadableError(ValueError):
    """A file is not a notebook that can be read; the message says why."""


@dataclass(frozen=True)
class Output:
    """One output of a cell."""

    kind: str  # stdout, stderr, display_data, execute_result or error
    texts: tuple[Text, ...] = ()  # the plain one first; of an error its last line, the traceback
    pictures: tuple[tuple[str, str], ...] = ()  # MIME types and base64 texts
    metadata: dict[str, Any] = field(default_factory=dict)  # stored by the package, as for `expect`


@dataclass(frozen=True)
class Cell:
    """A cell."""

    id: str
    kind: str  # code, markdown or raw
    source: str
    tags: tuple[str, ...] = ()
    count: int | None = None  # its execution count; None if it has not run
    outputs: tuple[Output, ...] = ()
    left_out: int = 0  # outputs that are too many to show
    size: int = 0  # characters of all its outputs as stored
    outputs_digest: str = ""  # of all its outputs
    in_session: bool = False  # whether an output names the session of the kernel that gave it

    @cached_property
    def digest(self) -> str:
        """What its code does, as an exercise stores it for its answer."""
        return digest(self.source) if len(self.source) < LONGEST_CODE else sha256(self.source)

    @cached_property
    def content(self) -> tuple[str, ...]:
        """What two cells have in common that differ in layout alone."""
        if self.kind != "code":
            return self.kind, *self.source.split()
        comments = COMMENT.findall(self.source.replace("'", '"'))
        return self.kind, self.digest, *map(str.rstrip, comments)

    @property
    def is_code(self) -> bool:
        """Whether there is code to run; JupyterLab gives an empty cell no count."""
        return self.kind == "code" and bool(self.source.strip())


@dataclass(frozen=True)
class Notebook:
    cells: tuple[Cell, ...]

    def code(self) -> list[tuple[int, Cell]]:
        """Each cell with code and its index, which counts all cells from 1, as JupyterLab does."""
        return [(index, cell) for index, cell in enumerate(self.cells, 1) if cell.is_code]

    def published(self) -> Iterator[tuple[int, Cell, Output]]:
        """Each output with metadata of the package, with its cell and that cell's index."""
        for index, cell in self.code():
            for output in cell.outputs:
                if output.metadata:
                    yield index, cell, output


def without_outputs(notebook: Notebook, indices: Collection[int]) -> Notebook:
    """The notebook as it would be if these cells had not run."""
    cells = [
        replace(cell, count=None, outputs=(), size=0) if index in indices else cell
        for index, cell in enumerate(notebook.cells, 1)
    ]
    return Notebook(tuple(cells))


def parse(content: bytes) -> Notebook:
    """What a report needs of the notebook in a file, else UnreadableError."""
    return summary(read(content))


def summary(notebook: nbformat.NotebookNode) -> Notebook:
    """What a report needs of a notebook."""
    return Notebook(tuple(map(_cell, notebook.cells)))


def read(content: bytes) -> nbformat.NotebookNode:
    """The notebook in a file: valid, with texts in one piece and unique ids.

    Raises:
        UnreadableError: it isn't a notebook; the message says why.
    """
    if len(content) > MOST_BYTES:
        raise UnreadableError(f"it holds more than {MOST_BYTES / 1e6:,.0f} MB")
    wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if wide else "utf-8-sig", errors="replace")
    try:
        stored = json.loads(text)
    except RecursionError:
        raise UnreadableError("its JSON is nested too deeply for a notebook") from None
    except ValueError as error:
        hint = "" if text.rstrip().endswith("}") else "it is cut off; "
        hint = "it holds the marks of a merge conflict; " if CONFLICT.search(text) else hint
        hint = hint if text.strip() else "the file is empty; "
        raise UnreadableError(f"{hint}it holds no JSON: {quoted(error, 120)}") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("cells"), list):
        old = isinstance(stored, dict) and "worksheets" in stored
        remedy = ": its format is older than 4; open and save it in JupyterLab" if old else ""
        raise UnreadableError(f"it is JSON, but not a notebook with cells{remedy}")
    if len(stored["cells"]) > MOST_CELLS:
        raise UnreadableError(f"it has more than {MOST_CELLS:,} cells")
    try:
        notebook = nbformat.v4.reads(text)
        notebook.nbformat_minor = max(5, notebook.nbformat_minor)  # since 4.5 cells have ids
        for cell in notebook.cells:
            if "id" not in cell and ID.fullmatch(str(cell.metadata.get("id", ""))):
                cell.id = cell.metadata.id  # where some tools keep it
        with warnings.catch_warnings(action="ignore"):  # about missing ids, which it adds
            _, notebook = normalize(notebook)
        validate(notebook, relax_add_props=True)
        for cell in notebook.cells:
            cell.source = cell.source.replace("\r\n", "\n")
    except ValidationError as error:
        raise UnreadableError(f"it isn't a valid notebook: {quoted(error.message, 160)}") from None
    except (AttributeError, LookupError, TypeError, ValueError, RecursionError) as error:
        # nbformat's own steps before the validation, on what they don't expect
        raise UnreadableError(f"it isn't a valid notebook ({type(error).__name__})") from None
    return notebook


def _cell(stored: nbformat.NotebookNode) -> Cell:
    is_code = stored.cell_type == "code"
    outputs = _joined(stored.outputs) if is_code else []
    shown = outputs[:MOST_OUTPUTS]
    shown += [one for one in outputs[MOST_OUTPUTS:MOST_PUBLISHED] if published(one)]
    as_json = json.dumps(outputs, sort_keys=True)
    return Cell(
        id=stored.get("id", ""),
        kind=stored.cell_type,
        source=stored.source,
        tags=tuple(map(one_line, stored.metadata.get("tags", []))),
        count=stored.execution_count if is_code else None,
        outputs=tuple(map(_output, shown)),
        left_out=len(outputs) - len(shown),
        size=len(as_json),
        outputs_digest=sha256(as_json),
        in_session=any("session" in output.get("metadata", {}) for output in outputs),
    )


def _joined(outputs: list[Any]) -> list[Any]:
    """The outputs, with the pieces of a stream put together."""
    joined: list[Any] = []
    for stream, group in groupby(outputs, lambda one: one.output_type == "stream" and one.name):
        pieces = list(group)
        if stream:
            pieces = [pieces[0] | {"text": "".join(piece.text for piece in pieces)}]
        joined += pieces
    return joined


def _output(stored: Any) -> Output:
    kind = stored["output_type"]
    if kind == "stream":
        name = "stderr" if stored["name"] == "stderr" else "stdout"
        return Output(name, (shortened(stored["text"]),))
    if kind == "error":
        last = f"{stored['ename']}: {stored['evalue']}"
        return Output(kind, (shortened(last), shortened("\n".join(stored["traceback"]) or last)))
    forms = texts_of(stored)
    return Output(
        kind,
        tuple(shortened(text, mime) for mime, text in forms if not is_picture(mime)),
        tuple((one_line(mime), text) for mime, text in forms if is_picture(mime)),
        published(stored),
    )


def is_picture(mime: str) -> bool:
    """Whether a form of an output is base64 text; SVG is a text, which can hold scripts."""
    return mime.startswith("image/") and mime != "image/svg+xml"


def texts_of(output: Any) -> list[tuple[str, str]]:
    """The forms in which an output stores one thing: MIME types and texts, the plain one first."""
    forms = {
        mime: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
        for mime, value in output.get("data", {}).items()
    }
    return sorted(forms.items(), key=lambda form: (form[0] != "text/plain", form[0]))


def published(output: Any) -> dict[str, Any]:
    """What the package stored with an output: the fields that it knows, if they are plain."""
    metadata = output.get("metadata")
    given = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(given, dict):
        return {}
    known: dict[str, Any] = {}
    for name in ("exercise", "outcome", "version", "answer", "number"):
        if isinstance(given.get(name), str):
            known[name] = one_line(given[name][:200])
    if type(given.get("value")) in (int, float):
        known["value"] = given["value"]
    for name in ("failed", "needs"):
        if isinstance(given.get(name), list):
            known[name] = [quoted(each) for each in given[name][:20]]
    return known
