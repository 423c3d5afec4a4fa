"""Whole texts as padded rows, of like length in a batch: to predict tokens, or a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from intro_lm.data.batches import (
    IGNORED,
    epoch_generator,
    fingerprint_of,
    require_count,
    token_stream,
)
from intro_lm.data.subwords import AnyVocabulary
from intro_lm.data.vocabulary import BOUNDARY

POOL = 100  # batches whose texts are sorted by length together


@dataclass(frozen=True, eq=False)
class PaddedBatches:
    """Whole texts, a row each, for a model that reads a text from its beginning to its end.

    A row's inputs are a boundary and the text; its targets are the text and a boundary. Shorter
    rows are filled up on the right, with boundaries in the inputs and -100 in the targets, so no
    padding reaches a loss. To pad little, shuffled texts are sorted by length in pools of 100
    batches, and the batches are shuffled again (the bucketing of Sutskever et al. 2014,
    section 3.4). The order depends on `seed` and epoch alone, as that of `WindowBatches` does.

    Args:
        stream: (1 + tokens,) token ids: a boundary, and each text followed by a boundary.
        starts: (texts + 1,) where in `stream` the boundary before each text stands, and the last.
        batch_size: texts B in a batch; the last that is cut may hold fewer.
        shuffle: a new order each epoch, or the texts as given.
        seed: which orders.
    """

    stream: Tensor
    starts: Tensor
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0
    carries_state: ClassVar[bool] = False  # no row goes on in the next batch

    def __post_init__(self) -> None:
        require_count("batch_size", self.batch_size)

    @classmethod
    def from_texts(
        cls,
        vocabulary: AnyVocabulary,
        texts: Sequence[str],
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
    ) -> PaddedBatches:
        """Encode the texts.

        Raises:
            ValueError: there are no texts, one can't be encoded, or `batch_size` is no count.
        """
        return cls(*token_stream(vocabulary, texts), batch_size, shuffle, seed)

    def __len__(self) -> int:
        """WindowBatches in an epoch."""
        return -(-(len(self.starts) - 1) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch as (inputs, targets), both (B, T), from batch `start` on."""
        sizes = self.starts.diff()  # tokens of each text, its end among them
        for rows in _batches_of_rows(self, sizes, number)[start:]:
            width = int(sizes[rows].max())  # on the CPU: the device need not be waited for
            place, inside = _grid(self.starts[rows], sizes[rows], width, self.stream.device)
            last = len(self.stream) - 1
            inputs = self.stream[place.clamp(max=last)].long()
            targets = self.stream[(place + 1).clamp(max=last)].long()
            yield inputs.where(inside, BOUNDARY), targets.where(inside, IGNORED)

    def to(self, device: torch.device | str) -> PaddedBatches:
        """The same batches, resident on `device`."""
        return replace(self, stream=self.stream.to(device))

    def reversed(self) -> PaddedBatches:
        """The same texts in the same order, each from its last token to its first.

        It is what a backward language model reads; characters give the batches of reversed texts.
        """
        mirror = (self.starts[:-1] + self.starts[1:]).repeat_interleave(self.starts.diff())
        place = mirror - torch.arange(1, len(self.stream))  # a text's end gets the boundary before
        turned = self.stream[place.to(self.stream.device)]
        return replace(self, stream=torch.cat([self.stream[:1], turned]))

    def fingerprint(self) -> str:
        """A short digest of data and order, by which a resumed run knows that it is its own."""
        settings = f"padded {self.batch_size} {self.shuffle} {self.seed}"
        return fingerprint_of(settings, self.stream)


