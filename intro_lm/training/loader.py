"""A `torch.utils.data.DataLoader` as the batches that training reads."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from intro_lm.data import Batches


@dataclass(frozen=True, eq=False)
class LoaderBatches:
    """A `DataLoader` of (inputs, targets), as `Batches`.

    It shuffles by PyTorch's global random state, which a resumed run restores, so an epoch can be
    repeated from its beginning but not from its middle.
    """

    loader: DataLoader
    device: torch.device | str = "cpu"
    carries_state: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.loader)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for inputs, targets in itertools.islice(self.loader, start, None):
            yield inputs.to(self.device), targets.to(self.device)

    def to(self, device: torch.device | str) -> LoaderBatches:
        return replace(self, device=device)

    def fingerprint(self) -> str:
        return f"DataLoader of {len(self.loader)} batches of {self.loader.batch_size}"


def as_batches(batches: Batches | DataLoader) -> Batches:
    """The batches as they are, a loader as `LoaderBatches`; an error if there are none."""
    found = LoaderBatches(batches) if isinstance(batches, DataLoader) else batches
    if len(found) == 0:
        raise ValueError("there are 0 batches; give at least one example")
    return found
