"""From texts to tensors: context windows, and the shuffled batches that training reads."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from intro_lm.checks import require_count
from intro_lm.data.subwords import AnyVocabulary
from intro_lm.data.vocabulary import BOUNDARY

IGNORED = -100  # the target where a position doesn't count


class Batches(Protocol):
    """What training reads: pairs (inputs, targets) in an order set only by seed and epoch.

    So a resumed run needs no saved loader state.
    """

    @property
    def carries_state(self) -> bool:
        """Whether each row continues in the next batch, so that a model carries its state."""

    def __len__(self) -> int:
        """Batches in an epoch."""

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The batches of one epoch, from batch `start` on: two `LongTensor`s each.

        Positions that don't count hold -100 in `targets`.
        """

    def to(self, device: torch.device | str) -> Batches:
        """The same batches on `device`."""

    def fingerprint(self) -> str:
        """A short digest of data and order, so that a resumed run recognises its data."""


def context_windows(
    vocabulary: AnyVocabulary, texts: Sequence[str], context_length: int
) -> tuple[Tensor, Tensor]:
    """Each token of each text, and its closing boundary, with the tokens before it.

    This is the dataset of the n-gram and MLP models (Bengio et al. 2003, section 2). A window
    never reaches into an earlier text; boundaries pad it.

    Returns:
        `inputs` (N, context_length), oldest token first, and `targets` (N,), both `LongTensor`s.
    """
    require_count(context_length=context_length)
    stream, _ = token_stream(vocabulary, texts)
    padding = torch.full((context_length - 1,), BOUNDARY)
    stream = torch.cat([padding, stream.long()])  # (T + N,)
    inputs = stream.unfold(0, context_length, 1)[:-1].clone()  # (N, T)
    # Blank out the previous text: the tokens up to the last boundary in the window.
    for position in range(context_length - 2, -1, -1):
        reaches_back = inputs[:, position + 1] == BOUNDARY
        inputs[reaches_back, position] = BOUNDARY
    return inputs, stream[context_length:].clone()


