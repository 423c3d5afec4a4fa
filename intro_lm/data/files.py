"""Texts from your own file: .txt, .csv, .jsonl, .parquet."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intro_lm.data.splits import split

if TYPE_CHECKING:
    from datasets import DatasetDict

Columns = dict[str, list[Any]]


def load_file(path: str | Path, *, text: str = "text", label: str | None = None) -> DatasetDict:
    """Your own file, split as `load` does; its columns become `text` and perhaps `label`.

    Args:
        path: a `.txt` file (one text per line), or a `.csv`, `.jsonl` or `.parquet` file with
            columns. Text files are UTF-8, with or without a byte order mark.
        text, label: the columns with the texts and, if any, the labels, as `split` takes them.

    Raises:
        ValueError: the file doesn't match its ending, lacks a column, or can't be split.
    """
    path = Path(path)
    read = READERS.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"{path.name} must end in one of {', '.join(READERS)}")
    wanted = [text] if label is None else [text, label]
    try:
        columns = read(path, wanted)
        return split(columns[text], labels=None if label is None else columns[label])
    except (ValueError, NotImplementedError) as error:  # pyarrow's are both
        raise ValueError(f"{path.name}: {error}") from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark; a `ValueError` if it isn't one."""
    text = path.read_bytes().decode("utf-8-sig")
    if "\0" in text:
        raise ValueError("it holds NUL bytes, as UTF-16 and binary files do; save it as UTF-8")
    return text.replace("\r\n", "\n")


def read_lines(path: Path) -> list[str]:
    """The lines of a UTF-8 file that are not blank."""
    # splitlines would cut at U+2028 and others too
    return [line for line in read_text(path).split("\n") if line.strip()]


def speeches(path: Path) -> list[str]:
    """The texts of a file that blank lines separate."""
    return [text for text in read_text(path).split("\n\n") if text.strip()]


def _require_columns(wanted: list[str], names: list[str]) -> None:
    """Refuse a table that lacks a wanted column, or has it twice."""
    for name in wanted:
        if names.count(name) != 1:
            count = "two columns" if name in names else "no column"
            raise ValueError(f"{count} {name!r}; it has {', '.join(names)}")


def _read_txt(path: Path, wanted: list[str]) -> Columns:
    _require_columns(wanted, ["text"])
    return {"text": read_lines(path)}


def _read_csv(path: Path, wanted: list[str]) -> Columns:
    csv.field_size_limit(2**31 - 1)  # the default limit is 131,072 characters
    lines = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    header = next(lines, [])
    _require_columns(wanted, header)
    rows = []
    first = lines.line_num + 1  # of the next row, which may span several lines
    try:
        for row in lines:
            if row and len(row) != len(header):
                raise csv.Error(f"{len(row)} fields, and the header {len(header)}")
            # A quote that is closed many rows too late: the lines of its text look like rows.
            lines_of_texts = [field.split("\n")[1:-1] for field in row if field.count("\n") > 10]
            for inner in lines_of_texts if len(header) > 1 else []:
                if all(len(fields) == len(header) for fields in csv.reader(inner)):
                    raise csv.Error(f"a text of {len(inner) + 2} lines, each like a row")
            rows += [row] if row else []
            first = lines.line_num + 1
    except csv.Error as error:
        raise ValueError(
            f"the row that begins in line {first} has {error}; close every double quote, and put "
            "texts with commas or line ends in double quotes"
        ) from None
    return {name: [row[header.index(name)] for row in rows] for name in wanted}


def _read_jsonl(path: Path, wanted: list[str]) -> Columns:
    def one_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        _require_columns([name for name in wanted if name in dict(pairs)], [n for n, _ in pairs])
        return dict(pairs)

    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append(dict(json.loads(line, object_pairs_hook=one_of_each)))
            except (ValueError, TypeError) as error:
                raise ValueError(f"line {number} is not a JSON object ({error})") from None
    _require_columns(wanted, list(dict.fromkeys(name for row in rows for name in row)))
    return {name: [row.get(name) for row in rows] for name in wanted}


def _read_parquet(path: Path, wanted: list[str]) -> Columns:
    from datasets import ClassLabel, Features
    from pyarrow import parquet

    file = parquet.ParquetFile(path)
    _require_columns(wanted, file.schema_arrow.names)
    table = file.read(wanted)
    columns = table.to_pydict()
    for name, feature in Features.from_arrow_schema(table.schema).items():
        if isinstance(feature, ClassLabel):
            names = dict(enumerate(feature.names))  # none for -1, the Hub's missing label
            columns[name] = [names.get(number) for number in columns[name]]
    return columns


READERS: dict[str, Callable[[Path, list[str]], Columns]] = {
    ".txt": _read_txt,
    ".csv": _read_csv,
    ".jsonl": _read_jsonl,
    ".parquet": _read_parquet,
}
