"""Counting models: the bigram, and interpolated Kneser–Ney n-grams of any order.

Their logits are log-probabilities. They have no parameters and are fitted by counting.
"""

from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from intro_lm.checks import require_count, require_number
from intro_lm.models.language_model import BOUNDARY


class Bigram(nn.Module):
    """Counts of which token follows which, with `smoothing` added to each count.

    Args:
        vocabulary_size: number of tokens V.
        smoothing: added to every count; above 0 no pair is impossible.
    """

    context_length = 1
    counts: Tensor

    def __init__(self, vocabulary_size: int, smoothing: float = 1.0) -> None:
        super().__init__()
        require_number(at_least=0, smoothing=smoothing)
        self.smoothing = smoothing
        self.register_buffer("counts", torch.zeros(vocabulary_size, vocabulary_size))

    def fit(self, inputs: Tensor, targets: Tensor) -> Self:
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
    Each order has one discount Y = n₁ / (n₁ + 2 n₂), from the numbers of n-grams counted once and
    twice (Kneser and Ney 1995; Ney et al. 1994). If modified, it has three: for counts of one, two
    and more (Chen and Goodman 1998, section 3 and equation 26). A context stops at the beginning
    of the text: n-grams that start with a boundary have no left neighbours and keep plain counts.

    Args:
        vocabulary_size: number of tokens V.
        order: n; the model sees n - 1 tokens of context.
        modified: three discounts in place of one.
    """

    def __init__(self, vocabulary_size: int, order: int, modified: bool = False) -> None:
        super().__init__()
        require_count(order=order)
        self.modified = modified
        self.vocabulary_size = vocabulary_size
        self.order = order
        self.context_length = max(order - 1, 1)
        self._levels: list[_Level] = []

    def fit(self, inputs: Tensor, targets: Tensor) -> Self:
        """Count the n-grams of `inputs` (N, T), oldest token first, and `targets` (N,)."""
        if inputs.shape[1] < self.order - 1:
            raise ValueError(
                f"order {self.order} needs contexts of {self.order - 1} tokens, and the windows "
                f"hold {inputs.shape[1]}; cut them with context_length={self.order - 1}"
            )
        contexts: list[Tensor] = []  # per length, the sorted codes of the contexts that occur
        grams: list[Tensor] = []  # per length, each (context, target) as one number or -1, (N,)
        context = torch.zeros_like(targets)  # (N,), the one context of length 0
        for length in range(self.order):
            codes = self._extend(context, inputs, length)
            known, row = codes.unique(return_inverse=True)
            context = row.where(codes >= 0, -1)
            contexts.append(known)
            grams.append(torch.where(codes >= 0, row * self.vocabulary_size + targets, -1))
        grams.append(torch.full_like(targets, -1))  # nothing precedes the longest
        levels = zip(contexts, grams, grams[1:], strict=False)
        self._levels = [_count(*level, self.vocabulary_size, self.modified) for level in levels]
        return self

    def forward(self, inputs: Tensor) -> Tensor:
        """Log-probabilities (B, V) of the next token after `inputs` (B, T)."""
        if not self._levels:
            raise RuntimeError("the model has counted nothing yet; call fit(inputs, targets) first")
        size = self.vocabulary_size
        probabilities = torch.full((len(inputs), size), 1 / size, dtype=torch.float64)  # (B, V)
        context = torch.zeros(len(inputs), dtype=torch.long)  # (B,)
        for length, level in enumerate(self._levels):  # from the shortest context to the longest
            codes = self._extend(context, inputs, length)
            row = torch.searchsorted(level.contexts, codes).clamp(max=len(level.contexts) - 1)
            context = row.where((codes >= 0) & (codes == level.contexts[row]), -1)
            seen = level.estimates.index_select(0, row).to_dense()  # (B, V)
            mixed = seen + probabilities * level.weights[row]
            probabilities = mixed.where(context.unsqueeze(1) >= 0, probabilities)
        return probabilities.log().float()

    def _extend(self, context: Tensor, inputs: Tensor, length: int) -> Tensor:
        """Codes of the contexts one token longer to the left; -1 where there is no such context."""
        if length == 0:
            return context
        known = context >= 0
        if length > 1:  # nothing precedes the beginning of a text
            known &= inputs[:, 1 - length] != BOUNDARY
        return torch.where(known, context * self.vocabulary_size + inputs[:, -length], -1)


class _Level(NamedTuple):
    """The n-grams of one length, with a row for each of C contexts."""

    contexts: Tensor  # (C,) sorted codes
    estimates: Tensor  # (C, V) sparse: discounted relative frequencies of what followed
    weights: Tensor  # (C, 1) of the lower order: the fraction that the discount freed


def _count(
    contexts: Tensor, grams: Tensor, longer: Tensor, vocabulary_size: int, modified: bool
) -> _Level:
    """Count `grams` (N,) by their left neighbours; `longer` (N,) includes these."""
    # One count for each distinct left neighbour, and one per occurrence without any.
    extended = torch.stack([grams, longer], 1)[longer >= 0].unique(dim=0)[:, 0]
    first = grams[(longer < 0) & (grams >= 0)]
    distinct, counts = torch.cat([extended, first]).unique(return_counts=True)
    discounts = _discounts(counts, modified)[counts.clamp(max=3) - 1]
    row, token = distinct // vocabulary_size, distinct % vocabulary_size
    counts, size = counts.double(), (len(contexts), vocabulary_size)
    totals = row.bincount(counts, minlength=len(contexts))  # (C,)
    estimates = torch.sparse_coo_tensor(
        torch.stack([row, token]), (counts - discounts) / totals[row], size, check_invariants=True
    )
    weights = row.bincount(discounts, minlength=len(contexts)) / totals  # (C,)
    return _Level(contexts, estimates.coalesce(), weights.unsqueeze(1))


def _discounts(counts: Tensor, modified: bool) -> Tensor:
    """What to subtract from a count of one, two, and three or more: (3,)."""
    n = [int((counts == number).sum()) for number in range(1, 5)]
    # If nothing was counted once, the estimate is 0 and unseen tokens would be impossible.
    single = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
    if not modified or not all(n):
        return torch.full((3,), single, dtype=torch.float64)
    each = [count - (count + 1) * single * n[count] / n[count - 1] for count in (1, 2, 3)]
    return torch.tensor(each, dtype=torch.float64).clamp(min=0)
