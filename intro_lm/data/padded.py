"""Whole texts as padded rows, of similar length in a batch, to predict tokens or a class."""

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
LARGEST = 1 << 20  # tokens in a batch, with padding; a model's memory is a multiple of it


@dataclass(frozen=True, eq=False)
class PaddedBatches:
    """`Batches` of whole texts, one per row, to predict each text's tokens or class.

    Without labels, a row's inputs are a boundary and the text; its targets are the text and a
    boundary, and -100 in the padding. With labels, a row's inputs are the text and at least one
    boundary, and its target is the label. Padding is boundaries, on the right.

    To pad less, shuffled texts are sorted by length in pools of 100 batches, and the batches are
    shuffled again (the bucketing of Sutskever et al. 2014, section 3.4).

    Args:
        stream: (1 + tokens,) token ids: a boundary, and each text followed by a boundary.
        starts: (texts + 1,) indices of the boundaries in `stream`.
        labels: (texts,) `LongTensor`, the class id of each text; None to predict tokens.
        batch_size: texts B in a batch; one batch may be smaller.
        shuffle: a new order each epoch, set by `seed`; otherwise the texts as given.
        max_length: how many first tokens of a text to read; None reads all.
    """

    stream: Tensor
    starts: Tensor
    labels: Tensor | None = None
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
        if self.labels is not None and len(self.labels) != len(self.starts) - 1:
            raise ValueError(
                f"{len(self.starts) - 1} texts and {len(self.labels)} labels: each text needs one"
            )
        lengths = self._lengths()
        longest, rows = int(lengths.max()), min(self.batch_size, len(lengths))
        if longest * rows > LARGEST:
            raise ValueError(
                f"text {int(lengths.argmax())} has {longest:,} tokens, too many for a batch of "
                f"{rows} texts; read only the beginnings of texts with max_length, "
                "or use smaller batches"
            )

    @classmethod
    def from_texts(
        cls,
        vocabulary: AnyVocabulary,
        texts: Sequence[str],
        batch_size: int = 32,
        *,
        labels: Sequence[int] | None = None,
        name: str = "",
        **order: Any,
    ) -> PaddedBatches:
        """Encode the texts; `order` is `shuffle`, `seed` and `max_length`.

        `name`, the split's, begins an error's message, and the line that is printed if texts are
        longer than `max_length`.
        """
        stream, starts = token_stream(vocabulary, texts)
        ids = None if labels is None else torch.as_tensor(labels)
        if ids is not None and (ids.is_floating_point() or (ids < 0).any()):
            raise ValueError(f"the labels are {ids}; class ids are whole numbers from 0")
        prefix = f"{name}: " * bool(name)
        try:
            batches = cls(stream, starts, ids, batch_size, **order)
        except ValueError as error:
            raise ValueError(f"{prefix}{error}") from error
        if batches.truncated:
            print(
                f"{prefix}{batches.truncated} of {len(starts) - 1} texts are longer than "
                f"{batches.max_length} tokens; only their beginnings are read"
            )
        return batches

    def __len__(self) -> int:
        return -(-(len(self.starts) - 1) // self.batch_size)

    @property
    def truncated(self) -> int:
        """How many texts have more than `max_length` tokens and are cut."""
        return int((self.starts.diff() - 1 > self._lengths()).sum())

    def epoch(self, number: int, start: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Inputs are (B, T), targets (B, T) tokens or (B,) labels."""
        lengths = self._lengths()
        for rows in self._rows(lengths, number)[start:]:
            first, length = self.starts[rows], lengths[rows]
            if self.labels is None:
                inputs = self._read(first, length + 1, BOUNDARY)
                yield inputs, self._read(first + 1, length + 1, IGNORED)
            else:  # the longest row also ends in a boundary
                inputs = F.pad(self._read(first + 1, length, BOUNDARY), (0, 1), value=BOUNDARY)
                yield inputs, self.labels[rows.to(self.labels.device)]

    def to(self, device: torch.device | str) -> PaddedBatches:
        labels = None if self.labels is None else self.labels.to(device)
        return replace(self, stream=self.stream.to(device), labels=labels)

    def reversed(self) -> PaddedBatches:
        """The same texts in the same order, each from its last token to its first.

        A backward language model reads these; with characters, they are the reversed texts.
        """
        # A text between the boundaries at a and b is reversed by i -> a + b - i.
        ends = (self.starts[:-1] + self.starts[1:]).repeat_interleave(self.starts.diff())
        index = ends - torch.arange(1, len(self.stream))
        backward = self.stream[index.to(self.stream.device)]
        return replace(self, stream=torch.cat([self.stream[:1], backward]))

    def _lengths(self) -> Tensor:
        """How many tokens of each text are read: (texts,)."""
        return (self.starts.diff() - 1).clamp(max=self.max_length or len(self.stream))

    def _rows(self, lengths: Tensor, epoch: int) -> tuple[Tensor, ...]:
        """Which texts are in each batch of an epoch: index tensors, in the epoch's order."""
        texts, size = len(lengths), self.batch_size
        if not self.shuffle:
            return torch.arange(texts).split(size)
        generator = epoch_generator(self.seed, epoch)
        order = torch.randperm(texts, generator=generator)
        # Two stable sorts: by length, and then by pool.
        by_length = lengths[order].argsort(stable=True)
        pool = by_length // (POOL * size)
        cut = order[by_length[pool.argsort(stable=True)]].split(size)
        return tuple(cut[batch] for batch in torch.randperm(len(cut), generator=generator).tolist())

    def _read(self, first: Tensor, lengths: Tensor, filler: int) -> Tensor:
        """Parts of the stream as rows, padded on the right: (B,), (B,) -> (B, T)."""
        device = self.stream.device
        across = torch.arange(int(lengths.max()), device=device)  # (T,); the maximum is on the CPU
        index = first.to(device).unsqueeze(1) + across  # (B, T)
        inside = across < lengths.to(device).unsqueeze(1)
        return self.stream[index.clamp(max=len(self.stream) - 1)].long().where(inside, filler)


def labelled_batches(
    vocabulary: AnyVocabulary, rows: Dataset, batch_size: int = 32, **options: Any
) -> PaddedBatches:
    """`PaddedBatches` of a split with columns `text` and `label`; options as in `from_texts`."""
    texts, labels = rows["text"][:], rows["label"][:]
    return PaddedBatches.from_texts(vocabulary, texts, batch_size, labels=labels, **options)
