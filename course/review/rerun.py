"""Running a copy of a submission, and comparing what comes out with what is stored.

The copy runs in a fresh kernel, in a temporary folder that is deleted afterwards, with a time limit
for each cell. It runs with your rights: this is not a sandbox.
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
from course.review.results import NOT_CHECKED, Outcome, judged, outcomes
from course.review.stored import (
    Notebook,
    UnreadableError,
    is_picture,
    published,
    read,
    summary,
    texts_of,
)

NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
CLOSE = 0.001  # another machine may change a decimal fraction by this fraction of it


@dataclass(frozen=True)
class Rerun:
    """How a second run went."""

    notebook: Notebook  # as it came out
    # for each cell, by its index: the same, close, differs, not compared or not reached
    verdicts: dict[int, str]
    problem: str  # why it did not reach the end
    seconds: float

    def cells(self, *verdicts: str) -> list[int]:
        return [index for index, verdict in self.verdicts.items() if verdict in verdicts]


def rerun(content: bytes, timeout: float, threads: int, beside: dict[str, bytes]) -> Rerun:
    """Run a copy of the notebook in a file; an error in a cell doesn't stop it.

    Args:
        timeout: seconds that a cell may take.
        threads: that each library in the kernel may use.
        beside: the files that the notebook reads from its folder.
    """
    begin = time.perf_counter()
    stored = read(content)
    executed = _without_outputs(stored)
    reached, problem = _execute(executed, timeout, threads, beside)
    try:
        executed = read(json.dumps(executed).encode())
    except UnreadableError as error:  # such as outputs without end
        return Rerun(summary(stored), {}, str(error), time.perf_counter() - begin)
    verdicts = {
        index: _verdict(stored.cells[index - 1], executed.cells[index - 1])
        if not problem or index < reached
        else "not reached"
        for index, _ in summary(stored).code()
    }
    return Rerun(summary(executed), verdicts, problem, time.perf_counter() - begin)


def _without_outputs(stored: Any) -> Any:
    """A copy of the cells alone, so that nothing else in the file has an effect."""
    cells = []
    for cell in stored.cells:
        source = cell.source.encode(errors="replace").decode()  # half a character can't be sent
        if cell.cell_type == "code":
            cells.append(nbformat.v4.new_code_cell(source))
            if "raises-exception" in cell.metadata.get("tags", []):
                cells[-1].metadata.tags = ["raises-exception"]
        else:
            cells.append(nbformat.v4.new_markdown_cell(source))
    return nbformat.v4.new_notebook(cells=cells)


def _execute(
    notebook: Any, timeout: float, threads: int, beside: dict[str, bytes]
) -> tuple[int, str]:
    """Run the cells in place; gives the index of the last that began, and what stopped it."""
    begun = [0]
    os.environ.setdefault("JUPYTER_PREFER_ENV_PATH", "1")  # this environment's kernel, no other
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        home = Path(folder, "notebooks")
        home.mkdir()
        for name, content in beside.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(content)
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            allow_errors=True,
            resources={"metadata": {"path": str(home)}},
            on_cell_execute=lambda cell, cell_index: begun.append(cell_index + 1),
            log=logging.Logger(__name__, logging.CRITICAL),  # says nothing
        )
        own = {"OMP_NUM_THREADS": str(threads), "IPYTHONDIR": str(Path(folder, "ipython"))}
        silent = subprocess.DEVNULL
        try:
            client.execute(env={**os.environ, **own}, stdout=silent, stderr=silent)
        except CellTimeoutError:
            return begun[-1], f"cell {begun[-1]} ran for more than {timeout:g} seconds"
        except DeadKernelError:
            return begun[-1], f"the kernel died in cell {begun[-1]}"
        except (LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
            # The code can send messages that the client doesn't understand.
            return begun[-1], f"the run broke off in cell {begun[-1]} ({type(error).__name__})"
    return begun[-1], ""


def _verdict(stored: Any, now: Any) -> str:
    """How a cell's new output compares with the stored one."""
    if stored.execution_count is None:
        return "not compared"  # nothing was stored
    before, after = _comparable(stored.outputs), _comparable(now.outputs)
    if before == after:
        return "the same"
    tags = stored.metadata.get("tags", [])
    if "nbval-ignore-output" in tags or ("downloads" in tags and before and not after):
        return "not compared"  # the second: its data isn't here
    return "close" if _close(before, after) else "differs"


def _comparable(outputs: list[Any]) -> str:
    """All that a cell gave, except progress on stderr, and what pictures show.

    Promised numbers inside their bands are all the same.
    """
    parts = []
    for output in outputs:
        if output.output_type == "stream":
            parts.append(output.text if output.name != "stderr" else "")
        elif output.output_type == "error":
            parts.append(f"\nerror {output.ename}: {output.evalue}\n")
        else:
            forms = [(mime, "" if is_picture(mime) else text) for mime, text in texts_of(output)]
            parts += [f"\n{output.output_type} {mime} {text}\n" for mime, text in forms]
            stored = published(output)
            if "number" in stored and "value" in stored:
                inside = judged(stored["number"], stored["value"]).verdict == "inside"
                parts.append("inside its band\n" if inside else f"{stored['value']}\n")
    return "".join(parts)


def _close(before: str, after: str) -> bool:
    """Whether two outputs are equal except for the last digits of decimal fractions."""
    if NUMBER.sub("#", before) != NUMBER.sub("#", after):
        return False
    for pair in zip(NUMBER.findall(before), NUMBER.findall(after), strict=True):
        if pair[0] != pair[1]:
            a, b = (float(number.replace(",", "")) for number in pair)
            if "." not in "".join(pair) or abs(a - b) > CLOSE * max(abs(a), abs(b)):
                return False
    return True


def checked_again(before: list[Outcome], again: Rerun) -> list[Outcome]:
    """The outcomes, each with what came of it in the second run, as far as that got."""
    now = outcomes(again.notebook, [outcome.exercise for outcome in before])
    return [
        replace(old, again=NOT_CHECKED if new.doubt else new.outcome)
        if old.cell is None or again.verdicts.get(old.cell) != "not reached"
        else old
        for old, new in zip(before, now, strict=True)
    ]


def marks(again: Rerun, exercises: list[Outcome]) -> list[Mark]:
    """What a second run says about the first; the exercises are from `checked_again`."""
    found = []
    differing = again.cells("differs")
    checked = [each for each in exercises if each.again and each.outcome != NOT_CHECKED]
    refuted = [each for each in checked if each.again != each.outcome]
    said = [f"{each.exercise} was {each.outcome} and is {each.again}" for each in refuted]
    if refuted or differing:
        text = "; ".join(said) or f"{at_cells(differing)} gave something else than is stored"
        cells = sorted({*differing, *(each.cell for each in refuted if each.cell)})
        found.append(Mark("not reproduced", text, cells))
    if again.problem:
        found.append(Mark("rerun failed", again.problem, again.cells("not reached")))
    same = len(again.cells("the same", "close"))
    if same and not found:
        others = len(again.verdicts) - same
        text = f"{same} cells in {again.seconds:.0f} s"
        text += f"; {others} can't be compared" if others else ""
        found.append(Mark("reproduced", text))
    return found
