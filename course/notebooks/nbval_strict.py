"""What nbval lets through and must not, for `pytest --nbval --nbval-current-env notebooks`.

nbval passes a notebook that was never executed or is stale, an unknown magic, a figure that did
not come, and a cell that was to raise and did not; and after a kernel died it waits for the whole
time-out. Here each of them fails. It reaches into nbval's internals, so nbval's version is fixed.
"""

from __future__ import annotations

import base64
import io
import time
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from queue import Empty
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile
from PIL import Image

from course.notebooks.check import problems, tags
from course.notebooks.downloads import dataset_of_cells, fetch

NBVAL = "0.11.0"
MARGIN = 0.1  # of a figure's size

collect_cells = IPyNbFile.collect
run_and_compare = IPyNbCell.runtest


class KernelDiedError(RuntimeError):
    """The kernel's process ended while a cell ran."""


def install() -> None:
    """Make nbval strict.

    Raises:
        pytest.UsageError: another version of nbval is installed.
    """
    if metadata.version("nbval") != NBVAL:
        raise pytest.UsageError(
            f"the strict check reaches into nbval {NBVAL}, and {metadata.version('nbval')} is "
            "installed; run: pip install -r requirements.txt"
        )
    IPyNbFile.collect = collect
    RunningKernel.await_reply = await_reply
    IPyNbCell.runtest = runtest
    IPyNbCell.setup = lambda self: None  # nbval's own would mark cells after a time-out as xfail


def collect(self: IPyNbFile) -> Iterator[IPyNbCell]:
    """Refuse what the static check finds; compare a download section where its data is here."""
    self.ended_by = None  # the number of a cell after which no other can run
    cells = list(collect_cells(self))
    if found := problems(self.nb):
        raise self.CollectError(f"{self.path.name}:\n" + "\n".join(found))
    for item, name in zip(cells, dataset_of_cells([c.cell for c in cells]), strict=True):
        item.absent = "downloads" in tags(item.cell) and not is_available(name)
        item.options["check"] = item.options["check"] and not item.absent
    yield from cells


@cache
def is_available(name: str | None) -> bool:
    if name is None:
        raise pytest.UsageError(
            'a cell is tagged downloads, and no data.available("…") above it names its dataset'
        )
    return fetch(name)


def await_reply(self: RunningKernel, msg_id: str, timeout: float | None = None) -> None:
    """Wait for a cell's reply and keep its status; notice within a second if the kernel dies."""
    end = time.monotonic() + (timeout or 0)
    while True:
        left = end - time.monotonic()
        try:
            message = self.get_message("shell", timeout=max(0.01, min(left, 1.0)))
        except Empty:
            if not self.is_alive():
                raise KernelDiedError from None
            if left <= 0:
                raise
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            self.reply_status = message["content"]["status"]
            return


def runtest(self: IPyNbCell) -> None:
    """Run and compare as nbval does, then look at what it doesn't."""
    if self.parent.ended_by is not None:
        self.raise_cell_error(f"not run: cell {self.parent.ended_by} ended the notebook")
    try:
        run_and_compare(self)
    except KernelDiedError:
        self.parent.ended_by = self.cell_num
        self.raise_cell_error("The kernel died while this cell ran")
    finally:
        if self.parent.timed_out:
            self.parent.ended_by = self.cell_num
    raised = any(output.output_type == "error" for output in self.test_outputs)
    if self.parent.kernel.reply_status != "ok" and not raised:
        said = "".join(output.get("text", "") for output in self.test_outputs)
        self.raise_cell_error("The cell failed without raising: " + said.strip())
    if self.options["check_exception"] and not raised:
        self.raise_cell_error("The cell is tagged raises-exception and raised nothing")
    stored, now = figures(self.cell.outputs), figures(self.test_outputs)
    if not alike(stored, now) and not self.absent:
        self.raise_cell_error(f"Figures differ: {stored} stored, {now} now")


Figure = tuple[str, int, int]  # MIME type, width and height in pixels


def figures(outputs: list[Any]) -> list[Figure]:
    """The images among a cell's outputs, since nbval compares none."""
    found = []
    for output in outputs:
        for kind, encoded in output.get("data", {}).items():
            if kind in ("image/png", "image/jpeg"):
                with Image.open(io.BytesIO(base64.b64decode(encoded))) as picture:
                    found.append((kind, *picture.size))
    return found


def alike(stored: list[Figure], now: list[Figure]) -> bool:
    """As many of the same kinds, and as large; the labels' numbers and so the margins may vary."""
    return [kind for kind, *_ in stored] == [kind for kind, *_ in now] and all(
        abs(a - b) <= MARGIN * a
        for before, after in zip(stored, now, strict=True)
        for a, b in zip(before[1:], after[1:], strict=True)
    )
