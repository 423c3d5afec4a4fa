"""TensorBoard: what a run writes, and how to read it back."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from pandas import DataFrame
    from tensorboard.compat.proto.summary_pb2 import Summary
    from torch.utils.tensorboard import SummaryWriter

EVENT_FILES = "events.out.tfevents.*"


class Logger(Protocol):
    """What `train` hands its records to: a `Tracker`, or anything else with these two methods."""

    def start(self, step: int) -> None:
        """Training begins, or goes on, after `step` steps."""

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Take the named values of one step."""


class Tracker:
    """Writes one run's curves, samples and hyperparameters for TensorBoard.

    A folder holds one run. Where `folder` exists already, the new run goes beside it as
    `folder-2`, `folder-3` and so on, so that past runs stay to be compared with; `folder` says
    which it became.

    Args:
        folder: by convention `runs/<notebook>/<run name>`.
        resume: go on writing into `folder` itself, for a run that is resumed.
    """

    def __init__(self, folder: str | Path, resume: bool = False) -> None:
        self.folder = Path(folder) if resume else _claim(Path(folder))
        self.folder.mkdir(parents=True, exist_ok=True)
        self._writer: SummaryWriter | None = None

    def start(self, step: int) -> None:
        """Begin after `step` steps: what an interrupted run wrote beyond them is hidden."""
        from tensorboard.compat.proto.event_pb2 import Event, SessionLog

        restart = Event(step=step + 1, session_log=SessionLog(status=SessionLog.START))
        writer = self._open()
        writer.file_writer.add_event(restart)
        writer.flush()

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Write named values of one step, visible in TensorBoard at its next refresh."""
        writer = self._open()
        for name, value in scalars.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    def text(self, name: str, text: str, step: int = 0) -> None:
        """Write a text, such as samples, a line a row."""
        writer = self._open()
        writer.add_text(name, text.replace("\n", "  \n"), step)  # Markdown's hard line breaks
        writer.flush()

    def hyperparameters(
        self,
        values: Mapping[str, float | int | str | bool],
        metrics: Sequence[str] = ("loss/validation",),
    ) -> None:
        """Give the run a row on TensorBoard's HParams page, from now on, with its latest metrics.

        Before or after `start` makes no difference. Where a resumed run writes them again, those
        written first stay. TensorBoard takes the page's columns from one of the runs it shows, so
        start it over runs that have the same hyperparameters, such as those of one sweep.

        Args:
            values: by name; numbers, texts, true or false.
            metrics: the tags of scalars that the row shows beside them.

        Raises:
            TypeError: a value is something else, such as None or a list. Nothing is written.
            ValueError: a value is infinite or not a number. Nothing is written.
        """
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        start = plugin_data_pb2.SessionStartInfo()
        experiment = api_pb2.Experiment(
            metric_infos=[api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag)) for tag in metrics]
        )
        for name, value in values.items():
            if isinstance(value, bool):  # before numbers, of which Python takes bool to be one
                start.hparams[name].bool_value = value
                kind = api_pb2.DATA_TYPE_BOOL
            elif isinstance(value, str):
                start.hparams[name].string_value = value
                kind = api_pb2.DATA_TYPE_STRING
            elif not isinstance(value, (int, float)):
                raise TypeError(
                    f"hyperparameter {name!r} is {value!r}; TensorBoard holds numbers, texts, true "
                    "and false: leave it out, or pass it as text"
                )
            elif not math.isfinite(value):
                raise ValueError(f"hyperparameter {name!r} is {value!r}; it must be finite")
            else:
                start.hparams[name].number_value = value
                kind = api_pb2.DATA_TYPE_FLOAT64
            experiment.hparam_infos.add(name=name, type=kind)
        writer = self._open()
        for tag, part in {
            metadata.EXPERIMENT_TAG: {"experiment": experiment},
            metadata.SESSION_START_INFO_TAG: {"session_start_info": start},
        }.items():
            writer.file_writer.add_summary(_hparams_summary(tag, part))
        writer.flush()

    def close(self, status: Literal["success", "failure"] | None = None) -> None:
        """Finish the run's file.

        Args:
            status: how the run ended, for the HParams page, for good; None says nothing, as fits a
                run that may be resumed.
        """
        if status not in (None, "success", "failure"):
            raise ValueError(f"status is {status!r}; use 'success', 'failure' or None")
        if status is not None:
            from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

            number = api_pb2.Status.Value(f"STATUS_{status.upper()}")
            end = {"session_end_info": plugin_data_pb2.SessionEndInfo(status=number)}
            summary = _hparams_summary(metadata.SESSION_END_INFO_TAG, end)
            self._open().file_writer.add_summary(summary)
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> Any:  # SummaryWriter, whose file_writer it declares to be None
        if self._writer is None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self.folder))
        return self._writer


def load_runs(root: str | Path) -> DataFrame:
    """Read the scalars and hyperparameters of every run below `root` back, as one table.

    Runs come in the order that people count in, `trial-2` before `trial-10`, also where one groups
    by them: `table.groupby("run").last()` has a row a run, and
    `for name, run in table.groupby("run"): plt.plot(run["step"], run["loss/validation"])` draws
    the curves.

    Returns:
        A row for each run and step, sorted by both. The columns are `run` (the path below `root`,
        categorical), `step` (int), a scalar's tag each (float, NaN where the run has none at that
        step), and `hparams/NAME` for each hyperparameter (the same on all rows of the run, NaN
        where the run has none; numbers are floats, as TensorBoard stores them). A run that has
        logged no scalar yet has one row, at step 0. What a resumed run hid is left out.

    Raises:
        FileNotFoundError: there is no run below `root`.
    """
    import pandas as pd

    root = Path(root)
    folders = {path.parent.relative_to(root).as_posix() for path in root.rglob(EVENT_FILES)}
    if not folders:
        raise FileNotFoundError(f"there are no TensorBoard runs below {root}")
    runs = sorted(folders, key=_counting)
    rows: list[dict[str, Any]] = []
    tags: set[str] = set()
    names: set[str] = set()
    for run in runs:
        scalars, hyperparameters = _read(root / run)
        tags.update(*scalars.values())
        names.update(hyperparameters)
        for step, values in sorted(scalars.items()) or [(0, {})]:
            rows.append({"run": run, "step": step, **values, **hyperparameters})
    table = pd.DataFrame(rows, columns=["run", "step", *sorted(tags), *sorted(names)])
    table["run"] = pd.Categorical(table["run"], categories=runs)
    return table


def _read(folder: Path) -> tuple[dict[int, dict[str, float]], dict[str, Any]]:
    """One run's scalars by step and tag, and its hyperparameters by `hparams/NAME`."""
    from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader
    from tensorboard.compat.proto.event_pb2 import SessionLog
    from tensorboard.plugins.hparams import metadata

    scalars: dict[int, dict[str, float]] = {}
    hyperparameters: dict[str, Any] = {}
    # The names end in the time, process and number of the file, none of them padded.
    for path in sorted(folder.glob(EVENT_FILES), key=lambda path: _counting(path.name)):
        for event in LegacyEventFileLoader(str(path)).Load():
            if event.session_log.status == SessionLog.START:
                scalars = {step: scalars[step] for step in scalars if step < event.step}
            for value in event.summary.value:
                if value.HasField("simple_value"):
                    scalars.setdefault(event.step, {})[value.tag] = value.simple_value
                elif value.tag == metadata.SESSION_START_INFO_TAG and not hyperparameters:
                    content = value.metadata.plugin_data.content
                    start = metadata.parse_session_start_info_plugin_data(content)
                    for name, held in start.hparams.items():
                        hyperparameters[f"hparams/{name}"] = getattr(held, held.WhichOneof("kind"))
    return scalars, hyperparameters


def _hparams_summary(tag: str, part: dict[str, Any]) -> Summary:
    """What the HParams plugin finds in a run: data that lie in a summary's metadata."""
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.plugins.hparams import metadata, plugin_data_pb2

    data = metadata.create_summary_metadata(plugin_data_pb2.HParamsPluginData(**part))
    return Summary(value=[Summary.Value(tag=tag, metadata=data, tensor=metadata.NULL_TENSOR)])


def _counting(name: str) -> list[tuple[str, int]]:
    """A key that sorts numbers within names by size."""
    return [(text, int(digits or 0)) for text, digits in re.findall(r"(\D*)(\d*)", name)]


def _claim(folder: Path) -> Path:
    """Make the folder, or the first of `folder-2`, `folder-3`, … that does not exist yet."""
    candidate, number = folder, 1
    while True:
        try:
            candidate.mkdir(parents=True)
            return candidate
        except FileExistsError:
            number += 1
            candidate = folder.with_name(f"{folder.name}-{number}")
