"""Characters <-> ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BOUNDARY = 0  # the id that stands before the first and after the last character of a text
BOUNDARY_SYMBOL = "·"
CHUNK = 1 << 20  # characters encoded at a time, so that the working memory stays small


class Vocabulary:
    """The characters of a corpus, numbered from 1 in code-point order; 0 is the text boundary.

    The boundary is a token and not a character: no text contains it, so every text of the
    vocabulary's characters survives `decode(encode(text))`.

    >>> vocabulary = Vocabulary("abn")
    >>> vocabulary.encode("anna").tolist()
    [1, 3, 3, 1]
    >>> vocabulary.decode([0, 0, 1, 3])
    '··an'
    """

    def __init__(self, characters: Iterable[str]) -> None:
        self.characters = sorted(set(characters))
        if not self.characters:
            raise ValueError("the corpus is empty: it has no character to build a vocabulary from")
        points = [ord(character) for character in self.characters]
        self._id_of_point = np.full(points[-1] + 1, -1, dtype=np.int32)
        self._id_of_point[points] = np.arange(1, len(points) + 1)

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of every character that occurs in `texts`."""
        return cls(set().union(*map(set, texts)))

    def __len__(self) -> int:
        """The number of tokens: the characters and the boundary."""
        return len(self.characters) + 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.characters == other.characters

    def __hash__(self) -> int:
        return hash(tuple(self.characters))

    def __repr__(self) -> str:
        shown = "".join(self.characters[:40])
        return f"Vocabulary({len(self)} tokens: {BOUNDARY_SYMBOL}{shown})"

    @property
    def symbols(self) -> list[str]:
        """What each id is shown as, the boundary as `·`."""
        return [BOUNDARY_SYMBOL, *self.characters]

    def encode(self, text: str) -> Tensor:
        """The ids of a text's characters, without boundaries: a `LongTensor` of shape (length,).

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        return torch.from_numpy(self._ids(text).astype(np.int64))

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """All texts as one stream, each followed by a boundary: an int32 tensor of shape (tokens,).

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        lengths = np.fromiter((len(text) for text in texts), dtype=np.int64, count=len(texts))
        stream = np.zeros(int(lengths.sum()) + len(texts), dtype=np.int32)
        is_character = np.ones(len(stream), dtype=bool)
        is_character[np.cumsum(lengths + 1) - 1] = False
        stream[is_character] = self._ids("".join(texts))
        return torch.from_numpy(stream)

    def decode(self, ids: Tensor | Sequence[int], boundary: str = BOUNDARY_SYMBOL) -> str:
        """The text of some ids, with `boundary` written where the boundary token stands.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        symbols = [boundary, *self.characters]
        values = ids.tolist() if isinstance(ids, Tensor) else list(ids)
        for value in values:
            if not 0 <= value < len(symbols):
                raise ValueError(f"id {value} is not in this vocabulary of {len(self)} tokens")
        return "".join([symbols[value] for value in values])

    def decode_texts(self, ids: Tensor) -> list[str]:
        """One text for each row of `ids` (B, L), which ends before its first boundary."""
        points = np.array([0, *map(ord, self.characters)], dtype="<u4")[ids.numpy()]
        width = ids.shape[1]
        lengths = np.where(ids.numpy() == BOUNDARY, np.arange(width), width).min(1, initial=width)
        return [
            row[:length].tobytes().decode("utf-32-le", "surrogatepass")
            for row, length in zip(points, lengths, strict=True)
        ]

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON."""
        Path(path).write_text(
            json.dumps({"characters": self.characters}, ensure_ascii=False), encoding="utf-8"
        )

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary that `save` wrote."""
        return cls(json.loads(Path(path).read_text(encoding="utf-8"))["characters"])

    def _ids(self, text: str) -> np.ndarray:
        ids = np.empty(len(text), dtype=np.int32)
        highest = len(self._id_of_point) - 1
        for start in range(0, len(text), CHUNK):
            raw = text[start : start + CHUNK].encode("utf-32-le", "surrogatepass")
            points = np.frombuffer(raw, dtype="<u4")
            found = self._id_of_point[np.minimum(points, highest)]
            unknown = (found < 0) | (points > highest)
            if unknown.any():
                raise self._unknown_character(text, start + int(unknown.argmax()))
            ids[start : start + len(found)] = found
        return ids

    def _unknown_character(self, text: str, position: int) -> ValueError:
        character = text[position]
        nearby = text[max(0, position - 10) : position + 10]
        return ValueError(
            f"the character {character!r} (U+{ord(character):04X}), in {nearby!r}, is not among "
            f"the {len(self.characters)} characters of the vocabulary; build the vocabulary from "
            "all texts that you mean to encode, or leave the character out"
        )
