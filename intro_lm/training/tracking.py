"""TensorBoard: what a run writes, and how to read it back."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Protocol

from intro_lm.training.lock import lock

if TYPE_CHECKING:
    from pandas import DataFrame

EVENT_FILE = "events.out.tfevents."


class Logger(Protocol):
    """What `train` reports to: the steps it begins after, and each history entry's values."""

    def start(self, step: int) -> None: ...
    def log(self, step: int, scalars: dict[str, float]) -> None: ...


class Tracker:
    """Writes one run's curves, samples and hyperparameters for TensorBoard.

    A folder holds one run. If `folder` exists already, the new run goes into `folder-2`,
    `folder-3` and so on, and the old one stays to compare with; `folder` says which was used. With
    `resume` it continues in `folder` itself, if no other process writes there.
    """

    def __init__(self, folder: str | Path, resume: bool = False) -> None:
        self.folder, number = Path(folder), 1
        while not resume and self.folder.exists():
            number += 1
            self.folder = Path(f"{folder}-{number}")
        self.folder.mkdir(parents=True, exist_ok=resume)
        self._lock = lock(self.folder / ".tensorboard.lock")
        self._file: IO[bytes] | None = None

    def start(self, step: int) -> None:
        """Begin after `step` steps: what an interrupted run wrote beyond them is hidden."""
        from tensorboard.compat.proto.event_pb2 import SessionLog

        self._write(step=step + 1, session_log=SessionLog(status=SessionLog.START))

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Write named values of one step, which TensorBoard shows at its next refresh."""
        from torch.utils.tensorboard import summary

        for name, value in scalars.items():
            self._write(step=step, summary=summary.scalar(name, value))

    def text(self, name: str, text: str, step: int = 0) -> None:
        """Write a text, such as samples, with its line breaks."""
        from torch.utils.tensorboard import summary

        broken = text.replace("\n", "  \n")  # Markdown's hard line breaks
        self._write(step=step, summary=summary.text(name, broken))

    def hyperparameters(self, values: Mapping[str, float | int | str | bool]) -> None:
        """Give the run a row on TensorBoard's HParams page, with its latest validation loss.

        It omits None. TensorBoard takes the page's columns from one of the runs it shows, so
        start it over runs that have the same hyperparameters, such as those of one sweep.
        """
        from torch.utils.tensorboard import summary

        for part in summary.hparams(dict(values), {"loss/validation": 0.0})[:2]:  # not its end
            self._write(summary=part)

    def close(self) -> None:
        """Finish the run's file."""
        self._lock.close()
        if self._file is not None:
            self._file.close()
            self._file = None  # later writes go into another

    def _write(self, **event: Any) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.summary.writer.record_writer import RecordWriter

        if self._file is None:
            # Each start has its own file, numbered to be last: TensorBoard reads a run's files in
            # the order of their names, and a clock may have gone backwards.
            earlier = sorted(self.folder.glob(f"{EVENT_FILE}*"))
            number = int(earlier[-1].name.split(".")[3]) + 1 if earlier else 1
            self._file = (self.folder / f"{EVENT_FILE}{number:010}").open("wb")
            self._write(file_version="brain.Event:2")
        RecordWriter(self._file).write(Event(wall_time=time.time(), **event).SerializeToString())
        self._file.flush()


def load_runs(root: str | Path) -> DataFrame:
    """Read back the scalars and hyperparameters of every run below `root` as one table.

    It has a row for each run and step, and the columns `run` (the path below `root`, categorical),
    `step`, each scalar's tag (NaN where the run has none at that step) and `hparams/NAME` for each
    hyperparameter. `table.groupby("run").last()` has a row per run, `trial-2` before `trial-10`.
    A run without scalars has one row, at step 0. What a resumed run hid is left out.
    If there is no run, raises `FileNotFoundError`.
    """
    import pandas as pd

    folders = {path.parent for path in Path(root).rglob(f"{EVENT_FILE}*")}
    if not folders:
        raise FileNotFoundError(f"there are no TensorBoard runs below {root}")
    runs = {folder.relative_to(root).as_posix(): folder for folder in folders}
    names = sorted(runs, key=_natural)
    rows = [{"run": name, **row} for name in names for row in _read(runs[name])]
    columns = sorted({column for row in rows for column in row} - {"run", "step"})
    table = pd.DataFrame(rows, columns=["run", "step", *columns])
    table["run"] = pd.Categorical(table["run"], categories=names)
    return table


def _read(folder: Path) -> list[dict[str, Any]]:
    """One run's steps: scalars by tag, and the hyperparameters in each."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto.event_pb2 import SessionLog
    from tensorboard.plugins.hparams import metadata

    steps: dict[int, dict[str, float]] = {}
    hyperparameters: dict[str, Any] = {}
    for path in sorted(folder.glob(f"{EVENT_FILE}*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            if event.session_log.status == SessionLog.START:  # a resumed run begins here
                steps = {step: steps[step] for step in steps if step < event.step}
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    steps.setdefault(event.step, {})[value.tag] = value.simple_value
                elif value.tag == metadata.SESSION_START_INFO_TAG:
                    content = value.metadata.plugin_data.content
                    start = metadata.parse_session_start_info_plugin_data(content)
                    for name, held in start.hparams.items():
                        hyperparameters[f"hparams/{name}"] = getattr(held, held.WhichOneof("kind"))
    rows = sorted(steps.items()) or [(0, {})]
    return [{"step": step, **scalars, **hyperparameters} for step, scalars in rows]


def _natural(name: str) -> list[tuple[str, int]]:
    # A key that sorts the numbers within names by size.
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]
