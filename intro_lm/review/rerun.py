"""Executing a copy of a submission, and holding what comes out against what is stored.

The copy runs in a fresh kernel, in a temporary folder that is deleted afterwards, with a limit on
each cell's time. It runs with the rights of whoever asked for it: this is no sandbox.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from intro_lm.review.marks import Mark, at_cells
from intro_lm.review.outcomes import NOT_CHECKED, Outcome, outcomes
from intro_lm.review.stored import Cell, Notebook, Output, parse, raw, visible

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
CLOSE = 0.02  # numbers that differ by less than this share are the same but for the machine
QUIET = logging.getLogger(__name__)
QUIET.addHandler(logging.NullHandler())
QUIET.propagate = False
COMPARED = ("stdout", "result", "display", "error")  # progress bars go to stderr


@dataclass(frozen=True)
class Rerun:
    """How a second run went: the notebook as it came out, and for each code cell a verdict.

    Args:
        verdicts: by the cell's place: the same, close, differs, not compared or not reached.
        problem: why it did not come to its end; empty if it did.
    """

    notebook: Notebook
    verdicts: dict[int, str]
    problem: str
    seconds: float

    def places(self, *verdicts: str) -> list[int]:
        return [place for place, verdict in self.verdicts.items() if verdict in verdicts]


def rerun(content: bytes, timeout: float, threads: int) -> Rerun:
    """Execute a copy of the notebook that a file holds, on behind errors.

    Args:
        content: the notebook, as it was read.
        timeout: seconds that a cell may take.
        threads: that each library in the kernel may use.
    """
    begin = time.perf_counter()
    notebook = _to_execute(raw(content))
    begun = [0]  # places of cells
    problem = ""
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, no other
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder, "notebooks")
        home.mkdir()
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(home)}},
            on_cell_execute=lambda cell, cell_index: begun.append(cell_index + 1),
            log=QUIET,
        )
        own = {"OMP_NUM_THREADS": str(threads), "IPYTHONDIR": str(Path(folder, "ipython"))}
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        try:
            client.execute(env={**os.environ, **own}, **silent)
        except CellTimeoutError:
            problem = f"cell {begun[-1]} ran for more than {timeout:g} seconds"
        except DeadKernelError:
            problem = f"the kernel died in cell {begun[-1]}"
    ended = begun[-1] if problem else len(notebook.cells) + 1
    executed = parse(json.dumps(notebook).encode())
    verdicts = {}
    for (place, before), (_, now) in zip(parse(content).code(), executed.code(), strict=True):
        verdicts[place] = _verdict(before, now) if place < ended else "not reached"
    return Rerun(executed, verdicts, problem, time.perf_counter() - begin)


def marks(again: Rerun, refuted: list[Outcome]) -> list[Mark]:
    """What a second run says of the first; `refuted` are exercises that came out otherwise."""
    found = []
    differing = again.places("differs")
    if refuted:
        said = [f"{each.exercise} was {each.outcome} and is {each.again}" for each in refuted]
        places = [each.cell for each in refuted if each.cell]
        found.append(Mark("not reproduced", "; ".join(said), sorted({*places, *differing})))
    elif differing:
        text = f"{at_cells(differing)} gave something else than is stored"
        found.append(Mark("not reproduced", text, differing))
    if again.problem:
        found.append(Mark("rerun failed", again.problem, again.places("not reached")))
    return found or [Mark("reproduced", f"{len(again.verdicts)} cells in {again.seconds:.0f} s")]


def checked_again(before: list[Outcome], again: Rerun) -> list[Outcome]:
    """The outcomes, each with what came of it in the second run."""
    now = outcomes(again.notebook, [outcome.exercise for outcome in before])
    pairs = zip(before, now, strict=True)
    return [replace(old, again="not checked" if new.doubt else new.outcome) for old, new in pairs]


def refuted(found: list[Outcome]) -> list[Outcome]:
    """Those whose stored outcome is not what came out."""
    return [each for each in found if each.outcome != NOT_CHECKED and each.again != each.outcome]


def _to_execute(stored: dict[str, Any]) -> Any:
    """A copy of the cells alone, without outputs, counts and whatever else the file holds."""
    cells: list[Any] = []
    for cell in stored["cells"]:
        source = cell.get("source", "")
        text = source if isinstance(source, str) else "".join(map(str, source))
        if cell["cell_type"] != "code":
            cells.append(nbformat.v4.new_markdown_cell(text))
            continue
        new = nbformat.v4.new_code_cell(text)
        tags = (
            cell.get("metadata", {}).get("tags", [])
            if isinstance(cell.get("metadata"), dict)
            else []
        )
        if isinstance(tags, list) and "raises-exception" in tags:
            new.metadata.tags = ["raises-exception"]
        cells.append(new)
    return nbformat.v4.new_notebook(cells=cells)


def _verdict(stored: Cell, now: Cell) -> str:
    """How a cell's output compares with the stored one, in a word."""
    if stored.count is None:
        return "not compared"  # nothing was stored
    before, after = list(_compared(stored)), list(_compared(now))
    if before == after:
        return "the same"
    if "downloads" in stored.tags and before and not after:
        return "not compared"  # the data can't be had here
    if _close(stored, now):
        return "close"
    return "not compared" if "nbval-ignore-output" in stored.tags else "differs"


def _compared(cell: Cell) -> Iterator[tuple[str, str, int]]:
    for output in cell.outputs:
        if output.kind in COMPARED:
            yield output.kind, output.digest, len(output.pictures)


def _close(stored: Cell, now: Cell) -> bool:
    """Whether two outputs say the same but for the last digits of numbers."""
    before, after = (_shown(cell.outputs) for cell in (stored, now))
    if NUMBER.sub("#", before) != NUMBER.sub("#", after):
        return False
    numbers = zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    pairs = [(float(a.replace(",", "")), float(b.replace(",", ""))) for a, b in numbers]
    return all(abs(a - b) <= CLOSE * max(abs(a), abs(b)) for a, b in pairs)


def _shown(outputs: tuple[Output, ...]) -> str:
    """What the compared outputs show first, and how many pictures."""
    parts = [
        f"{output.kind} {len(output.pictures)} {output.texts[0].shown if output.texts else ''}"
        for output in outputs
        if output.kind in COMPARED
    ]
    return visible("\n".join(parts))
