"""Characters <-> ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

BOUNDARY = 0  # the id that stands before the first and after the last character of a text
BOUNDARY_SYMBOL = "·"
CODE_POINTS = 0x110000  # of Unicode
CHUNK = 1 << 16  # characters encoded at a time, so that the working memory stays small


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
        # 0 where there is no such character: the boundary is none, so 0 is free to say so.
        self._id_of_point = np.zeros(CODE_POINTS, dtype=np.int32)
        self._id_of_point[points] = np.arange(1, len(points) + 1)
        self._point_of_id = np.array([0, *points], dtype="<u4")

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of every character that occurs in `texts`."""
        occurs = np.zeros(CODE_POINTS, dtype=bool)
        for text in _chunks(texts):
            occurs[_points(text)] = True
        return cls(map(chr, occurs.nonzero()[0]))

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
        """The ids of a text's characters, without boundaries: an int32 tensor of shape (length,).

        Four bytes a character keep a large text small. An embedding takes these ids as they are;
        a loss wants its targets as `.long()`.

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        ids = np.empty(len(text), dtype=np.int32)
        self._encode_into(ids, text)
        if not ids.all():
            raise self._unknown_character(text, int((ids == 0).argmax()))
        return torch.from_numpy(ids)

    def encode_texts(self, texts: Sequence[str]) -> Tensor:
        """All texts as one stream, each followed by a boundary: an int32 tensor of shape (tokens,).

        Raises:
            ValueError: a character is not in the vocabulary.
        """
        texts = list(texts)
        ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1)
        stream = np.empty(ends[-1] if texts else 0, dtype=np.int32)
        # A character that the vocabulary lacks, and that is therefore encoded as 0, ends each text.
        end = chr(int((self._id_of_point == 0).argmax()))
        first, begin = 0, 0
        while first < len(texts):
            last = max(first + 1, int(np.searchsorted(ends, begin + CHUNK, side="right")))
            part = stream[begin : ends[last - 1]]
            if last == first + 1:  # perhaps a long text, which is not to be copied
                self._encode_into(part[:-1], texts[first])
                part[-1] = BOUNDARY
            else:
                self._encode_into(part, end.join(texts[first:last]) + end)
            if np.count_nonzero(part) != len(part) - (last - first):
                for text in texts[first:last]:
                    self.encode(text)  # raises
            first, begin = last, int(ends[last - 1])
        return torch.from_numpy(stream)

    def decode(self, ids: Tensor | Sequence[int], boundary: str = BOUNDARY_SYMBOL) -> str:
        """The text of some ids, with `boundary` written where the boundary token stands.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        values = known_ids(ids, len(self))
        at = (values == BOUNDARY).nonzero()[0].tolist()
        starts, ends = [0, *(position + 1 for position in at)], [*at, len(values)]
        return boundary.join(
            self._text(values[start:end]) for start, end in zip(starts, ends, strict=True)
        )

    def decode_texts(self, ids: Tensor) -> list[str]:
        """One text for each row of `ids` (B, L), which ends before its first boundary.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        values = known_ids(ids, len(self))
        lengths = lengths_before_boundary(values)
        return [self._text(row[:length]) for row, length in zip(values, lengths, strict=True)]

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON."""
        Path(path).write_text(json.dumps({"characters": self.characters}), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary that `save` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        return cls(read_json(path, "characters"))

    def _encode_into(self, ids: np.ndarray, text: str) -> None:
        """Write the ids of `text` into `ids`, 0 for a character that is not in the vocabulary."""
        for start in range(0, len(text), CHUNK):
            points = _points(text[start : start + CHUNK])
            # All points are valid; "clip" only spares numpy a copy.
            self._id_of_point.take(points, out=ids[start : start + len(points)], mode="clip")

    def _text(self, ids: np.ndarray) -> str:
        """The characters of `ids` (length,), none of which is the boundary."""
        return "".join(
            self._point_of_id[ids[start : start + CHUNK]]
            .tobytes()
            .decode("utf-32-le", "surrogatepass")
            for start in range(0, len(ids), CHUNK)
        )

    def _unknown_character(self, text: str, position: int) -> ValueError:
        character = text[position]
        nearby = text[max(0, position - 10) : position + 10]
        return ValueError(
            f"the character {character!r} (U+{ord(character):04X}), in {nearby!r}, is not among "
            f"the {len(self.characters)} characters of the vocabulary; build the vocabulary from "
            "all texts that you mean to encode, or leave the character out"
        )


def known_ids(ids: Tensor | Sequence[int], size: int) -> np.ndarray:
    """The ids as an array, all of them ids of a vocabulary of `size` tokens, or a `ValueError`."""
    values = ids.cpu().numpy() if isinstance(ids, Tensor) else np.array(ids, dtype=np.int64)
    unknown = (values < 0) | (values >= size)
    if unknown.any():
        raise ValueError(
            f"id {values[unknown][0]} is not in this vocabulary of {size} tokens; decode with the "
            "vocabulary that the text was encoded with"
        )
    return values


def lengths_before_boundary(ids: np.ndarray) -> np.ndarray:
    """How many tokens stand before the first boundary in each row of `ids` (B, L): (B,)."""
    width = ids.shape[1]
    return np.where(ids == BOUNDARY, np.arange(width), width).min(1, initial=width)


def read_json(path: str | Path, key: str) -> Any:
    """What stands under `key` in a vocabulary's file, or a `ValueError`."""
    contents = json.loads(Path(path).read_text(encoding="utf-8"))
    if not isinstance(contents, dict) or key not in contents:
        raise ValueError(f"{path} holds no {key}: it was written by something else; save it again")
    return contents[key]


def _points(text: str) -> np.ndarray:
    """The code points of a text, (length,)."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")


def _chunks(texts: Iterable[str]) -> Iterator[str]:
    """The characters of all texts in turn, about `CHUNK` of them at a time."""
    waiting, length = [], 0
    for text in texts:
        for start in range(0, len(text), CHUNK):
            waiting.append(text[start : start + CHUNK])
            length += len(waiting[-1])
            if length >= CHUNK:
                yield "".join(waiting)
                waiting, length = [], 0
    yield "".join(waiting)
