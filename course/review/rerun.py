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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError

from course.review.marks import Mark, at_cells
from course.review.numbers import is_inside
from course.review.outcomes import NOT_CHECKED, Outcome, outcomes
from course.review.stored import Cell, Notebook, Output, UnreadableError, parse
from course.review.texts import Text

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
# Fractions that differ by less than this share are the same but for the machine; training gives
# others on another machine, so that notebooks tag such outputs to be ignored.
CLOSE = 0.001
CLOSE_IF_IGNORED = 0.02
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
    stored = parse(content)
    notebook = _to_execute(stored)
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
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            # The code can send the client messages that make no sense to it.
            problem = f"it could not be followed in cell {begun[-1]} ({type(error).__name__})"
    ended = begun[-1] if problem else len(notebook.cells) + 1
    try:
        executed = parse(json.dumps(notebook).encode())
    except UnreadableError as error:  # outputs without measure
        return Rerun(stored, {}, str(error), time.perf_counter() - begin)
    verdicts = {}
    for (place, before), (_, now) in zip(stored.code(), executed.code(), strict=True):
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
    same = len(again.places("the same", "close"))
    if not found and same:
        others = len(again.verdicts) - same
        text = f"{same} cells in {again.seconds:.0f} s" + (
            f"; {others} can't be compared" if others else ""
        )
        found.append(Mark("reproduced", text))
    return found


def checked_again(before: list[Outcome], again: Rerun) -> list[Outcome]:
    """The outcomes, each with what came of it in the second run."""
    now = outcomes(again.notebook, [outcome.exercise for outcome in before])
    reached = [old.cell is None or again.verdicts.get(old.cell) != "not reached" for old in before]
    return [
        replace(old, again="not checked" if new.doubt else new.outcome) if got_there else old
        for old, new, got_there in zip(before, now, reached, strict=True)
    ]


def refuted(found: list[Outcome]) -> list[Outcome]:
    """Those whose stored outcome is not what came out."""
    return [
        each
        for each in found
        if each.outcome != NOT_CHECKED and each.again not in ("", each.outcome)
    ]


def _to_execute(stored: Notebook) -> Any:
    """A copy of the cells alone, without outputs, counts and whatever else the file holds."""
    cells: list[Any] = []
    for cell in stored.cells:
        source = cell.source.encode(errors="replace").decode()  # half a character can't be sent
        if cell.kind != "code":
            cells.append(nbformat.v4.new_markdown_cell(source))
            continue
        cells.append(nbformat.v4.new_code_cell(source))
        if "raises-exception" in cell.tags:
            cells[-1].metadata.tags = ["raises-exception"]
    return nbformat.v4.new_notebook(cells=cells)


def _verdict(stored: Cell, now: Cell) -> str:
    """How a cell's output compares with the stored one, in a word."""
    if stored.count is None:
        return "not compared"  # nothing was stored
    if "downloads" in stored.tags and stored.gave and not now.gave:
        return "not compared"  # the data can't be had here
    ignored = "nbval-ignore-output" in stored.tags
    if stored.gave == now.gave:
        return "the same" if _numbers(stored) == _numbers(now) else _of_numbers(stored, now)
    if _close(stored, now, CLOSE_IF_IGNORED if ignored else CLOSE):
        return "close"
    return "not compared" if ignored else "differs"


def _numbers(cell: Cell) -> dict[str, float]:
    """The numbers that `expect` stored beside its lines, by their names."""
    return {
        each.record["number"]: each.record["value"]
        for each in cell.outputs
        if "number" in each.record and "value" in each.record
    }


def _of_numbers(stored: Cell, now: Cell) -> str:
    """The verdict where only those differ: a band is wide enough for another machine's digits."""
    before, after = _numbers(stored), _numbers(now)
    numbers = [*before.items(), *after.items()]
    same_names = before.keys() == after.keys()
    return "close" if same_names and all(is_inside(*each) for each in numbers) else "differs"


def _close(stored: Cell, now: Cell, share: float) -> bool:
    """Whether two outputs, none of which was cut, say the same but for digits of fractions."""
    outputs = [one for cell in (stored, now) for one in cell.outputs if one.kind in COMPARED]
    if stored.left_out or now.left_out or any(t.left_out for o in outputs for t in o.texts):
        return False
    before, after = (_shown(cell.outputs) for cell in (stored, now))
    if NUMBER.sub("#", before) != NUMBER.sub("#", after):
        return False
    pairs = zip(NUMBER.findall(before), NUMBER.findall(after), strict=True)
    return all(
        a == b
        or ("." in a + b and _near(float(a.replace(",", "")), float(b.replace(",", "")), share))
        for a, b in pairs
    )


def _near(a: float, b: float, share: float) -> bool:
    return abs(a - b) <= share * max(abs(a), abs(b))


def _shown(outputs: tuple[Output, ...]) -> str:
    """All texts of the compared outputs, and how many pictures."""
    return "\n".join(
        f"{output.kind} {len(output.pictures)} {text.mime} {text.shown}"
        for output in outputs
        if output.kind in COMPARED
        for text in output.texts or (Text(""),)
    )
