"""The contract of every language model, and how models are used once they are trained."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

BOUNDARY = 0  # the id of the token before and after a text, the same as in `intro_lm.data`
OUTPUT_SCALE = 0.1  # a nearly uniform first prediction: the loss starts at log(vocabulary size)


class LanguageModel(Protocol):
    """A `torch.nn.Module` from token ids to next-token logits.

    A model with a `context_length` T reads windows (B, T), oldest token first, and gives the logits
    (B, V) of the token that follows. A model without one reads whole texts (B, T), which begin with
    a boundary, and gives the logits (B, T, V) after each token.
    """

    @property
    def context_length(self) -> int | None:
        """Tokens T in the window that `forward` reads; None if it reads texts of any length."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Next-token logits for `inputs` (B, T)."""

    # The rest comes with `nn.Module`.
    training: bool

    def train(self, mode: bool = True) -> Any: ...
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...


@runtime_checkable
class StatefulLanguageModel(LanguageModel, Protocol):
    """A language model that continues where it stopped reading, without reading again."""

    def advance(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read on: logits (B, T, V) after each of `inputs` (B, T), and the state after the last.

        The state's first dimension is the batch, so `state[rows]` is the state of some of the
        texts. None is the state before a text begins. Reading in pieces changes no logit.
        """


@contextmanager
def inference(model: nn.Module | LanguageModel) -> Iterator[torch.device]:
    """Switch gradients and dropout off, and give the model's device; restore its mode afterwards.

    A model without parameters, such as one that counts, is on the CPU.
    """
    was_training = model.training
    model.train(False)
    try:
        with torch.no_grad():
            yield next((p.device for p in model.parameters()), torch.device("cpu"))
    finally:
        model.train(was_training)
