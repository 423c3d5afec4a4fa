"""TensorBoard: what a run writes, and how to read it back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class Tracker:
    """Writes one run's curves and samples for TensorBoard.

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
        """Begin at `step`: what an interrupted run wrote beyond it is hidden."""
        from torch.utils.tensorboard import SummaryWriter

        self.close()
        self._writer = SummaryWriter(str(self.folder), purge_step=step + 1)

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

    def close(self) -> None:
        """Finish the run's file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> SummaryWriter:
        if self._writer is None:
            self.start(0)
        assert self._writer is not None
        return self._writer


def load_runs(root: str | Path) -> dict[str, dict[str, list[tuple[int, float]]]]:
    """Read the scalars of every run below `root` back: run name, then tag, to (step, value) pairs.

    Raises:
        FileNotFoundError: there is no run below `root`.
    """
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    root = Path(root)
    folders = sorted({path.parent for path in root.rglob("events.out.tfevents.*")})
    if not folders:
        raise FileNotFoundError(f"there are no TensorBoard runs below {root}")
    runs = {}
    for folder in folders:
        events = EventAccumulator(str(folder), size_guidance={"scalars": 0}).Reload()
        runs[folder.relative_to(root).as_posix()] = {
            tag: [(event.step, event.value) for event in events.Scalars(tag)]
            for tag in events.Tags()["scalars"]
        }
    return runs


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
