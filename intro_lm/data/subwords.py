"""Subwords <-> ids: byte-level byte-pair encoding through the `tokenizers` library."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from intro_lm.data.vocabulary import (
    BOUNDARY,
    BOUNDARY_SYMBOL,
    CHUNK,
    Vocabulary,
    known_ids,
    lengths_before_boundary,
    read_json,
)

if TYPE_CHECKING:  # imported where it is used, since most of the curriculum needs characters only
    from tokenizers import Tokenizer

LONGEST_PIECE = 1 << 14  # characters that the library is given in one string
PIECES_AT_ONCE = 1 << 18  # characters that it is given in one call
BYTES = 256
LEAST_COUNT = 2  # how often a pair must occur to be merged
# The library wants text, so a byte is written as one visible character: itself where it is one in
# Latin-1, and a character from U+0100 on where it is not (Radford et al. 2019).
_VISIBLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_HIDDEN = [byte for byte in range(BYTES) if byte not in _VISIBLE]
_CHARACTER = [chr(b if b in _VISIBLE else 0x100 + _HIDDEN.index(b)) for b in range(BYTES)]
_BYTE = {character: byte for byte, character in enumerate(_CHARACTER)}


class Subwords:
    """Frequent pieces of words, found by merging pairs; it serves wherever a `Vocabulary` does.

    The ids are 0 for the text boundary, 1 to 256 for the bytes 0 to 255, and from 257 on what the
    merges make, in their order. A text is cut into words, each with the space before it, and a
    word's UTF-8 bytes are merged pair by pair (Gage 1994; Sennrich et al. 2016, section 3.2; on
    bytes: Radford et al. 2019, section 2.2). All bytes are tokens, so every text can be encoded,
    and every text survives `decode(encode(text))`.

    Args:
        merges: pairs of ids, the pair that is merged first at the front.

    >>> subwords = Subwords([(98, 111)])  # "a" followed by "n"
    >>> subwords.encode("anna").tolist()
    [257, 111, 98]
    >>> subwords.decode([257, 111, 98, 0])
    'anna·'
    """

    def __init__(self, merges: Iterable[tuple[int, int]] = ()) -> None:
        self.merges = [(first, second) for first, second in merges]
        self._bytes = [b"", *(bytes([byte]) for byte in range(BYTES))]  # of each id
        known = set(self._bytes)
        for pair in self.merges:
            if not all(1 <= token < len(self._bytes) for token in pair):
                raise ValueError(
                    f"the merge {pair} joins tokens that do not exist: the ids before it are 1 to "
                    f"{len(self._bytes) - 1}; give the merges in the order they were learned in"
                )
            merged = b"".join(self._bytes[token] for token in pair)
            if merged not in known:  # two merges may make the same token
                known.add(merged)
                self._bytes.append(merged)

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int) -> Subwords:
        """Learn the merges of `texts`, which are the training split's and no other's.

        Args:
            texts: what to count pairs in.
            size: tokens in all, the boundary and the 256 bytes among them; fewer come of it where
                no pair is left that occurs twice.

        Raises:
            ValueError: `size` is below 257, there is no text, or one holds half a surrogate pair.
        """
        least = BYTES + 1
        if not isinstance(size, int) or size < least:
            raise ValueError(
                f"size is {size!r}; it must be a whole number of at least {least}, for the "
                f"boundary and the {BYTES} bytes"
            )
        from tokenizers import trainers

        pieces = (piece for text in texts for piece in _pieces(text))
        first_piece = next(pieces, None)
        if first_piece is None:
            raise ValueError("the corpus is empty: it has no text to learn subwords from")
        tokenizer = _tokenizer({}, [])
        trainer = trainers.BpeTrainer(
            vocab_size=size - 1,  # the boundary is none of the library's
            min_frequency=LEAST_COUNT,
            initial_alphabet=_CHARACTER,
            show_progress=False,
        )
        tokenizer.train_from_iterator(chain([first_piece], pieces), trainer)
        learned = json.loads(tokenizer.to_str())["model"]["merges"]
        id_of = {bytes([byte]): byte + 1 for byte in range(BYTES)}
        merges = []
        for pair in learned:
            first, second = (bytes(_BYTE[character] for character in token) for token in pair)
            merges.append((id_of[first], id_of[second]))
            id_of.setdefault(first + second, len(id_of) + 1)
        return cls(merges)

    def __len__(self) -> int:
        """The number of tokens: the boundary, the bytes, and what the merges make."""
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subwords) and self.merges == other.merges

    def __hash__(self) -> int:
        return hash(tuple(self.merges))

    def __repr__(self) -> str:
        longest = sorted(self.symbols, key=len, reverse=True)[:5]
        return f"Subwords({len(self)} tokens, the longest {longest})"

    @property
    def symbols(self) -> list[str]:
        """What each id is shown as, the boundary as `·`, parts of a character as in `\\xc3`."""
        shown = [token.decode("utf-8", "backslashreplace") for token in self._bytes]
        return [BOUNDARY_SYMBOL, *shown[1:]]

    def encode(self, text: str) -> Tensor:
        """The ids of a text's subwords, without boundaries: an int32 tensor of shape (tokens,).

        Raises:
            ValueError: the text holds half a surrogate pair, which is no character.
        """
        return self.encode_texts([text])[:-1]

    def encode_texts(self, texts: Iterable[str]) -> Tensor:
        """All texts as one stream, each followed by a boundary: an int32 tensor of shape (tokens,).

        A stretch of more than 16,384 characters without a space is merged in parts.

        Raises:
            ValueError: a text holds half a surrogate pair, which is no character.
        """
        parts = []
        for pieces in _groups(texts):
            encodings = self.tokenizer.encode_batch_fast(pieces, add_special_tokens=False)
            ids: list[int] = []
            for piece, encoding in zip(pieces, encodings, strict=True):
                ids += encoding.ids if piece else [BOUNDARY]
            parts.append(np.array(ids, dtype=np.int32))
        return torch.from_numpy(np.concatenate(parts))

    def decode(self, ids: Tensor | Sequence[int], boundary: str = BOUNDARY_SYMBOL) -> str:
        """The text of some ids, with `boundary` written where the boundary token stands.

        A model may well sample half a character; it is shown as U+FFFD.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        return self._text(known_ids(ids, len(self)), boundary)

    def decode_texts(self, ids: Tensor) -> list[str]:
        """One text for each row of `ids` (B, L), which ends before its first boundary.

        Raises:
            ValueError: an id is not in the vocabulary.
        """
        values = known_ids(ids, len(self))
        lengths = lengths_before_boundary(values)
        return [self._text(row[:length], "") for row, length in zip(values, lengths, strict=True)]

    def save(self, path: str | Path) -> None:
        """Write the merges as JSON."""
        Path(path).write_text(json.dumps({"merges": self.merges}), encoding="utf-8")

    @classmethod
    def load(cls, path: str | Path) -> Subwords:
        """Read the merges that `save` wrote.

        Raises:
            ValueError: the file holds something else.
        """
        return cls(read_json(path, "merges"))

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """The library's object with the same tokens and ids, apart from the boundary."""
        names = ["".join(_CHARACTER[byte] for byte in token) for token in self._bytes]
        vocabulary = {name: token for token, name in enumerate(names) if token != BOUNDARY}
        merges = [(names[first], names[second]) for first, second in self.merges]
        return _tokenizer(vocabulary, merges)

    def _text(self, ids: np.ndarray, boundary: str) -> str:
        written = [boundary.encode(), *self._bytes[1:]]
        chunks = (ids[start : start + CHUNK].tolist() for start in range(0, len(ids), CHUNK))
        joined = b"".join([b"".join(map(written.__getitem__, chunk)) for chunk in chunks])
        return joined.decode("utf-8", "replace")


