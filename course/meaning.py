"""What a cell of code does, however it is laid out."""

from __future__ import annotations

import ast
import contextlib
import hashlib
import re
from functools import lru_cache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

MOST_MAGICS = 50  # of one cell: IPython takes a second for some hundreds


def as_python(source: str) -> str:
    """A cell's code with IPython's magics translated, as far as it can be."""
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        if len(re.findall("[%!?]", source)) <= MOST_MAGICS:
            with contextlib.suppress(SyntaxError, ValueError, RuntimeError, MemoryError):
                return TransformerManager().transform_cell(source)
    return source


@lru_cache(maxsize=4096)  # most cells that a report reads are the curriculum's
def digest(source: str) -> str:
    """The sha256 of what a cell does: comments, layout, quotes and line ends are left out.

    Every Python gives the same. Of a cell that isn't Python it is the sha256 of its text.
    """
    try:
        text = repr(_nodes(ast.parse(as_python(source))))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        text = "\n".join(source.splitlines()).strip()
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _nodes(part: Any) -> Any:
    """A syntax tree without the fields that are empty, which newer Pythons add."""
    if isinstance(part, ast.JoinedStr):  # Python 3.12 puts an empty text behind some formats
        empty = [each for each in part.values if getattr(each, "value", None) == ""]
        part.values = [each for each in part.values if each not in empty]
    if isinstance(part, ast.AST):
        fields = ((name, each) for name, each in ast.iter_fields(part) if each not in (None, []))
        return type(part).__name__, [(name, _nodes(each)) for name, each in fields]
    return list(map(_nodes, part)) if isinstance(part, list) else repr(part)
