"""Which datasets a notebook's download sections need, and fetching them before a kernel starts.

A notebook that fetches while it runs prints progress, and its outputs then differ from a run that
found the data in the cache. So whoever executes notebooks fetches first.
"""

from __future__ import annotations

import re
from typing import Any

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


def datasets_of(notebook: Any) -> list[str]:
    """Every dataset that a notebook's cells tagged `downloads` need, in alphabetical order."""
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pairs = zip(code, dataset_of_cells(code), strict=True)
    return sorted({n for cell, n in pairs if n and "downloads" in cell.metadata.get("tags", [])})


def fetch(name: str) -> bool:
    """Bring a dataset into the cache; whether it is there now (streamed ones: can be had)."""
    from intro_lm import data

    if name in STREAMED:
        return data.available(name)
    try:
        data.load(name)
    except data.DatasetUnavailableError:
        return False
    return True
