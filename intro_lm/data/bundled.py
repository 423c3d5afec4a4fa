"""The datasets that need no network: names of many languages, and PyTorch's own manual."""

from __future__ import annotations

import ast
import csv
import hashlib
from collections import Counter, defaultdict
from importlib import resources
from importlib.metadata import version
from pathlib import Path

import torch

from intro_lm.checks import require_choice
from intro_lm.data.downloads import DatasetUnavailableError
from intro_lm.data.splits import split, without_held_out

# Origins that are countries, not languages (see names.md).
COUNTRIES = {
    "Algeria", "India", "Ireland", "Kenya", "New Zealand", "Nigeria", "Pakistan", "Thailand",
}  # fmt: skip
LANGUAGES = 14  # that `name_origins` tells apart
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
TORCH_DOCS_SHA256 = "aec6f9f0e881ba476922b0f347f86a1b9485671a118b70e9244e8876cd6d334f"


def names(kind: str = "given") -> list[str]:
    """Distinct bundled names of one kind (`given` or `family`), in alphabetical order."""
    require_choice(("given", "family"), kind=kind)
    return sorted({row["name"] for row in _rows() if row["kind"] == kind})


def name_origins() -> tuple[list[str], list[str]]:
    """Names listed under one origin only, and their language, in alphabetical order.

    They are given and family names of the 14 languages with the most such names. A name that is in
    a second list, even a country's, is left out. The label says which list has the name, and
    nothing about any person.
    """
    origins = defaultdict(set)
    for row in _rows():
        origins[row["name"]].add(row["origin"])
    single = {name: next(iter(found)) for name, found in origins.items() if len(found) == 1}
    counts = Counter(origin for origin in single.values() if origin not in COUNTRIES)
    languages = {language for language, _ in counts.most_common(LANGUAGES)}
    pairs = sorted((name, origin) for name, origin in single.items() if origin in languages)
    return [name for name, _ in pairs], [origin for _, origin in pairs]


def unlabelled_names() -> list[str]:
    """All bundled names that name-origins doesn't validate or test on, for pretraining."""
    texts, labels = name_origins()
    every_name = sorted({row["name"] for row in _rows()})
    return without_held_out(every_name, split(texts, labels=labels))


def torch_docs() -> list[str]:
    """The docstrings of `torch.nn`, one text per file, read from the installed PyTorch.

    They are the same on every Python and system. Another release of PyTorch has others, and raises
    a `DatasetUnavailableError`.
    """
    folder = Path(torch.__file__).parent / "nn"
    found = []
    for path in sorted(folder.rglob("*.py"), key=lambda path: path.relative_to(folder).as_posix()):
        nodes = ast.walk(ast.parse(path.read_bytes()))
        docstrings = [ast.get_docstring(node) for node in nodes if isinstance(node, DOCUMENTED)]
        found.append("\n\n".join(filter(None, docstrings)))
    texts = [text for text in found if text]
    if hashlib.sha256("\0".join(texts).encode()).hexdigest() != TORCH_DOCS_SHA256:
        raise DatasetUnavailableError(
            f"torch-docs are PyTorch 2.13.0's docstrings, and PyTorch {version('torch')} has "
            "others; install that release (pip install -r requirements.txt)"
        )
    return texts


def _rows() -> list[dict[str, str]]:
    table = resources.files("intro_lm.data") / "names.csv"
    with table.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))
