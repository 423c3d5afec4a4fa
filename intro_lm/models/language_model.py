"""The contract of every language model, and how to use a trained model."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

BOUNDARY = 0  # the id of the token before and after a text, the same as in `intro_lm.data`
LARGE = 1_000_000  # weights from which a model uses all threads
DEFAULT_THREADS = torch.get_num_threads()
OUTPUT_SCALE = 0.1  # a nearly uniform first prediction: the loss starts at log(vocabulary size)


class LanguageModel(Protocol):
    """A `torch.nn.Module` from token ids to next-token logits.

    A model with a `context_length` T reads windows (B, T), oldest token first, and gives the logits
    (B, V) of the next token. One whose `context_length` is None reads whole texts (B, T),
    which begin with a boundary, and gives the logits (B, T, V) after each token.
    """

    @property
    def context_length(self) -> int | None: ...
    def __call__(self, inputs: Tensor) -> Tensor: ...

    # The rest comes with `nn.Module`.
    training: bool

    def train(self, mode: bool = True) -> Any: ...
    def parameters(self, recurse: bool = True) -> Iterator[nn.Parameter]: ...


@runtime_checkable
class StatefulLanguageModel(LanguageModel, Protocol):
    """A language model that continues where it stopped reading, without rereading."""

    def advance(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read on: logits (B, T, V) after each of `inputs` (B, T), and the state after the last.

        The state's first dimension is the batch, so `state[rows]` is the state of some of the
        texts. None is the state before a text begins. Reading in pieces changes no logit.
        """


@contextmanager
def threads_for(model: nn.Module | LanguageModel) -> Iterator[None]:
    """One thread while a small model computes, unless the user chose how many."""
    # An operation waits for its slowest thread. While another program, such as a browser, keeps
    # one of two cores busy, models of all sizes take at least twice as long as with one thread. On
    # a quiet machine, a second thread gains a sixth at most for small models and a third for large
    # ones. Only the size decides, so that runs repeat bit for bit.
    chosen = "OMP_NUM_THREADS" in os.environ or torch.get_num_threads() != DEFAULT_THREADS
    if chosen or sum(parameter.numel() for parameter in model.parameters()) >= LARGE:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(DEFAULT_THREADS)


@contextmanager
def inference(model: nn.Module | LanguageModel) -> Iterator[torch.device]:
    """Turn gradients and dropout off; gives the model's device, the CPU if it has none."""
    was_training = model.training
    model.train(False)
    try:
        with torch.no_grad(), threads_for(model):
            yield next((p.device for p in model.parameters()), torch.device("cpu"))
    finally:
        model.train(was_training)