def token_stream(vocabulary: AnyVocabulary, texts: Sequence[str]) -> tuple[Tensor, Tensor]:
    """The texts as one stream of int32 ids: a boundary, and each text followed by a boundary.

    Returns:
        The stream (1 + tokens,) and the indices of its boundaries (texts + 1,).
    """
    texts = list(texts)
    if not texts:
        raise ValueError("the corpus is empty: there is no text to make batches of")
    opening = torch.full((1,), BOUNDARY, dtype=torch.int32)
    stream = torch.cat([opening, vocabulary.encode_texts(texts)])
    return stream, (stream == BOUNDARY).nonzero().squeeze(1)


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """A generator on the CPU that depends on `seed` and `epoch` alone."""
    # Hashed, because the CPU generator uses only 32 bits of a seed.
    digest = hashlib.sha256(f"{seed} {epoch}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4], "little"))


def fingerprint(batches: Any) -> str:
    """A short digest of a dataclass of batches: its kind, its settings and its tensors."""
    digest = hashlib.sha256(type(batches).__name__.encode())
    for value in vars(batches).values():
        if isinstance(value, Tensor):
            digest.update(str(tuple(value.shape)).encode())
            digest.update(value.cpu().contiguous().numpy().tobytes())
        else:
            digest.update(f" {value}".encode())
    return digest.hexdigest()[:16]


@dataclass(frozen=True, eq=False)
class WindowBatches:
    """`Batches` of paired examples, in an order set by `seed` and epoch.

    Args:
        inputs, targets: (N, …) `LongTensor`s.
        batch_size: examples in a batch; the last batch may be smaller.
        shuffle: a new order each epoch, set by `seed`; otherwise as given.
    """

    inputs: Tensor
    targets: Tensor
    batch_size: int = 1024
    shuffle: bool = True
    seed: int = 0
    carries_state: ClassVar[bool] = False
    fingerprint = fingerprint

    def __post_init__(self) -> None:
        require_count(batch_size=self.batch_size)
        if not len(self.inputs) == len(self.targets) > 0:
            raise ValueError(
                f"{len(self.inputs)} inputs and {len(self.targets)} targets; give the same "
                "number, at least one"
            )

    def __len__(self) -> int:
        return -(-len(self.inputs) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        inputs, targets = self.inputs, self.targets
        if self.shuffle:
            generator = epoch_generator(self.seed, number)
            order = torch.randperm(len(inputs), generator=generator).to(inputs.device)
            # One gather per epoch: each batch is then a view, which costs next to nothing.
            inputs, targets = inputs[order], targets[order]
        size = self.batch_size
        for first in range(start * size, len(inputs), size):
            yield inputs[first : first + size], targets[first : first + size]

    def to(self, device: torch.device | str) -> WindowBatches:
        return replace(self, inputs=self.inputs.to(device), targets=self.targets.to(device))


@dataclass(frozen=True, eq=False)
class StreamBatches:
    """`Batches` of all texts one after the other, in rows that continue from batch to batch.

    The corpus is cut into B contiguous rows, and a batch is the next `length` tokens of each: a
    recurrent model carries its state from batch to batch and cuts the gradient there (Williams and
    Peng 1990; Mikolov et al. 2010). Each token is a target once per epoch, and its input is the
    token before. The end of the last rows is padded: boundaries as inputs, -100 as targets.

    Args:
        stream, starts: the tokens and the indices of boundaries, as `token_stream` gives them.
        batch_size, length: rows B and tokens T of a batch; the last batch may be narrower.
        shuffle: the texts in a new order each epoch, set by `seed`; otherwise as given.
        carries_state: False starts every batch from zeros, to show what carrying is worth.
    """

    stream: Tensor
    starts: Tensor
    batch_size: int = 32
    length: int = 64
    shuffle: bool = True
    seed: int = 0
    carries_state: bool = True
    fingerprint = fingerprint

    def __post_init__(self) -> None:
        require_count(batch_size=self.batch_size, length=self.length)
        if self._columns() < self.length:
            raise ValueError(
                f"the stream has {len(self.stream) - 1} tokens, too few for one batch of "
                f"{self.batch_size} × {self.length}; choose smaller ones or give more text"
            )

    @classmethod
    def from_texts(
        cls, vocabulary: AnyVocabulary, texts: Sequence[str], *order: Any, **named: Any
    ) -> StreamBatches:
        """Encode the texts; the rest are `batch_size`, `length`, `shuffle` and so on."""
        return cls(*token_stream(vocabulary, texts), *order, **named)

    def __len__(self) -> int:
        return -(-self._columns() // self.length)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets are both (B, T)."""
        lengths = self.starts.diff()  # each text's tokens and its closing boundary
        order = torch.arange(len(lengths))
        if self.shuffle:
            order = torch.randperm(len(lengths), generator=epoch_generator(self.seed, number))
        lengths = lengths[order]
        # How far each text moves, from its index in the epoch to that in `stream`.
        distances = self.starts[order] + 1 - (lengths.cumsum(0) - lengths)
        index = torch.arange(len(self.stream) - 1) + distances.repeat_interleave(lengths)
        targets = self.stream[index.to(self.stream.device)]
        columns = self._columns()
        free = self.batch_size * columns - len(targets)
        inputs = F.pad(targets[:-1], (1, free), value=BOUNDARY).view(-1, columns)
        targets = F.pad(targets, (0, free), value=IGNORED).view(-1, columns)
        for first in range(start * self.length, columns, self.length):
            across = slice(first, first + self.length)
            yield inputs[:, across].long(), targets[:, across].long()

    def to(self, device: torch.device | str) -> StreamBatches:
        return replace(self, stream=self.stream.to(device))

    def _columns(self) -> int:
        """Tokens of each row in an epoch."""
        return -(-(len(self.stream) - 1) // self.batch_size)
