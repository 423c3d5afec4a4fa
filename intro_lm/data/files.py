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
        text, label: the columns with the texts and, if any, the labels, as `split` takes them.

    Raises:
        ValueError: the file is not what its ending says, has no such column, or as `split`.
    """
    path = Path(path)
    if path.suffix not in READERS:
        raise ValueError(f"{path.name} must end in one of {', '.join(READERS)}")
    try:
        columns = READERS[path.suffix](path)
        for column in (text, label):
            if column is not None and column not in columns:
                raise ValueError(f"no column {column!r}; it has {', '.join(columns)}")
        return split(columns[text], labels=None if label is None else columns[label])
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None


def read_text(path: Path) -> str:
    """The text of a UTF-8 file, without its byte order mark; a `ValueError` if it is not one."""
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


def articles(lines: Iterable[str]) -> Iterator[str]:
    """The articles of WikiText, whose rows are lines: each begins with its title, ` = Title = `."""
    # A subtitle has more signs of equality: ` = = Part = = `.
    titles = re.split(r"(?m)^(?= = [^=].* = $)", "".join(lines))
    return (re.sub(r"^\s*\n", "", article) for article in titles if article.strip())


def _read_csv(path: Path) -> Columns:
    csv.field_size_limit(2**31 - 1)  # by default a text may be 131,072 characters long
    reader = csv.reader(io.StringIO(read_text(path), newline=""))
    header, *rows = [row for row in reader if row] or [[]]
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(
                f"row {number} has {len(row)} fields and the header {len(header)}; put a text with "
                "commas or line ends between double quotes"
            )
    return {name: [row[column] for row in rows] for column, name in enumerate(header)}


def _read_jsonl(path: Path) -> Columns:
    rows = []
    for number, line in enumerate(read_text(path).split("\n"), start=1):
        if line.strip():
            try:
                rows.append(dict(json.loads(line)))
            except (ValueError, TypeError) as error:
                raise ValueError(f"line {number} is not a JSON object ({error})") from None
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _read_parquet(path: Path) -> Columns:
    from datasets import ClassLabel, Features
    from pyarrow import parquet

    table = parquet.read_table(path)
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