@dataclass(frozen=True, eq=False)
class LabelledBatches:
    """Whole texts and their classes, for a model that reads a text and names its class.

    A row's input is the text and at least one boundary: the text ends before the first, and
    whatever stands behind that is padding. Texts of like length share a batch, and the order
    depends on `seed` and epoch alone, as with `PaddedBatches`.

    Args:
        stream: (1 + tokens,) token ids: a boundary, and each text followed by a boundary.
        starts: (texts + 1,) where in `stream` the boundary before each text stands, and the last.
        labels: (texts,) `LongTensor`, the class id of each text.
        batch_size: texts B in a batch; the last that is cut may hold fewer.
        shuffle: a new order each epoch, or the texts as given.
        seed: which orders.
        max_length: tokens of a text that are kept, its first; None keeps all.
    """

    stream: Tensor
    starts: Tensor
    labels: Tensor
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0
    max_length: int | None = None
    carries_state: ClassVar[bool] = False

    def __post_init__(self) -> None:
        require_count("batch_size", self.batch_size)
        if self.max_length is not None:
            require_count("max_length", self.max_length)
        if len(self.labels) != len(self.starts) - 1:
            raise ValueError(
                f"{len(self.starts) - 1} texts and {len(self.labels)} labels: each text needs one"
            )

    @classmethod
    def from_texts(
        cls,
        vocabulary: AnyVocabulary,
        texts: Sequence[str],
        labels: Sequence[int],
        batch_size: int = 32,
        shuffle: bool = True,
        seed: int = 0,
        max_length: int | None = None,
    ) -> LabelledBatches:
        """Encode the texts, and put their labels beside them.

        Raises:
            ValueError: there are no texts, one can't be encoded, a label is no class id, or an
                argument is no count.
        """
        ids = _class_ids(labels)
        stream, starts = token_stream(vocabulary, texts)
        return cls(stream, starts, ids, batch_size, shuffle, seed, max_length)

    def __len__(self) -> int:
        """WindowBatches in an epoch."""
        return -(-len(self.labels) // self.batch_size)

    @property
    def truncated(self) -> int:
        """How many texts have more than `max_length` tokens, and are read in part."""
        limit = self.max_length
        return 0 if limit is None else int((self.starts.diff() - 1 > limit).sum())

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch as (inputs (B, T), targets (B,)), from batch `start` on."""
        sizes = self.starts.diff()
        if self.max_length is not None:
            sizes = sizes.clamp(max=self.max_length + 1)
        for rows in _batches_of_rows(self, sizes, number)[start:]:
            kept = sizes[rows] - 1
            width = int(kept.max()) + 1  # so that the longest row, too, ends in a boundary
            place, inside = _grid(self.starts[rows] + 1, kept, width, self.stream.device)
            inputs = self.stream[place.clamp(max=len(self.stream) - 1)].long()
            targets = self.labels[rows.to(self.labels.device)]
            yield inputs.where(inside, BOUNDARY), targets

    def to(self, device: torch.device | str) -> LabelledBatches:
        """The same batches, resident on `device`."""
        return replace(self, stream=self.stream.to(device), labels=self.labels.to(device))

    def fingerprint(self) -> str:
        """A short digest of data and order, by which a resumed run knows that it is its own."""
        settings = f"labelled {self.batch_size} {self.shuffle} {self.seed} {self.max_length}"
        return fingerprint_of(settings, self.stream, self.labels)


def _batches_of_rows(
    batches: PaddedBatches | LabelledBatches, sizes: Tensor, epoch: int
) -> tuple[Tensor, ...]:
    """Which texts stand in each batch of an epoch: index tensors, in the epoch's order."""
    texts, size = len(sizes), batches.batch_size
    if not batches.shuffle:
        return torch.arange(texts).split(size)
    generator = epoch_generator(batches.seed, epoch)
    order = torch.randperm(texts, generator=generator)
    # Two stable sorts: by length, and then by pool.
    by_length = sizes[order].argsort(stable=True)
    pool = by_length // (POOL * size)
    order = order[by_length[pool.argsort(stable=True)]]
    cut = order.split(size)
    return tuple(cut[batch] for batch in torch.randperm(len(cut), generator=generator).tolist())


def _grid(
    first: Tensor, lengths: Tensor, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Places (B, T) in the stream for rows of `lengths` (B,), and which of them are the row's."""
    across = torch.arange(width, device=device)  # (T,)
    place = first.to(device).unsqueeze(1) + across
    return place, across < lengths.to(device).unsqueeze(1)


def _class_ids(labels: Sequence[int]) -> Tensor:
    values = labels.tolist() if isinstance(labels, Tensor | np.ndarray) else list(labels)
    for position, value in enumerate(values):
        if not isinstance(value, int | np.integer) or value < 0:
            raise ValueError(
                f"label {value!r} of text {position} is no class id; give each text a whole "
                "number from 0 on, or leave it out"
            )
    return torch.tensor(values, dtype=torch.long)
