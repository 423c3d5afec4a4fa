"""Characters <-> ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

BOUNDARY = 0  # the id before the first and after the last character of a text
BOUNDARY_SYMBOL = "·"
CHUNK = 1 << 16  # characters encoded at a time, so that the working memory stays small


class Vocabulary:
    """The characters of a corpus, numbered from 1 in code-point order; 0 is the text boundary.

    The boundary is a token, not a character: no text contains it, so every text of the
    vocabulary's characters survives `decode(encode(text))`. An unknown character or id raises
    a `ValueError` that names it.

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
        # The id of each code point, 0 for characters that aren't in the vocabulary. The last
        # entry, also 0, is for all higher code points.
        self._id_of_point = np.zeros(points[-1] + 2, dtype=np.int32)
        self._id_of_point[points] = np.arange(1, len(points) + 1)

    @classmethod
    def from_texts(cls, texts: Iterable[str]) -> Vocabulary:
        """The vocabulary of every character that occurs in `texts`."""
        return cls(set[str]().union(*texts))

    def __len__(self) -> int:
        """The number of tokens: the characters and the boundary."""
        return len(self.characters) + 1

    @property
    def symbols(self) -> list[str]:
        """How each id is shown, the boundary as `·`."""
        return [BOUNDARY_SYMBOL, *self.characters]

    def encode(self, text: str) -> Tensor:
        """The ids of a text's characters, without boundaries: an int32 tensor of shape (length,).

        An embedding takes these ids as they are; a loss needs `.long()` targets.
        """
        ids = self._ids(text)
        if not ids.all():
            at = int((ids == 0).argmax())
            raise ValueError(
                f"the character {text[at]!r} (U+{ord(text[at]):04X}), in "
                f"{text[max(0, at - 10) : at + 10]!r}, is not among the {len(self.characters)} "
                "characters of the vocabulary; build it from all texts that you encode"
            )
        return torch.from_numpy(ids)

    def encode_texts(self, texts: Iterable[str]) -> Tensor:
        """All texts as one stream, each followed by a boundary: int32, of shape (tokens,)."""
        texts = list(texts)
        end = chr(int((self._id_of_point == 0).argmax()))  # any character without an id
        ids = self._ids(end.join([*texts, ""]))  # all at once: texts may be short and many
        if np.count_nonzero(ids) != len(ids) - len(texts):
            for text in texts:
                self.encode(text)  # raises at the first unknown character
        return torch.from_numpy(ids)

    def decode(self, ids: Tensor | Sequence[int], boundary: str = BOUNDARY_SYMBOL) -> str:
        """The text of some ids, with `boundary` written where the boundary token is."""
        written = [boundary, *self.characters]
        return "".join(map(written.__getitem__, known_ids(ids, len(self))))

    def decode_texts(self, ids: Tensor) -> list[str]:
        """One text for each row of `ids` (B, L), which ends before its first boundary."""
        return [self.decode(row[: [*row, BOUNDARY].index(BOUNDARY)]) for row in ids.tolist()]

    def save(self, path: str | Path) -> None:
        """Write the vocabulary as JSON."""
        Path(path).write_text(json.dumps({"characters": self.characters}), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """Read a vocabulary that `save` wrote."""
        return cls(json.loads(Path(path).read_text(encoding="utf-8"))["characters"])

    def _ids(self, text: str) -> np.ndarray:
        """The ids of `text` (length,), 0 for a character that isn't in the vocabulary."""
        ids = np.empty(len(text), dtype=np.int32)
        for start in range(0, len(text), CHUNK):
            # A str may hold half a surrogate pair, and so may a vocabulary.
            encoded = text[start : start + CHUNK].encode("utf-32-le", "surrogatepass")
            points = np.frombuffer(encoded, dtype="<u4")
            self._id_of_point.take(points, out=ids[start : start + CHUNK], mode="clip")
        return ids


def known_ids(ids: Tensor | Sequence[int], size: int) -> list[int]:
    """The ids as a list; a `ValueError` if one isn't in a vocabulary of `size` tokens."""
    values = ids.tolist() if isinstance(ids, Tensor) else list(ids)
    for token in (min(values, default=0), max(values, default=0)):
        if not 0 <= token < size:
            raise ValueError(f"id {token} is not in this vocabulary of {size} tokens; use its own")
    return values
