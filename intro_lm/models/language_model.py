"""What every language model promises, whatever is inside it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn


class LanguageModel(Protocol):
    """A `torch.nn.Module` from token ids to next-token logits.

    A model with a `context_length` T reads a window (B, T), oldest token first, and gives the
    logits (B, V) of the token that follows. One without reads whole texts (B, T), from the
    boundary before their first token on, and gives logits (B, T, V), those after each token.
    """

    training: bool

    @property
    def context_length(self) -> int | None:
        """Tokens in the window that `forward` reads; None for a model that reads any number."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Next-token logits for `inputs` (B, T)."""

    def train(self, mode: bool = True) -> Any:
        """Switch dropout on or off, as every `nn.Module` does."""

    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]:
        """What is trained."""


@runtime_checkable
class StatefulLanguageModel(LanguageModel, Protocol):
    """A language model that can go on from where it stopped reading, without reading again."""

    def advance(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read on: logits (B, T, V) after each of `inputs` (B, T), and the state after the last.

        The state is one tensor whose first dimension is the batch, so that `state[rows]` is the
        state of some of its texts; None is the state before a text begins. Reading a text in
        pieces gives the logits of reading it whole.
        """
