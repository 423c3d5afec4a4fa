"""Whole texts as padded rows, of similar length in a batch: to predict tokens, or a class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from intro_lm.checks import require_count
from intro_lm.data.batches import IGNORED, epoch_generator, fingerprint, token_stream
from intro_lm.data.subwords import AnyVocabulary
from intro_lm.data.vocabulary import BOUNDARY

if TYPE_CHECKING:
    from datasets import Dataset

POOL = 100  # batches whose texts are sorted by length together


@dataclass(frozen=True, eq=False)
class PaddedBatches:
    """`Batches` of whole texts, a row each, for a model that reads a text from start to end.

    A row's inputs are a boundary and the text; its targets are the text and a boundary. Shorter
    rows are filled up on the right, with boundaries in the inputs and -100 in the targets, so no
    padding reaches a loss. To pad little, shuffled texts are sorted by length in pools of 100
    batches, and the batches are shuffled again (the bucketing of Sutskever et al. 2014,
    section 3.4).

    Args:
        stream: (1 + tokens,) token ids: a boundary, and each text followed by a boundary.
        starts: (texts + 1,) indices of the boundaries in `stream`.
        batch_size: texts B in a batch; one of them may hold fewer.
        shuffle: a new order each epoch, or the texts as given; `seed` decides which orders.
    """

    stream: Tensor
    starts: Tensor
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0
    carries_state: ClassVar[bool] = False
    fingerprint = fingerprint

    def __post_init__(self) -> None:
        require_count(batch_size=self.batch_size)

    @classmethod
    def from_texts(
        cls, vocabulary: AnyVocabulary, texts: Sequence[str], *order: Any, **named: Any
    ) -> PaddedBatches:
        """Encode the texts; what follows them is `batch_size`, `shuffle` and `seed`."""
        return cls(*token_stream(vocabulary, texts), *order, **named)

    def __len__(self) -> int:
        return -(-(len(self.starts) - 1) // self.batch_size)

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs and targets are both (B, T)."""
        lengths = self.starts.diff()  # each text's tokens and its closing boundary
        for rows in _batches_of_rows(self, lengths, number)[start:]:
            first, length = self.starts[rows], lengths[rows]
            inputs = _rows_of(self.stream, first, length, BOUNDARY)
            yield inputs, _rows_of(self.stream, first + 1, length, IGNORED)

    def to(self, device: torch.device | str) -> PaddedBatches:
        return replace(self, stream=self.stream.to(device))

    def reversed(self) -> PaddedBatches:
        """The same texts in the same order, each from its last token to its first.

        It is what a backward language model reads; characters give the batches of reversed texts.
        """
        # A text between the boundaries at a and b is mirrored by i -> a + b - i.
        ends = (self.starts[:-1] + self.starts[1:]).repeat_interleave(self.starts.diff())
        index = ends - torch.arange(1, len(self.stream))
        backward = self.stream[index.to(self.stream.device)]
        return replace(self, stream=torch.cat([self.stream[:1], backward]))


@dataclass(frozen=True, eq=False)
class LabelledBatches:
    """`Batches` of whole texts and their classes, for a model that names the class of a text.

    A row's input is the text and at least one boundary: the text ends before the first, and what
    follows is padding. The other arguments and the order are those of `PaddedBatches`.

    Args:
        labels: (texts,) `LongTensor`, the class id of each text.
        max_length: how many tokens of a text are kept, its first; None keeps all.
    """

    stream: Tensor
    starts: Tensor
    labels: Tensor
    batch_size: int = 32
    shuffle: bool = True
    seed: int = 0
    max_length: int | None = None
    carries_state: ClassVar[bool] = False
    fingerprint = fingerprint

    def __post_init__(self) -> None:
        require_count(batch_size=self.batch_size)
        if self.max_length is not None:
            require_count(max_length=self.max_length)
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
        *order: Any,
        **named: Any,
    ) -> LabelledBatches:
        """Encode the texts; what follows the labels is `batch_size` to `max_length`."""
        stream, starts = token_stream(vocabulary, texts)
        ids = torch.as_tensor(labels)
        if ids.is_floating_point() or (ids < 0).any():
            raise ValueError(f"the labels are {ids}; class ids are whole numbers from 0 on")
        return cls(stream, starts, ids, *order, **named)

    def __len__(self) -> int:
        return -(-len(self.labels) // self.batch_size)

    @property
    def truncated(self) -> int:
        """How many texts have more than `max_length` tokens, and are read in part."""
        return int((self.starts.diff() - 1 > self._lengths()).sum())

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs are (B, T), targets (B,)."""
        lengths = self._lengths()
        for rows in _batches_of_rows(self, lengths, number)[start:]:
            inputs = _rows_of(self.stream, self.starts[rows] + 1, lengths[rows], BOUNDARY)
            inputs = F.pad(inputs, (0, 1), value=BOUNDARY)  # the longest row, too, ends in one
            yield inputs, self.labels[rows.to(self.labels.device)]

    def to(self, device: torch.device | str) -> LabelledBatches:
        return replace(self, stream=self.stream.to(device), labels=self.labels.to(device))

    def _lengths(self) -> Tensor:
        """How many tokens are kept of each text."""
        return (self.starts.diff() - 1).clamp(max=self.max_length or len(self.stream))


def labelled_batches(
    vocabulary: AnyVocabulary,
    rows: Dataset,
    batch_size: int = 32,
    shuffle: bool = True,
    seed: int = 0,
    max_length: int | None = None,
    name: str = "",
) -> LabelledBatches:
    """`LabelledBatches` of a split with the columns `text` and `label`.

    How many texts are longer than `max_length` is printed, with `name`, the split's, before it.
    """
    batches = LabelledBatches.from_texts(
        vocabulary, rows["text"][:], rows["label"][:], batch_size, shuffle, seed, max_length
    )
    if batches.truncated:
        print(
            f"{name}: " * bool(name) + f"{batches.truncated} of {len(rows)} texts are longer than "
            f"{max_length} tokens; only their beginnings are read"
        )
    return batches


def _batches_of_rows(
    batches: PaddedBatches | LabelledBatches, lengths: Tensor, epoch: int
) -> tuple[Tensor, ...]:
    """Which texts are in each batch of an epoch: index tensors, in the epoch's order."""
    texts, size = len(lengths), batches.batch_size
    if not batches.shuffle:
        return torch.arange(texts).split(size)
    generator = epoch_generator(batches.seed, epoch)
    order = torch.randperm(texts, generator=generator)
    # Two stable sorts: by length, and then by pool.
    by_length = lengths[order].argsort(stable=True)
    pool = by_length // (POOL * size)
    order = order[by_length[pool.argsort(stable=True)]]
    cut = order.split(size)
    return tuple(cut[batch] for batch in torch.randperm(len(cut), generator=generator).tolist())


def _rows_of(stream: Tensor, first: Tensor, lengths: Tensor, filler: int) -> Tensor:
    """Parts of the stream as rows, filled up on the right; (B,), (B,) -> (B, T) `LongTensor`."""
    device = stream.device
    width = int(lengths.max())  # on the CPU, so nothing waits for the device
    across = torch.arange(width, device=device)  # (T,)
    index = first.to(device).unsqueeze(1) + across  # (B, T)
    inside = across < lengths.to(device).unsqueeze(1)
    return stream[index.clamp(max=len(stream) - 1)].long().where(inside, filler)
