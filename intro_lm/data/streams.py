"""A corpus as parallel streams, for truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from intro_lm.checks import require_count
from intro_lm.data.batches import IGNORED, epoch_generator, fingerprint_of, token_stream
from intro_lm.data.subwords import AnyVocabulary
from intro_lm.data.vocabulary import BOUNDARY


@dataclass(frozen=True, eq=False)
class StreamBatches:
    """`Batches` of all texts one after the other, in rows that go on from batch to batch.

    The tokens are dealt to B rows, each a contiguous part of the corpus, and a batch is the next
    `length` tokens of every row: a recurrent model may carry its state from one batch to the next
    and cut the gradient there (Williams and Peng 1990; Mikolov et al. 2010). Each token is a
    target once per epoch; its input is the token before, which is a boundary where a text begins.
    What is left free at the end of the last rows holds boundaries, and -100 as targets. Shuffling
    orders the texts, never their parts.

    Args:
        stream: (1 + tokens,) token ids: a boundary, and each text followed by a boundary.
        starts: (texts + 1,) indices of the boundaries in `stream`.
        batch_size: rows B.
        length: tokens T of each row in a batch; the last batch may be narrower.
        shuffle: the texts in a new order each epoch, or as given.
        seed: which orders.
        carries_state: whether a recurrent model reads each batch from the state that the batch
            before left it in. Otherwise it begins every batch at zeros, which shows what carrying
            is worth.
    """

    stream: Tensor
    starts: Tensor
    batch_size: int = 32
    length: int = 64
    shuffle: bool = True
    seed: int = 0
    carries_state: bool = True

    def __post_init__(self) -> None:
        require_count(batch_size=self.batch_size, length=self.length)
        if self._columns() < self.length:
            raise ValueError(
                f"the stream has {len(self.stream) - 1} tokens, too few for one batch of "
                f"{self.batch_size} × {self.length}; choose a smaller batch_size or length, or "
                "give more text"
            )

    @classmethod
    def from_texts(
        cls, vocabulary: AnyVocabulary, texts: Sequence[str], *order: Any, **named: Any
    ) -> StreamBatches:
        """Encode the texts; what follows them is `batch_size`, `length`, `shuffle` and so on."""
        return cls(*token_stream(vocabulary, texts), *order, **named)

    def __len__(self) -> int:
        return -(-self._columns() // self.length)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets are both (B, T)."""
        device, tokens, columns = self.stream.device, len(self.stream) - 1, self._columns()
        lengths = self.starts.diff()
        order = torch.arange(len(lengths))
        if self.shuffle:
            order = torch.randperm(len(lengths), generator=epoch_generator(self.seed, number))
        ends = lengths[order].cumsum(0)  # where in the epoch each text ends
        # How far each text is moved, from its index in the epoch to that in `stream`.
        distances = (self.starts[order] - (ends - lengths[order])).to(device)
        ends = ends.to(device)
        row_starts = torch.arange(self.batch_size, device=device).unsqueeze(1) * columns  # (B, 1)
        for first in range(start * self.length, columns, self.length):
            across = torch.arange(first, min(first + self.length, columns), device=device)  # (T,)
            index = row_starts + across  # (B, T), in the epoch's order
            inside = index < tokens
            index = index.clamp(max=tokens - 1)
            index = index + distances[torch.searchsorted(ends, index, right=True)]
            inputs, targets = self.stream[index].long(), self.stream[index + 1].long()
            yield inputs.where(inside, BOUNDARY), targets.where(inside, IGNORED)

    def to(self, device: torch.device | str) -> StreamBatches:
        return replace(self, stream=self.stream.to(device))

    def fingerprint(self) -> str:
        return fingerprint_of(self)

    def _columns(self) -> int:
        """Tokens of each row in an epoch."""
        return -(-(len(self.stream) - 1) // self.batch_size)
