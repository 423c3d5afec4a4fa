"""Texts from a file of your own: .txt, .csv, .jsonl, .parquet."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intro_lm.data.splits import split

if TYPE_CHECKING:
    from datasets import DatasetDict

Columns = dict[str, list[Any]]


def load_file(path: str | Path, *, text: str = "text", label: str | None = None) -> DatasetDict:
    """A file of your own, split as `load` does; its columns become `text` and perhaps `label`.

    Args:
        path: a `.txt` file (one text a line), or a `.csv`, `.jsonl` or `.parquet` file with
            columns. Text files are UTF-8, with or without a byte order mark.
        text: the column with the texts.
        label: the column with the labels, if any: all strings or all whole numbers.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another ending, a file that is not what its ending says, bytes that are not
            UTF-8 text, no such column, a text that is not a string, or as `split`.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise ValueError(
            f"{path.name} ends in {path.suffix!r}; files may end in {', '.join(READERS)}"
        )
    columns = READERS[path.suffix](path)
    if not any(columns.values()):
        raise ValueError(f"{path.name}: the corpus is empty: there is no text to split")
    for column in (text, label):
        if column is not None and column not in columns:
            raise ValueError(f"{path.name} has no column {column!r}; it has {', '.join(columns)}")
    for row, value in enumerate(columns[text]):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{path.name}: the text of row {row} is {value!r}, not a string")
    try:
        return split(columns[text], labels=None if label is None else columns[label])
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark.

    Raises:
        ValueError: a byte is not UTF-8, or is NUL, which isn't text; names it and its position.
    """
    raw = path.read_bytes()
    try:
        decoded = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}; "
            "save the file as UTF-8 and load it again"
        ) from None
    if "\0" in decoded:
        raise ValueError(
            f"{path.name} is not text: byte 0x00 at position {raw.index(0)}, as in UTF-16 and "
            "binary files; save the file as UTF-8 and load it again"
        )
    return decoded


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file that are not blank."""
    # splitlines would cut at U+2028 and others too
    lines = read_text(path).replace("\r\n", "\n").split("\n")
    return [line for line in lines if line.strip()]


def speeches(path: Path) -> list[str]:
    """The texts of a file that blank lines separate."""
    return [text for text in read_text(path).replace("\r\n", "\n").split("\n\n") if text.strip()]


def articles(lines: Iterable[str]) -> Iterator[str]:
    """The articles of WikiText, whose rows are lines: each begins with its title, ` = Title = `."""
    article: list[str] = []
    for line in lines:
        if re.match(r" = [^=].* = $", line.rstrip("\n")) and article:
            yield "".join(article)
            article = []
        if article or line.strip():
            article.append(line)
    if article:
        yield "".join(article)


def _read_csv(path: Path) -> Columns:
    csv.field_size_limit(2**31 - 1)  # by default a text may be 131,072 characters long
    table = [row for row in csv.reader(io.StringIO(read_text(path), newline="")) if row]
    header, *rows = table or [[]]
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(
                f"{path.name}: row {number} has {len(row)} fields and the header {len(header)}; "
                "put fields with commas or line ends between double quotes"
            )
    return {name: [row[column] for row in rows] for column, name in enumerate(header)}


def _read_jsonl(path: Path) -> Columns:
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise ValueError(
                    f"{path.name}: line {number} is {line[:40]!r}, not a JSON object ({error})"
                ) from None
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _read_parquet(path: Path) -> Columns:
    import pyarrow
    from datasets import ClassLabel, Features
    from pyarrow import parquet

    try:
        table = parquet.read_table(path)
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{path.name} is not a whole Parquet file ({error})") from None
    columns = table.to_pydict()
    for name, feature in Features.from_arrow_schema(table.schema).items():
        if isinstance(feature, ClassLabel):
            names = dict(enumerate(feature.names))  # -1 has none: on the Hub it is a missing label
            columns[name] = [names.get(number) for number in columns[name]]
    return columns


READERS: dict[str, Callable[[Path], Columns]] = {
    ".txt": lambda path: {"text": read_lines(path)},
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
