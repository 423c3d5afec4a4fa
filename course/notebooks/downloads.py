"""Which datasets a notebook's download sections need, and fetching them before a kernel starts.

A notebook that fetches while it runs prints progress, and its outputs then differ from those of an
execution that found the data in the cache. So the data are fetched before notebooks are executed.
"""

from __future__ import annotations

import re
from typing import Any

from course.notebooks.check import code_cells, tags

STREAMED = ("tiny-stories",)  # the notebooks read a few of its rows, of gigabytes
AVAILABLE = re.compile(r"""\bavailable\(["']([\w-]+)["']\)""")


def dataset_of_cells(cells: list[Any]) -> list[str | None]:
    """For each code cell, the dataset in the latest `data.available("…")` at or above it."""
    latest, names = None, []
    for cell in cells:
        for match in AVAILABLE.finditer(cell.source):
            latest = match[1]
        names.append(latest)
    return names


def missing_datasets(notebook: Any) -> list[str]:
    """Of the datasets that cells tagged `downloads` need, those that can't be fetched."""
    code = code_cells(notebook)
    pairs = zip(code, dataset_of_cells(code), strict=True)
    needed = sorted({name for cell, name in pairs if name and "downloads" in tags(cell)})
    return [name for name in needed if not fetch(name)]


def fetch(name: str) -> bool:
    """Bring a dataset into the cache; whether it is there now (streamed ones: can be reached)."""
    from intro_lm import data

    if name in STREAMED:
        return data.available(name)
    try:
        data.load(name)
    except data.DatasetUnavailableError:
        return False
    return True
