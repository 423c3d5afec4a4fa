"""Exercise 05.pool: mean and maximum over the last states of each text."""

from __future__ import annotations

import math

import torch

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare


def pool_end(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    """Mean and maximum over the last k real states of each text.

    Args:
        hidden: (B, T, H) states; in row b the first `lengths[b]` are real, the rest is padding.
        lengths: (B,) whole numbers from 0 to T.
        k: at least 1. A text with fewer states gives all it has, one without any gives zeros.

    Returns:
        (B, 2H): the mean, and beside it the maximum.
    """
    index, ends = torch.arange(hidden.shape[1]), lengths[:, None]  # (T,) and (B, 1)
    taken = ((index < ends) & (index >= ends - k))[:, :, None]  # (B, T, 1)
    mean = (hidden * taken).sum(1) / taken.sum(1).clamp(min=1)
    largest = hidden.masked_fill(~taken, -torch.inf).amax(1)
    return torch.cat([mean, largest.masked_fill(lengths[:, None] == 0, 0.0)], dim=1)


def _pooled(hidden: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
    real = real[:, :, None]
    mean = (hidden * real).sum(1) / real.sum(1).clamp(min=1)
    largest = hidden.masked_fill(~real, -math.inf).amax(1)
    return torch.cat([mean, largest.where(real.any(1), torch.zeros(()))], dim=1)


def _ends(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    index = torch.arange(hidden.shape[1])
    return (index < lengths[:, None]) & (index >= lengths[:, None] - k)


def _last_columns(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return torch.cat([hidden[:, -k:].mean(1), hidden[:, -k:].amax(1)], dim=1)


def _real_among_last_columns(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    steps = hidden.shape[1]
    index = torch.arange(steps)
    return _pooled(hidden, (index < lengths[:, None]) & (index >= steps - k))


def _first_states(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) < lengths[:, None].clamp(max=k))


def _all_states(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) < lengths[:, None])


def _padding_after_the_end(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, torch.arange(hidden.shape[1]) >= lengths[:, None] - k)


def _one_too_far(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, _ends(hidden, lengths + 1, k))


def _one_too_far_inside(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, _ends(hidden, (lengths + 1).clamp(max=hidden.shape[1]), k))


def _with(
    hidden: torch.Tensor,
    lengths: torch.Tensor,
    k: int,
    divisor: torch.Tensor | int | None = None,
    filler: float | None = None,
) -> torch.Tensor:
    """The right result, except for the sum's divisor or the value in the padding."""
    real = _ends(hidden, lengths, k)
    mean, largest = _pooled(hidden, real).chunk(2, dim=1)
    if divisor is not None:
        mean = (hidden * real[:, :, None]).sum(1) / divisor
    if filler is not None:
        largest = hidden.masked_fill(~real[:, :, None], filler).amax(1)
    return torch.cat([mean, largest], dim=1)


def _divided_by_k(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, divisor=k)


def _divided_by_length(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, divisor=lengths[:, None].clamp(min=1))


def _largest_with_zeros(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, filler=0.0)


def _empty_is_infinite(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, filler=-math.inf)


def _empty_is_nothing(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    taken = lengths[:, None].clamp(max=k)
    return _with(hidden, lengths, k, divisor=taken, filler=-math.inf)


def _filled_low(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _with(hidden, lengths, k, filler=-100.0)


def _first_length(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    return _pooled(hidden, _ends(hidden, lengths[:1].expand(len(lengths)), k))


def _maximum_first(hidden: torch.Tensor, lengths: torch.Tensor, k: int) -> torch.Tensor:
    mean, largest = _with(hidden, lengths, k).chunk(2, dim=1)
    return torch.cat([largest, mean], dim=1)


_FAR = "This goes one step too far: the last real state has index `lengths - 1`"
_EMPTY = (
    "The empty text gives NaN or minus infinity: its mean is 0/0, and its maximum is minus "
    "infinity. Such a row should be zeros"
)
_ZEROS = (
    "Zeros in the padding win the maximum where all real states are negative. Fill what doesn't "
    "count with minus infinity (`masked_fill`), not with 0"
)
MISTAKES = (
    Mistake(
        _last_columns,
        "These are the last `k` columns, padding included; a short text ends earlier. Nothing "
        "after its end may count",
    ),
    Mistake(
        _real_among_last_columns,
        "Padding is masked, but you take the last `k` *columns*: a short text's last `k` states "
        "end at its own length",
    ),
    Mistake(
        _padding_after_the_end,
        "The padding after the end is pooled too: a state counts if its index is below the length "
        "*and* at least the length minus `k`",
    ),
    Mistake(_one_too_far, _FAR),
    Mistake(_one_too_far_inside, _FAR),
    Mistake(_first_states, "These are the first `k` states; take the last `k` real ones"),
    Mistake(_all_states, "All real states are pooled; take the last `k` of them"),
    Mistake(
        _divided_by_k,
        "The sum is divided by `k` even if the text has fewer states; divide by how many you took",
    ),
    Mistake(
        _divided_by_length,
        "The sum of the last states is divided by the length of the whole text; divide by how many "
        "you took",
    ),
    Mistake(_largest_with_zeros, _ZEROS),
    Mistake(_first_length, "The length of the first text is used for all of them"),
    Mistake(_empty_is_infinite, _EMPTY),
    Mistake(_empty_is_nothing, _EMPTY),
    Mistake(_filled_low, "States can be lower than your filler for the padding; use -inf"),
    Mistake(_maximum_first, "The maximum comes first; the mean should"),
)


def _states(
    lengths: list[int], steps: int, shift: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """States with one decimal, and 100 after each end."""
    generator = torch.Generator().manual_seed(5)
    hidden = (10 * torch.randn(len(lengths), steps, 2, generator=generator)).round() / 10 + shift
    for states, n in zip(hidden, lengths, strict=True):
        states[n:] = 100.0
    return hidden, torch.tensor(lengths)


def pooling_without_padding(answer: Answer) -> None:
    """the last two states of one text that fills its row"""
    compare(answer, pool_end, (*_states([4], 4), 2), MISTAKES)


def pooling_with_padding(answer: Answer) -> None:
    """texts of different lengths in one batch"""
    compare(answer, pool_end, (*_states([4, 3], 5), 2), MISTAKES)


def pooling_negative_states(answer: Answer) -> None:
    """negative states, where no zero may win the maximum"""
    compare(answer, pool_end, (*_states([2, 4], 4, -500.0), 2), MISTAKES)


def pooling_short_texts(answer: Answer) -> None:
    """texts shorter than k"""
    compare(answer, pool_end, (*_states([1, 2, 4], 4), 3), MISTAKES)
    compare(answer, pool_end, (*_states([1, 3], 3), 7), MISTAKES)


def pooling_empty_text(answer: Answer) -> None:
    """a text of length 0"""
    compare(answer, pool_end, (*_states([2, 0], 3), 2), MISTAKES)


POOL = Exercise(
    name="05.pool",
    solved_by=pool_end,
    why=(
        "The mask does the work: a state is taken if it comes before the end and at most k before "
        "it. The mean multiplies by the mask and divides by the number of states taken, which is "
        "less than k in a short text. The maximum needs minus infinity for the other states; a 0 "
        "would win wherever the states are negative. An empty text has no states: `clamp(min=1)` "
        "turns its 0/0 into 0/1, and its maximum, minus infinity, is replaced. Otherwise such a "
        "row would give NaN, which a gradient carries into every weight."
    ),
    hints=(
        "Write down the mask for a text of 3 states in a row of 5, with k = 2: which states are "
        "taken? There are two conditions on the index; both use the length.",
        "With `index = torch.arange(T)` and `ends = lengths[:, None]`, a state is taken if "
        "`index < ends` and `index >= ends - k`. How many does a text shorter than k have?",
        "With `taken` of shape (B, T, 1), the mean is "
        "`(hidden * taken).sum(1) / taken.sum(1).clamp(min=1)`. For the maximum, fill the rest "
        "with `-math.inf`, then put zeros where `lengths` is 0.",
    ),
    checks=(
        pooling_without_padding,
        pooling_with_padding,
        pooling_negative_states,
        pooling_short_texts,
        pooling_empty_text,
    ),
    mistakes=MISTAKES,
)
