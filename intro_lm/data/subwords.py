"""Subwords <-> ids: byte-level byte-pair encoding through the `tokenizers` library."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from intro_lm.data.vocabulary import BOUNDARY, BOUNDARY_SYMBOL, Vocabulary, known_ids

if TYPE_CHECKING:  # imported where used, since most of the curriculum needs only characters
    from tokenizers import Tokenizer

# For one string, the library needs many times its memory, so a long text goes in pieces. Each
# begins at a space after a word, where the library itself cuts, or anywhere in a stretch of more
# than 16,384 characters without a space.
PIECE = re.compile(r".{1,16384}(?:(?<=\S)(?=[ \n])|\Z)|.{1,16384}", re.DOTALL)
PIECES_AT_ONCE = 64
# The library needs text, so a byte is written as one visible character: its own if it has one in
# Latin-1, otherwise one from U+0100 on (Radford et al. 2019).
_VISIBLE = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
_HIDDEN = [byte for byte in range(256) if byte not in _VISIBLE]
_CHARACTER = [chr(b if b in _VISIBLE else 0x100 + _HIDDEN.index(b)) for b in range(256)]


class Subwords:
    """Frequent pieces of words, found by merging pairs; usable wherever a `Vocabulary` is.

    Id 0 is the text boundary, 1 to 256 are the bytes, and the merges follow in order from 257 on.
    A text is cut into words, each with the space before it, and a word's UTF-8 bytes are
    merged pair by pair (Gage 1994; Sennrich et al. 2016, section 3.2; on bytes: Radford et al.
    2019, section 2.2). So every text can be encoded, and survives `decode(encode(text))`.

    Args:
        merges: pairs of tokens as the library writes them, in the order of merging.

    >>> subwords = Subwords([("a", "n")])
    >>> subwords.encode("anna").tolist()
    [257, 111, 98]
    >>> subwords.decode([257, 111, 98, 0])
    'anna·'
    """

    def __init__(self, merges: Iterable[Sequence[str]] = ()) -> None:
        self.merges = [(first, second) for first, second in merges]
        # Two merges may make the same token.
        tokens = dict.fromkeys([*_CHARACTER, *(first + second for first, second in self.merges)])
        self.tokenizer = _tokenizer({token: id for id, token in enumerate(tokens, 1)}, self.merges)
        self._bytes = [b"", *(bytes(map(_CHARACTER.index, token)) for token in tokens)]  # of an id

    @classmethod
    def from_texts(cls, texts: Iterable[str], size: int) -> Subwords:
        """Learn the merges from `texts`, which should be the training split's only.

        Args:
            texts: where to count pairs; half a surrogate pair is a `ValueError`.
            size: tokens in all, at least 257 for the boundary and the bytes; there are fewer if no
                pair is left that occurs twice.
        """
        from tokenizers import trainers

        trainer = trainers.BpeTrainer(
            vocab_size=size - 1,  # the library doesn't know the boundary
            min_frequency=2,
            initial_alphabet=_CHARACTER,
            show_progress=False,
        )
        tokenizer = _tokenizer({}, [])
        tokenizer.train_from_iterator((piece for text in texts for piece in _pieces(text)), trainer)
        return cls(json.loads(tokenizer.to_str())["model"]["merges"])

    def __len__(self) -> int:
        """The number of tokens: the boundary, the bytes, and what the merges make."""
        return len(self._bytes)

    @property
    def symbols(self) -> list[str]:
        """How each id is shown, the boundary as `·`, parts of a character as in `\\xc3`."""
        shown = [token.decode("utf-8", "backslashreplace") for token in self._bytes]
        return [BOUNDARY_SYMBOL, *shown[1:]]

    def encode(self, text: str) -> Tensor:
        """The ids of a text's subwords, without boundaries: int32, of shape (tokens,)."""
        return self.encode_texts([text])[:-1]

    def encode_texts(self, texts: Iterable[str]) -> Tensor:
        """All texts as one stream, each followed by a boundary: int32, of shape (tokens,)."""
        pieces = (piece for text in texts for piece in (*_pieces(text), ""))
        ids = array("i")
        while batch := list(islice(pieces, PIECES_AT_ONCE)):
            encodings = self.tokenizer.encode_batch_fast(batch, add_special_tokens=False)
            for piece, encoding in zip(batch, encodings, strict=True):
                ids.extend(encoding.ids if piece else [BOUNDARY])  # an empty piece ends each text
        return torch.from_numpy(np.array(ids, dtype=np.int32))

    def decode(self, ids: Tensor | Sequence[int], boundary: str = BOUNDARY_SYMBOL) -> str:
        """The text of some ids, with `boundary` written where the boundary token is.

        If a model samples half a character, it is shown as U+FFFD.
        """
        written = [boundary.encode(), *self._bytes[1:]]
        tokens = map(written.__getitem__, known_ids(ids, len(self)))
        return b"".join(tokens).decode("utf-8", "replace")

    def decode_texts(self, ids: Tensor) -> list[str]:
        """One text for each row of `ids` (B, L), which ends before its first boundary."""
        return [self.decode(row[: [*row, BOUNDARY].index(BOUNDARY)]) for row in ids.tolist()]


AnyVocabulary = Vocabulary | Subwords  # what turns texts into ids and back


def _pieces(text: str) -> list[str]:
    text.encode()  # an error here names the character and its position, which the library doesn't
    return PIECE.findall(text)


def _tokenizer(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Tokenizer:
    """The library's object, which doesn't know the boundary."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    return tokenizer