AnyVocabulary = Vocabulary | Subwords  # what turns texts into ids and back


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer


def _groups(texts: Iterable[str]) -> Iterator[list[str]]:
    """The pieces of all texts in turn, as many as one call takes; an empty one ends each text."""
    pieces: list[str] = []
    length = 0
    for text in texts:
        for piece in (*_pieces(text), ""):
            pieces.append(piece)
            length += len(piece) + 1
            if length >= PIECES_AT_ONCE:
                yield pieces
                pieces, length = [], 0
    yield pieces


def _pieces(text: str) -> Iterator[str]:
    """The text in parts that the library encodes as it would the whole: each begins with a word.

    A stretch without spaces that is longer than a piece is cut anywhere. The library's memory for
    one string is many times the string's, too much for a line of 50 MB.
    """
    start = 0
    while start < len(text):
        stop = start + LONGEST_PIECE
        if stop < len(text):
            space = max(text.rfind(" ", start + 1, stop), text.rfind("\n", start + 1, stop))
            while space > start and text[space - 1].isspace():
                space -= 1  # to the first of several
            if space > start:
                stop = space
        piece = text[start:stop]
        try:
            piece.encode()
        except UnicodeEncodeError as error:
            at = start + error.start
            raise ValueError(
                f"{text[at]!r} at position {at}, in {text[max(0, at - 10) : at + 10]!r}, is half "
                "of a surrogate pair and no character; read the text as UTF-8, or leave it out"
            ) from None
        yield piece
        start = stop
