"""Counting models: the bigram, and interpolated Kneser–Ney n-grams of any order.

Their logits are log-probabilities. They have no parameters and are fitted by counting.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from intro_lm.checks import require_count


class Bigram(nn.Module):
    """Counts of which token follows which, with `smoothing` added to each count.

    Args:
        vocabulary_size: number of tokens V.
        smoothing: added to every count; above 0 no pair is impossible.
    """

    counts: Tensor

    def __init__(self, vocabulary_size: int, smoothing: float = 1.0) -> None:
        super().__init__()
        if not 0 <= smoothing < float("inf"):
            raise ValueError(f"smoothing is {smoothing!r}; it must be a number of at least 0")
        self.context_length = 1
        self.smoothing = smoothing
        self.register_buffer("counts", torch.zeros(vocabulary_size, vocabulary_size))

    def fit(self, inputs: Tensor, targets: Tensor) -> Bigram:
        """Count the pairs of the last column of `inputs` (N, T) and `targets` (N,)."""
        size = len(self.counts)
        pairs = inputs[:, -1] * size + targets
        self.counts.copy_(torch.bincount(pairs, minlength=size * size).view(size, size))
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Log-probabilities (B, V) of the next token after `inputs` (B, T)."""
        rows = self.counts + self.smoothing
        return (rows / rows.sum(1, keepdim=True)).log()[inputs[:, -1]]


class KneserNey(nn.Module):
    """The interpolated Kneser–Ney n-gram.

    The discounted relative frequencies of each order are mixed with those of the next lower order,
    whose counts are numbers of distinct left neighbours; the lowest is the uniform distribution.
    Each order has one discount D = n₁ / (n₁ + 2 n₂), from the numbers of n-grams counted once and
    twice (Kneser and Ney 1995; Chen and Goodman 1998, section 2.7 and equation 24). A context stops
    at the beginning of the text: n-grams that start with a boundary have no left neighbours and
    keep their plain counts.

    Args:
        vocabulary_size: number of tokens V.
        order: n; the model sees n - 1 tokens of context.
        boundary: the id of the token before a text's first.
    """

    def __init__(self, vocabulary_size: int, order: int, boundary: int = 0) -> None:
        super().__init__()
        require_count(order=order)
        self.vocabulary_size = vocabulary_size
        self.order = order
        self.boundary = boundary
        self.context_length = max(order - 1, 1)
        self._levels: list[_Level] = []

    def fit(self, inputs: Tensor, targets: Tensor) -> KneserNey:
        """Count the n-grams of `inputs` (N, T), oldest token first, and `targets` (N,)."""
        if inputs.shape[1] < self.order - 1:
            raise ValueError(
                f"order {self.order} needs contexts of {self.order - 1} tokens, and the windows "
                f"hold {inputs.shape[1]}; cut them with context_length={self.order - 1}"
            )
        size = self.vocabulary_size
        self._levels = []
        context = torch.zeros(len(targets), dtype=torch.long)  # (N,), the one context of length 0
        grams: list[Tensor] = []  # per length: (N,), each (context, target) as one number
        codes: list[Tensor] = []  # per length: the sorted codes of the contexts that occur
        for length in range(self.order):
            if length > 0:
                context = self._extend(context, inputs, length)
                codes.append(context[context >= 0].unique())
                context = _look_up(context, codes[-1])
            else:
                codes.append(torch.zeros(1, dtype=torch.long))
            grams.append(torch.where(context >= 0, context * size + targets, -1))
        for length in range(self.order):
            present = grams[length] >= 0
            gram = grams[length][present]
            if length + 1 < self.order:
                extended = grams[length + 1][present]
                # One count for each distinct left neighbour, and one for each occurrence without.
                longer = torch.stack([gram, extended], 1)[extended >= 0].unique(dim=0)[:, 0]
                gram = torch.cat([longer, gram[extended < 0]])
            distinct, counts = gram.unique(return_counts=True)
            self._levels.append(_Level(codes[length], distinct, counts, size))
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Log-probabilities (B, V) of the next token after `inputs` (B, T)."""
        if not self._levels:
            raise RuntimeError("the model has counted nothing yet; call fit(inputs, targets) first")
        size = self.vocabulary_size
        probabilities = torch.full((len(inputs), size), 1 / size, dtype=torch.float64)  # (B, V)
        context = torch.zeros(len(inputs), dtype=torch.long)  # (B,)
        for length, level in enumerate(self._levels):
            if length > 0:
                context = _look_up(self._extend(context, inputs, length), level.codes)
            probabilities = level.interpolate(context, probabilities)
        return probabilities.log().float()

    def _extend(self, context: Tensor, inputs: Tensor, length: int) -> Tensor:
        """Codes of the contexts one token longer to the left; -1 where there is no such context."""
        known = context >= 0
        if length > 1:  # nothing precedes the beginning of a text
            known &= inputs[:, 1 - length] != self.boundary
        return torch.where(known, context * self.vocabulary_size + inputs[:, -length], -1)


class _Level:
    """The n-grams of one length, by context: which tokens followed, and how often."""

    def __init__(self, codes: Tensor, grams: Tensor, counts: Tensor, vocabulary_size: int) -> None:
        self.codes = codes
        self.tokens = grams % vocabulary_size
        contexts = grams // vocabulary_size
        self.distinct = torch.bincount(contexts, minlength=len(codes))
        self.start = self.distinct.cumsum(0) - self.distinct
        once, twice = int((counts == 1).sum()), int((counts == 2).sum())
        # If nothing was counted once, the estimate is 0 and unseen tokens would be impossible.
        self.discount = once / (once + 2 * twice) if once else 0.5
        self.counts = counts.double()
        self.total = torch.zeros(len(codes), dtype=torch.float64)
        self.total.index_add_(0, contexts, self.counts)

    def interpolate(self, context: Tensor, lower: Tensor) -> Tensor:
        """Mix this level's estimates into the `lower` order's (B, V) where the context was seen."""
        rows = (context >= 0).nonzero().squeeze(1)
        context = context[rows]
        numbers = self.distinct[context]  # entries to fetch for each row
        row_of_entry = torch.repeat_interleave(torch.arange(len(rows)), numbers)
        first = numbers.cumsum(0) - numbers
        entry = (self.start[context] - first)[row_of_entry] + torch.arange(int(numbers.sum()))
        total = self.total[context].unsqueeze(1)
        mixed = lower[rows] * (self.discount * numbers.unsqueeze(1) / total)
        kept = (self.counts[entry] - self.discount) / total.squeeze(1)[row_of_entry]
        mixed[row_of_entry, self.tokens[entry]] += kept
        result = lower.clone()
        result[rows] = mixed
        return result


def _look_up(code: Tensor, codes: Tensor) -> Tensor:
    """Index of each code in the sorted `codes`, -1 where it does not occur."""
    index = torch.searchsorted(codes, code).clamp(max=len(codes) - 1)
    return torch.where(codes[index] == code, index, -1)
