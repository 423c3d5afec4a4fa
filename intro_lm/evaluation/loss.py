"""Loss, perplexity and bits per character, for every model."""

import math
from collections.abc import Callable, Iterable, Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm import data
from intro_lm.models.language_model import LanguageModel, StatefulLanguageModel, inference

Loss = Callable[[Tensor, Tensor], Tensor]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Mean negative log-likelihood in nats: `logits` (…, V), `targets` (…); skips -100."""
    return F.cross_entropy(logits.flatten(0, -2), targets.flatten(), ignore_index=data.IGNORED)


def evaluate(
    model: nn.Module | LanguageModel,
    batches: data.Batches | Iterable[tuple[Tensor, Tensor]],
    loss: Loss = cross_entropy,
    *,
    carry_state: bool = False,
) -> float:
    """The mean loss over all targets that count, in nats per token, without dropout.

    Args:
        model: a language model, or a classifier.
        batches: `Batches`, of which epoch 0 is read and which know whether state is carried; or
            pairs (inputs, targets), such as a list or a `DataLoader`.
        loss: the mean loss of one batch.
        carry_state: a `StatefulLanguageModel` continues from one batch of pairs to the next.
    """
    if not isinstance(batches, Iterable):
        carry_state, batches = batches.carries_state, batches.epoch(0)
    advance = model.advance if carry_state and isinstance(model, StatefulLanguageModel) else None
    state, total, counted = None, 0.0, 0
    with inference(model) as device:
        for inputs, targets in batches:
            inputs, targets = inputs.to(device), targets.to(device)
            logits, state = advance(inputs, state) if advance else (model(inputs), None)
            number = int((targets != data.IGNORED).sum())
            if number:  # the mean loss of a batch without a target would be NaN
                total += loss(logits, targets).item() * number
                counted += number
    if counted == 0:
        raise ValueError("nothing to evaluate: no target counts; give at least one example")
    return total / counted


def perplexity(loss: float) -> float:
    """exp(loss): how many equally likely choices are as hard as this prediction."""
    return math.exp(loss)


def bits_per_character(loss: float, tokens: int, characters: int) -> float:
    """A `loss` in nats per token as bits per character, comparable across vocabularies."""
    return loss * tokens / (characters * math.log(2))


def evaluate_bits(
    model: LanguageModel, vocabulary: data.AnyVocabulary, texts: Sequence[str]
) -> float:
    """A model's loss on texts in bits per character, to compare models with any vocabulary.

    The end of a text is predicted too and counts as one character, so with a character vocabulary
    this is the loss in nats per token divided by log 2.
    """
    batches: data.Batches
    if model.context_length is None:
        batches = data.PaddedBatches.from_texts(vocabulary, texts, batch_size=32)
    else:
        windows = data.context_windows(vocabulary, texts, model.context_length)
        batches = data.WindowBatches(*windows, batch_size=8192, shuffle=False)
    tokens = len(vocabulary.encode_texts(texts))
    characters = sum(len(text) + 1 for text in texts)
    return bits_per_character(evaluate(model, batches), tokens, characters)
