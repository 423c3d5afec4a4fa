"""Sampling texts, for every model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intro_lm.data.subwords import AnyVocabulary
from intro_lm.data.vocabulary import BOUNDARY

TEXTS_AT_ONCE = 4096


@torch.no_grad()
def generate(
    model: nn.Module,
    vocabulary: AnyVocabulary,
    count: int = 10,
    *,
    prompt: str = "",
    temperature: float = 1.0,
    top_k: int | None = None,
    max_length: int = 50,
    seed: int = 0,
) -> list[str]:
    """Sample texts from a language model, a token at a time, all of them side by side.

    Args:
        model: from (B, T) token ids to (B, V) logits, with a `context_length`; or a recurrent
            one with `advance`, which reads each token once and carries its state on, so that a
            token costs the same however long the text is.
        vocabulary: the one that the model was trained with.
        count: how many texts.
        prompt: how each of them begins.
        temperature: divides the logits; below 1 sharpens, above 1 flattens, and 0 always takes the
            most likely token.
        top_k: keep only the k most likely tokens at each step.
        max_length: tokens after which a text is cut off, the prompt's included. A text ends
            before that only where the model draws a boundary.
        seed: the same seed gives the same texts.

    Returns:
        `count` texts, each beginning with the prompt, without boundaries.

    Raises:
        ValueError: an argument is out of range, the prompt holds an unknown character, or the
            model gives logits that are not numbers.
    """
    _check(count, temperature, top_k, max_length, len(vocabulary))
    start = vocabulary.encode(prompt)
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator().manual_seed(seed)
    was_training = model.training
    model.eval()
    try:
        texts: list[str] = []
        while len(texts) < count:
            rows = min(TEXTS_AT_ONCE, count - len(texts))
            ids = _sample(model, start, rows, max_length, temperature, top_k, generator, device)
            texts.extend(vocabulary.decode_texts(ids))
    finally:
        model.train(was_training)
    return texts


def _sample(
    model: nn.Module,
    start: Tensor,
    rows: int,
    max_length: int,
    temperature: float,
    top_k: int | None,
    generator: torch.Generator,
    device: torch.device,
) -> Tensor:
    """Token ids (rows, max_length), filled up with boundaries behind each text's end."""
    advance = getattr(model, "advance", None)  # of a recurrent model
    # What stands before the first token: a context of boundaries, or the one that opens a text.
    context_length = 1 if advance else int(model.context_length)  # type: ignore[arg-type]
    window = torch.full((rows, context_length + max_length), BOUNDARY, device=device)
    length = min(len(start), max_length)
    window[:, context_length : context_length + length] = start[:length].to(device)
    alive = torch.arange(rows, device=device)  # the texts that have not ended yet
    unread, state = window[:, : 1 + length], None  # the prompt at first, then a token at a time
    for position in range(length, max_length):
        if advance is None:
            logits = model(window[alive, position : position + context_length])  # (alive, V)
        else:
            logits, state = advance(unread, state)  # (alive, T, V)
            logits = logits[:, -1]
        chosen = _choose(logits.float(), temperature, top_k, generator)
        window[alive, context_length + position] = chosen
        going_on = chosen != BOUNDARY
        alive = alive[going_on]
        if len(alive) == 0:
            break
        if state is not None:
            unread, state = chosen[going_on].unsqueeze(1), state[going_on]
    return window[:, context_length:].cpu()


def _choose(
    logits: Tensor, temperature: float, top_k: int | None, generator: torch.Generator
) -> Tensor:
    """One token (B,) for each row of logits (B, V)."""
    if temperature == 0:
        _require_numbers(logits)
        return logits.argmax(1)
    if top_k is not None:
        values, kept = logits.topk(top_k)
        logits = torch.full_like(logits, float("-inf")).scatter(1, kept, values)
    logits = logits - logits.amax(1, keepdim=True)  # so that a tiny temperature can't overflow
    cumulative = (logits / temperature).softmax(1).cumsum(1)
    _require_numbers(cumulative[:, -1])
    # Inverse transform sampling, faster than torch.multinomial. The draw is scaled by the last
    # sum, which rounding may leave a little off 1.
    draw = torch.rand(len(logits), 1, generator=generator).to(logits.device) * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, draw, right=True).squeeze(1)
    return chosen.clamp(max=logits.shape[1] - 1)


def _require_numbers(values: Tensor) -> None:
    if values.isnan().any():
        raise ValueError(
            "the model's logits are not numbers, so its training diverged; train it again with a "
            "lower learning_rate, or load an earlier checkpoint"
        )


def _check(
    count: int, temperature: float, top_k: int | None, max_length: int, vocabulary_size: int
) -> None:
    for name, value in {"count": count, "max_length": max_length}.items():
        if not isinstance(value, int) or value < 1:
            raise ValueError(f"{name} is {value!r}; it must be a whole number of at least 1")
    if not 0 <= temperature < float("inf"):
        raise ValueError(f"temperature is {temperature!r}; it must be a number of at least 0")
    if top_k is not None and not 1 <= top_k <= vocabulary_size:
        raise ValueError(f"top_k is {top_k!r}; it must lie between 1 and {vocabulary_size} tokens")
