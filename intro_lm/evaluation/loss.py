"""Loss, perplexity and bits per character, for every model."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm.data import AnyVocabulary, Batches, PaddedBatches, WindowBatches, context_windows
from intro_lm.data.batches import IGNORED

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats of the targets that count.

    Args:
        logits: (…, V).
        targets: (…) token or class ids; -100 where the position doesn't count.
    """
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=IGNORED)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    batches: Iterable[tuple[Tensor, Tensor]],
    loss: Loss = cross_entropy,
    *,
    carry_state: bool = False,
) -> float:
    """The mean loss over all targets that count, in nats a token, with dropout switched off.

    Args:
        model: from inputs to logits; its training mode is put back afterwards.
        batches: pairs (inputs, targets), on the model's device, as from `batches.epoch(0)`.
        loss: the mean loss of one batch.
        carry_state: a recurrent model, one with `advance`, reads each batch from the state that it
            left the batch before in, for the batches of a stream; otherwise from zeros.

    Raises:
        ValueError: no target counts.
    """
    advance = getattr(model, "advance", None) if carry_state else None
    state = None
    was_training = model.training
    model.eval()
    try:
        total, counted = 0.0, 0
        for inputs, targets in batches:
            if advance is None:
                logits = model(inputs)
            else:
                logits, state = advance(inputs, state)
            number = int((targets != IGNORED).sum())
            if number:
                total += loss(logits, targets).item() * number
                counted += number
    finally:
        model.train(was_training)
    if counted == 0:
        raise ValueError("nothing to evaluate: no target counts; give at least one example")
    return total / counted


def perplexity(loss: float) -> float:
    """exp(loss): how many equally likely choices are as hard as this prediction."""
    return math.exp(loss)


def bits_per_character(loss: float, tokens: int, characters: int) -> float:
    """A loss in nats a token as bits a character, which compares across vocabularies.

    Args:
        loss: nats a token.
        tokens: how many tokens it is the mean over.
        characters: how many characters these tokens stand for, counted the same way for every
            vocabulary that is compared.
    """
    return loss * tokens / (characters * math.log(2))


def evaluate_bits(
    model: nn.Module,
    vocabulary: AnyVocabulary,
    texts: Sequence[str],
    batches: Iterable[tuple[Tensor, Tensor]] | None = None,
) -> float:
    """A model's loss on texts in bits a character, to compare models of any vocabulary.

    The end of a text is predicted like a character and counts as one, so for a vocabulary of
    characters this is the loss in nats a token over log 2.

    Args:
        model: a language model trained with `vocabulary`; its training mode is put back afterwards.
        vocabulary: characters or subwords.
        texts: the texts.
        batches: the same texts' tokens, each as a target once, on the model's device; without them
            they are cut into windows of the model's `context_length`, or kept whole for a model
            without one.

    Raises:
        ValueError: there are no texts, or one can't be encoded.
    """
    texts = list(texts)
    if batches is None:
        context_length = getattr(model, "context_length", None)
        whole: Batches
        if context_length is None:
            whole = PaddedBatches.from_texts(vocabulary, texts, batch_size=32)
        else:
            windows = context_windows(vocabulary, texts, context_length)
            whole = WindowBatches(*windows, batch_size=8192, shuffle=False)
        device = next((p.device for p in model.parameters()), torch.device("cpu"))
        batches = whole.to(device).epoch(0)
    tokens = len(vocabulary.encode_texts(texts))
    return bits_per_character(
        evaluate(model, batches), tokens, characters=sum(len(text) + 1 for text in texts)
    )
