"""What nbval lets through and must not, for `pytest --nbval --nbval-current-env notebooks`.

nbval passes a notebook that was never executed or is stale, an unknown magic, a figure that did
not come, and a cell that was to raise and did not; and after a kernel died it waits for the whole
time-out. Here each of them fails. It reaches into nbval's internals, so nbval's version is fixed.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from queue import Empty
from typing import Any

import pytest
from nbval.kernel import RunningKernel
from nbval.plugin import IPyNbCell, IPyNbFile

from course.notebooks.check import problems, tags
from course.notebooks.downloads import dataset_of_cells, fetch

NBVAL = "0.11.0"

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
    if stored != now and not self.absent:
        self.raise_cell_error(f"Figures differ: {dict(stored)} stored, {dict(now)} now")


def figures(outputs: list[Any]) -> Counter[str]:
    """How many images of each type, since nbval compares none."""
    kinds = (kind for output in outputs for kind in output.get("data", {}))
    return Counter(kind for kind in kinds if kind.startswith("image/"))
