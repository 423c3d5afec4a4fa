"""Sampling texts, for every model."""

import torch
from torch import Tensor

from intro_lm.checks import require_count, require_number
from intro_lm.data import BOUNDARY, AnyVocabulary
from intro_lm.models.language_model import LanguageModel, StatefulLanguageModel, inference


def generate(
    model: LanguageModel,
    vocabulary: AnyVocabulary,
    count: int = 10,
    *,
    prompt: str = "",
    temperature: float = 1.0,
    max_length: int = 50,
    seed: int = 0,
) -> list[str]:
    """Sample `count` texts from a language model, all of them at once, one token at a time.

    A `StatefulLanguageModel` reads each token once, so a token costs the same in a long text.

    Args:
        model, vocabulary: a language model and the vocabulary it was trained with.
        prompt: how each text begins.
        temperature: divides the logits; below 1 sharpens, above 1 flattens, and 0 always takes the
            most likely token.
        max_length: most tokens in a text, prompt included; a text ends earlier if the model
            draws a boundary.
        seed: the same seed gives the same texts.

    Raises:
        ValueError: the prompt has an unknown character, or the model's logits are not numbers.
    """
    require_count(count=count, max_length=max_length)
    require_number(at_least=0, temperature=temperature)
    start = vocabulary.encode(prompt)[:max_length]
    generator = torch.Generator().manual_seed(seed)
    advance = model.advance if isinstance(model, StatefulLanguageModel) else None
    before = 1 if advance else model.context_length or 1  # boundaries before the first token
    with inference(model) as device:
        tokens = torch.full((count, before + max_length), BOUNDARY, device=device)
        tokens[:, before : before + len(start)] = start.to(device)
        alive = torch.arange(count, device=device)  # the texts that haven't ended yet
        unread, state = tokens[:, : before + len(start)], None
        for position in range(len(start), max_length):
            if advance is not None:
                logits, state = advance(unread, state)  # (alive, T, V)
                logits = logits[:, -1]  # (alive, V)
            elif model.context_length is None:
                logits = model(tokens[alive, : before + position])[:, -1]  # (alive, V)
            else:
                logits = model(tokens[alive, position : before + position])  # (alive, V)
            chosen = _choose(logits.float(), temperature, generator)  # (alive,)
            tokens[alive, before + position] = chosen
            going_on = chosen != BOUNDARY
            alive = alive[going_on]
            if len(alive) == 0:
                break
            if state is not None:
                unread, state = chosen[going_on].unsqueeze(1), state[going_on]
    return vocabulary.decode_texts(tokens[:, before:].cpu())


def _choose(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    """One token (B,) for each row of logits (B, V)."""
    largest = logits.amax(1, keepdim=True)  # (B, 1)
    if not largest.isfinite().all():
        raise ValueError(
            "the model's logits are not numbers, so its training diverged; train it again with a "
            "lower learning_rate, or load an earlier checkpoint"
        )
    if temperature == 0:
        return logits.argmax(1)
    logits = logits - largest  # so that a tiny temperature can't overflow
    cumulative = (logits / temperature).softmax(1).cumsum(1)  # (B, V)
    # Inverse transform sampling, faster than torch.multinomial. Rounding may leave the last sum a
    # little off 1, so it scales the draw.
    draw = torch.rand(len(logits), 1, generator=generator).to(logits.device) * cumulative[:, -1:]
    chosen = torch.searchsorted(cumulative, draw, right=True).squeeze(1)
    return chosen.clamp(max=logits.shape[1] - 1)
