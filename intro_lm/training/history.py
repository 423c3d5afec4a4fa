"""What a training run leaves behind in memory: its losses, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class HistoryEntry:
    """What a run knew after some step; losses are means in nats per token.

    `train_loss` is the mean over the steps since the entry before, each batch's loss taken before
    the step that learned from it; `validation_loss` is None where nothing was evaluated. A token
    is a target: a classifier has one per text, so its losses are nats per text.
    """

    step: int
    train_loss: float
    validation_loss: float | None
    learning_rate: float
    tokens_per_second: float

    def scalars(self) -> dict[str, float]:
        """The entry as TensorBoard's names and values."""
        values = {"loss/train": self.train_loss, "loss/validation": self.validation_loss}
        values |= {"learning_rate": self.learning_rate, "tokens_per_second": self.tokens_per_second}
        return {name: value for name, value in values.items() if value is not None}


@dataclass
class History:
    """A run's entries, and where it ran."""

    device: str = "cpu"
    precision: str = "float32"
    entries: list[HistoryEntry] = field(default_factory=list)

    @property
    def train_losses(self) -> list[tuple[int, float]]:
        """(step, loss) of every entry."""
        return [(entry.step, entry.train_loss) for entry in self.entries]

    @property
    def validation_losses(self) -> list[tuple[int, float]]:
        """(step, loss) of every evaluation."""
        pairs = ((entry.step, entry.validation_loss) for entry in self.entries)
        return [(step, loss) for step, loss in pairs if loss is not None]

    @property
    def train_loss(self) -> float:
        """The last training loss."""
        return self.entries[-1].train_loss

    @property
    def validation_loss(self) -> float:
        """The last validation loss; a `ValueError` where nothing was evaluated."""
        if not self.validation_losses:
            raise ValueError("there is no validation loss; train with validation=batches")
        return self.validation_losses[-1][1]

    def summary(self) -> str:
        """The latest losses in one line."""
        validation = f", validation {self.validation_loss:.4f}" if self.validation_losses else ""
        return f"train {self.train_loss:.4f}{validation}"
