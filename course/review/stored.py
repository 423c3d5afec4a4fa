"""A notebook as it is stored: read without trust, executed never.

What a submission holds is somebody else's data. Whatever can't be a notebook is refused with a
reason (`UnreadableError`); of what can, long texts are cut, and only their digest stays whole.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from course.display import KEY
from course.review.texts import Text, one_line, sha256, shortened

MOST_BYTES = 100_000_000
MOST_CELLS = 1_000
MOST_OUTPUTS = 30  # of one cell
MOST_COUNT = 10_000_000  # no kernel counts so far
MOST_RECORDS = 500  # outputs of one cell that are looked at for what the package stored
LARGE = 1_000_000  # bytes that one cell's outputs may hold before it is worth a mark
CONFLICT = re.compile(rb"^<{7} ", re.MULTILINE)


class UnreadableError(ValueError):
    """A file is not a notebook that can be read; the message says why."""


@dataclass(frozen=True)
class Output:
    """One output of a cell.

    Args:
        kind: stdout, stderr, result, display or error.
        texts: its texts; of several forms of one thing the plain one first.
        pictures: (mime type, base64) of each picture.
        digest: of all that it holds, but for pictures; whatever of it is shown.
        record: what the package stored beside it.
    """

    kind: str
    texts: tuple[Text, ...] = ()
    pictures: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cell:
    """A cell.

    Args:
        count: its execution count; None if it has none.
        outputs: those to be shown, and those with a record.
        left_out: how many others there are.
        size: the bytes of its outputs as stored.
        gave: a digest of each output, shown or not; stderr's apart, since progress bars go there.
        progress: a digest of what went to stderr, and of the pictures.
    """

    id: str
    kind: str  # code, markdown or raw
    source: str
    tags: tuple[str, ...] = ()
    count: int | None = None
    outputs: tuple[Output, ...] = ()
    left_out: int = 0  # outputs beyond `MOST_OUTPUTS`
    size: int = 0
    gave: tuple[str, ...] = ()
    progress: str = ""

    @property
    def digest(self) -> str:
        """The sha256 of the source, as an exercise stores it for its answer."""
        return sha256(self.source.strip())

    @property
    def source_shown(self) -> Text:
        return shortened(self.source)

    @property
    def is_code(self) -> bool:
        """Whether there is code in it to run; JupyterLab gives an empty cell no count."""
        return self.kind == "code" and bool(self.source.strip())


@dataclass(frozen=True)
class Notebook:
    cells: tuple[Cell, ...]

    def code(self) -> list[tuple[int, Cell]]:
        """Each cell with code, with its place among all cells, counted from 1."""
        return [(n, cell) for n, cell in enumerate(self.cells, 1) if cell.is_code]


def parse(content: bytes) -> Notebook:
    """The notebook that a file holds.

    Raises:
        UnreadableError: it holds none; the message says why.
    """
    stored = raw(content)
    return Notebook(tuple(_cell(n, cell) for n, cell in enumerate(stored["cells"], 1)))


def raw(content: bytes) -> dict[str, Any]:
    """The same as dictionaries and lists, of which no more is known than that there are cells."""
    if len(content) > MOST_BYTES:
        raise UnreadableError(
            f"it holds {len(content) / 1e6:,.0f} MB; more than {MOST_BYTES / 1e6:,.0f} are not read"
        )
    if not content.strip():
        raise UnreadableError("the file is empty")
    try:
        stored = json.loads(content)
    except RecursionError:
        raise UnreadableError("its JSON is nested too deeply for a notebook") from None
    except json.JSONDecodeError as error:
        hint = "" if content.rstrip().endswith(b"}") else "it is cut off; "
        hint = "it holds the marks of a merge conflict; " if CONFLICT.search(content) else hint
        raise UnreadableError(
            f"{hint}it holds no JSON: {error.msg} (line {error.lineno}, column {error.colno})"
        ) from None
    except ValueError as error:  # not UTF-8, or a number of thousands of digits
        raise UnreadableError(f"it holds no JSON: {type(error).__name__}") from None
    if not isinstance(stored, dict) or not isinstance(stored.get("cells"), list):
        old = isinstance(stored, dict) and "worksheets" in stored
        remedy = ": its format is older than 4; open and save it in JupyterLab" if old else ""
        raise UnreadableError(f"it is JSON, and not a notebook with cells{remedy}")
    if len(stored["cells"]) > MOST_CELLS:
        raise UnreadableError(
            f"it has {len(stored['cells']):,} cells; more than {MOST_CELLS:,} are not read"
        )
    return stored


def _cell(number: int, stored: Any) -> Cell:
    if not isinstance(stored, dict) or stored.get("cell_type") not in ("code", "markdown", "raw"):
        raise UnreadableError(f"cell {number} is neither code, nor Markdown, nor raw text")
    metadata = stored.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    count = stored.get("execution_count")
    given = stored.get("outputs")
    listed = given if isinstance(given, list) and stored["cell_type"] == "code" else []
    joined = _joined(listed)
    kept = joined[:MOST_OUTPUTS]
    kept += [one for one in joined[MOST_OUTPUTS:MOST_RECORDS] if _record(one)]
    known = count if type(count) is int and 0 < count < MOST_COUNT else None
    gave, progress = _digests(joined)
    return Cell(
        id=_text(stored.get("id")),
        kind=stored["cell_type"],
        source=_text(stored.get("source")),
        tags=tuple(map(one_line, _texts(tags))),
        count=known,
        outputs=tuple(map(_output, kept)),
        left_out=len(joined) - len(kept),
        size=sum(map(_size, joined)),
        gave=gave,
        progress=progress,
    )


def _joined(stored: Any) -> list[dict[str, Any]]:
    """The outputs that are dictionaries, with the pieces of a stream put together."""
    joined: list[dict[str, Any]] = []
    pieces: list[str] = []
    for one in stored if isinstance(stored, list) else []:
        if not isinstance(one, dict):
            continue
        is_stream = one.get("output_type") == "stream"
        if is_stream and joined and joined[-1].get("name") == one.get("name") and pieces:
            pieces.append(_text(one.get("text")))
            continue
        if pieces:
            joined[-1]["text"] = "".join(pieces)
        pieces = [_text(one.get("text"))] if is_stream else []
        joined.append(dict(one) if is_stream else one)
    if pieces:
        joined[-1]["text"] = "".join(pieces)
    return joined


def _output(stored: dict[str, Any]) -> Output:
    kind = stored.get("output_type")
    if kind == "stream":
        text = _text(stored.get("text"))
        name = "stderr" if stored.get("name") == "stderr" else "stdout"
        return Output(name, (shortened(text),), digest=sha256(text))
    if kind == "error":
        name, value = _text(stored.get("ename")), _text(stored.get("evalue"))
        traceback = "\n".join(_texts(stored.get("traceback"))) or f"{name}: {value}"
        said = sha256(f"{name}: {value}")
        return Output("error", (shortened(f"{name}: {value}"), shortened(traceback)), digest=said)
    data = stored.get("data")
    bundle = dict(_forms(data)) if isinstance(data, dict) else {}
    order = sorted(bundle, key=lambda mime: (mime != "text/plain", mime))
    pictures = [mime for mime in order if mime.startswith("image/") and mime != "image/svg+xml"]
    texts = tuple(shortened(bundle[mime], mime) for mime in order if mime not in pictures)
    return Output(
        "result" if kind == "execute_result" else "display",
        texts,
        tuple((one_line(mime), bundle[mime]) for mime in pictures),
        sha256("\0".join(f"{mime}\0{bundle[mime]}" for mime in order if mime not in pictures)),
        _record(stored),
    )


def _record(output: dict[str, Any]) -> dict[str, Any]:
    """What the package stored beside an output: of the fields it knows those that are plain."""
    metadata = output.get("metadata")
    record = metadata.get(KEY) if isinstance(metadata, dict) else None
    if not isinstance(record, dict):
        return {}
    known: dict[str, Any] = {}
    for name in ("exercise", "outcome", "version", "answer", "number"):
        if isinstance(record.get(name), str):
            known[name] = one_line(record[name][:200])
    if type(record.get("value")) in (int, float):
        known["value"] = record["value"]
    if "exercise" in known:
        known["failed"] = [one_line(each[:200]) for each in _texts(record.get("failed"))[:20]]
    return known


def _digests(joined: list[dict[str, Any]]) -> tuple[tuple[str, ...], str]:
    """A digest of what each output gave, and one of progress and pictures."""
    gave, progress = [], hashlib.sha256()
    for one in joined:
        output = _output(one)
        if output.kind == "stderr":
            progress.update(output.digest.encode())
            continue
        for _, picture in output.pictures:
            progress.update(picture.encode(errors="surrogatepass"))
        gave.append(f"{output.kind} {output.digest} {len(output.pictures)}")
    return tuple(gave), progress.hexdigest()


def _forms(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """The forms in which an output stores one thing, as texts."""
    for mime, value in data.items():
        if isinstance(value, str) or (isinstance(value, list) and len(_texts(value)) == len(value)):
            yield mime, _text(value)
            continue
        try:
            yield mime, json.dumps(value, ensure_ascii=False, indent=1)
        except RecursionError:
            yield mime, "(nested too deeply to show)"


def _size(output: dict[str, Any]) -> int:
    data = output.get("data")
    texts = [_text(output.get("text")), *_texts(output.get("traceback"))]
    texts += map(_text, data.values()) if isinstance(data, dict) else []
    return sum(map(len, texts))


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    """A text, which may be stored as a list of lines."""
    return value if isinstance(value, str) else "".join(_texts(value))


def records(notebook: Notebook) -> Iterable[tuple[int, Cell, dict[str, Any]]]:
    """What the package stored beside outputs: the cell's place, the cell, and the record."""
    for number, cell in notebook.code():
        for output in cell.outputs:
            if output.record:
                yield number, cell, output.record
