"""What learners get wrong in the exercises of notebook 01, and what to tell them."""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F

from intro_lm.exercises.comparing import Mistake

Windows = tuple[torch.Tensor, torch.Tensor]
Smoothed = tuple[torch.Tensor, float]
Parameters = dict[str, torch.Tensor]


def _cut(padded: list[int], length: int) -> Windows:
    rows = [padded[n : n + length + 1] for n in range(len(padded) - length)]
    windows = torch.tensor(rows, dtype=torch.long).view(len(rows), length + 1)
    return windows[:, :-1], windows[:, -1]


def _windows(tokens: list[int], length: int) -> Windows:  # as they should be
    return _cut([0] * length + [*tokens, 0], length)


def _without_end(tokens: list[int], length: int) -> Windows:
    return _cut([0] * length + tokens, length)


def _without_padding(tokens: list[int], length: int) -> Windows:
    return _cut([*tokens, 0], length)


def _one_boundary(tokens: list[int], length: int) -> Windows:
    return _cut([0, *tokens, 0], length)


def _reversed(tokens: list[int], length: int) -> Windows:
    inputs, targets = _windows(tokens, length)
    return inputs.flip(1), targets


def _padded_behind(tokens: list[int], length: int) -> Windows:
    inputs, targets = _windows(tokens, length)
    rows = [[*tokens[max(0, n - length) : n], *[0] * (length - n)] for n in range(len(inputs))]
    return torch.tensor(rows), targets


def _target_inside(tokens: list[int], length: int) -> Windows:
    inputs, targets = _windows(tokens, length)
    return torch.cat([inputs[:, 1:], targets[:, None]], 1), targets


WINDOWS = (
    Mistake(_without_end, "The end is missing: the boundary after the last letter is a target too"),
    Mistake(
        _without_padding,
        "The beginning is missing: the first letters are predicted as well, from a context that "
        "boundaries pad in front",
    ),
    Mistake(
        _one_boundary,
        "One boundary in front is not enough: the first context is made of boundaries alone, as "
        "many as the context is long",
    ),
    Mistake(
        _reversed, "The contexts are turned round: the most recent token stands last, on the right"
    ),
    Mistake(_padded_behind, "The padding stands behind the letters, and belongs in front of them"),
    Mistake(_target_inside, "Each context holds the very token that it should predict"),
)


def _pairs(names: list[list[int]]) -> Windows:
    before = torch.tensor([token for name in names for token in [0, *name]])
    return before, torch.tensor([token for name in names for token in [*name, 0]])


def _nll(counts: torch.Tensor, names: list[list[int]]) -> float:  # as it should be
    return -(counts / counts.sum(1, keepdim=True))[_pairs(names)].log().mean().item()


def _mean_of_names(counts: torch.Tensor, names: list[list[int]]) -> float:
    return sum(_nll(counts, [name]) for name in names) / len(names)


def _summed(counts: torch.Tensor, names: list[list[int]]) -> float:
    return _nll(counts, names) * sum(len(name) + 1 for name in names)


def _by_column(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts.sum(0, keepdim=True))[_pairs(names)].log().mean().item()


def _without_boundary(counts: torch.Tensor, names: list[list[int]]) -> float:
    pairs = [pair for name in names for pair in pairwise(name)]
    probabilities = counts / counts.sum(1, keepdim=True)
    return -torch.stack([probabilities[pair] for pair in pairs]).log().mean().item()


def _without_last(counts: torch.Tensor, names: list[list[int]]) -> float:
    pairs = [pair for name in names for pair in zip([0, *name], name, strict=False)]
    probabilities = counts / counts.sum(1, keepdim=True)
    return -torch.stack([probabilities[pair] for pair in pairs]).log().mean().item()


def _positive(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -_nll(counts, names)


def _in_bits(counts: torch.Tensor, names: list[list[int]]) -> float:
    return _nll(counts, names) / torch.tensor(2.0).log().item()


def _turned(counts: torch.Tensor, names: list[list[int]]) -> float:
    before, after = _pairs(names)
    return -(counts / counts.sum(1, keepdim=True))[after, before].log().mean().item()


def _smoothed(counts: torch.Tensor, names: list[list[int]]) -> float:
    return _nll(counts + 1, names)


def _log_of_mean(counts: torch.Tensor, names: list[list[int]]) -> float:
    return -(counts / counts.sum(1, keepdim=True))[_pairs(names)].mean().log().item()


NLL = (
    Mistake(_positive, "The sign is missing: log p is negative, the loss is minus log p"),
    Mistake(_summed, "This is the sum over the predicted tokens; divide by how many there are"),
    Mistake(
        _mean_of_names,
        "This is the mean of the names' means, in which a token of a short name weighs more; take "
        "one mean over all tokens",
    ),
    Mistake(_without_last, "The end is missing: each name also predicts the boundary behind it"),
    Mistake(
        _without_boundary,
        "The boundaries are missing: the first letter is predicted from the boundary, and the "
        "boundary from the last letter",
    ),
    Mistake(
        _by_column,
        "The columns are divided by their sums. A row holds what came after one token, so each "
        "row must sum to 1 (`counts.sum(1, keepdim=True)`)",
    ),
    Mistake(_turned, "The pairs are turned round: the row is the token before, the column after"),
    Mistake(_in_bits, "This is in bits (a logarithm to base 2); a nat uses the natural logarithm"),
    Mistake(_smoothed, "The counts are smoothed; here they are to be used as they are"),
    Mistake(_log_of_mean, "This is the logarithm of a mean; take the mean of the logarithms"),
)


def _measured(p: torch.Tensor, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return p, -p[before, after].log().mean().item()


def _rows(table: torch.Tensor) -> torch.Tensor:
    return table / table.sum(1, keepdim=True)


def _always_one(n: torch.Tensor, _: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n + 1), before, after)


def _never(n: torch.Tensor, _: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n), before, after)


def _late(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n) + alpha, before, after)


def _zeros(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(torch.where(n == 0, alpha, n)), before, after)


def _old_sum(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / n.sum(1, keepdim=True), before, after)


def _one_more(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n.sum(1, keepdim=True) + alpha), before, after)


def _columns(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(0, keepdim=True), before, after)


def _no_keepdim(
    n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor
) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(1), before, after)


def _whole(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured((n + alpha) / (n + alpha).sum(), before, after)


def _backward(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    return _measured(_rows(n + alpha), after, before)


def _added_up(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    p, loss = _measured(_rows(n + alpha), before, after)
    return p, loss * len(after)


def _unsigned(n: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor) -> Smoothed:
    p, loss = _measured(_rows(n + alpha), before, after)
    return p, -loss


SMOOTHING = (
    Mistake(_always_one, "1 is added whatever `alpha` is; add `alpha`"),
    Mistake(_never, "Nothing is added to the counts: a pair never seen still gets probability 0"),
    Mistake(
        _late,
        "`alpha` is added to the probabilities, which then no longer sum to 1. Add it to the "
        "counts, and divide afterwards",
    ),
    Mistake(
        _zeros,
        "Only the counts of 0 grow. Add `alpha` to every count: a pair seen once was lucky, too",
    ),
    Mistake(
        _old_sum,
        "The rows sum to more than 1: they are divided by the sum of the counts before `alpha` was "
        "added",
    ),
    Mistake(
        _one_more,
        "The rows sum to more than 1: each of the V counts in a row grows by `alpha`, so the row's "
        "sum grows by V times `alpha`",
    ),
    Mistake(_columns, "The columns sum to 1, and the rows should: a row is what follows one token"),
    Mistake(
        _no_keepdim,
        "The rows don't sum to 1: the (V,) sums are laid along the columns. Keep the dimension "
        "(`keepdim=True`), so that each row is divided by its own sum",
    ),
    Mistake(_whole, "The whole table sums to 1, and each row of it should"),
    Mistake(_backward, "The pairs are turned round: the row is the token before, the column after"),
    Mistake(_added_up, "This is the sum over the pairs; divide by how many there are"),
    Mistake(_unsigned, "The sign is missing: log p is negative, the loss is minus log p"),
)


def _logits(p: Parameters, features: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    logits = hidden @ p["U"].T + p["b"]
    return logits + features @ p["W"].T if "W" in p else logits


def _hidden(p: Parameters, features: torch.Tensor) -> torch.Tensor:
    return torch.tanh(features @ p["H"].T + p["d"])


def _no_tanh(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _logits(p, features, features @ p["H"].T + p["d"])


def _no_hidden_bias(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _logits(p, features, torch.tanh(features @ p["H"].T))


def _late_hidden_bias(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _logits(p, features, torch.tanh(features @ p["H"].T) + p["d"])


def _no_output_bias(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _logits(p, features, _hidden(p, features)) - p["b"]


def _not_direct(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    return _hidden(p, p["C"][x].flatten(1)) @ p["U"].T + p["b"]


def _always_direct(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _not_direct(p, x) + features @ p["W"].T


def _mixed_up(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].transpose(1, 2).flatten(1)
    return _logits(p, features, _hidden(p, features))


def _newest_first(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flip(1).flatten(1)
    return _logits(p, features, _hidden(p, features))


def _probabilities(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return _logits(p, features, _hidden(p, features)).softmax(1)


def _log_probabilities(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    return _probabilities(p, x).log()


def _squeezed_twice(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten(1)
    return torch.tanh(_logits(p, features, _hidden(p, features)))


def _not_transposed(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    return F.linear(p["C"][x].flatten(1), p["H"].T)


def _not_side_by_side(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    return p["C"][x] @ p["H"].T


def _all_in_one_row(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    features = p["C"][x].flatten()
    return _logits(p, features, _hidden(p, features))


def _no_turn(p: Parameters, x: torch.Tensor) -> torch.Tensor:
    return p["C"][x].flatten(1) @ p["H"]


SHAPES = (
    "`H` has a row for each hidden unit, as the paper writes it, and the embeddings of an example "
    "lie in a row too: turn the matrix round (`.T`)"
)
BENGIO = (
    Mistake(_not_direct, "`W` is there and is not used: its part, W x, is added to the logits"),
    Mistake(_always_direct, "Without direct connections `p` holds no `W`; ask for it first"),
    Mistake(_no_tanh, "The hidden layer is not squeezed by tanh, so the layers are one matrix"),
    Mistake(_no_hidden_bias, "`d` is missing: it is added inside the tanh"),
    Mistake(_late_hidden_bias, "`d` is added behind the tanh, and belongs inside"),
    Mistake(_no_output_bias, "`b` is missing: each token's logit gets its own number"),
    Mistake(
        _mixed_up,
        "The embeddings are interleaved. Side by side means all E numbers of the first token, then "
        "all of the second: (B, T, E) is flattened as it is",
    ),
    Mistake(_newest_first, "The embeddings stand in the wrong order: the oldest token comes first"),
    Mistake(_probabilities, "These are probabilities, after a softmax; logits are asked for"),
    Mistake(_log_probabilities, "These are log-probabilities; return the logits as they are"),
    Mistake(_squeezed_twice, "The logits are squeezed by tanh too; only the hidden layer is"),
    Mistake(_no_turn, SHAPES),
    Mistake(_not_transposed, SHAPES),
    Mistake(
        _not_side_by_side,
        "The embeddings have shape (B, T, E): put the T of each example side by side first, to "
        "get (B, T·E)",
    ),
    Mistake(
        _all_in_one_row,
        "All examples lie in one row; flatten from dimension 1 on (`flatten(1)`), so that the "
        "batch stays",
    ),
)

# What each broken loop of 01.bugs is asked to be looked at for.
LOOK = {
    "loop_a": (
        "write down what its first two steps do to one weight and to that weight's gradient, line "
        "by line"
    ),
    "loop_b": "ask of each call of the model what dropout does in it",
    "loop_c": (
        "take the row · · a n (two boundaries, then a and n) and write down what `cut` makes of it"
    ),
    "loop_d": "write down the learning rate of the first step, of the last, and of two in between",
    "loop_e": "follow each of the two calls of `mean_loss`, and ask what it leaves behind",
}
# What would be seen in a loop that had the bug which was named.
WOULD = {
    "gradients add up": "the gradients were never set back",
    "softmax before cross-entropy": "a softmax stood between the model and the loss",
    "step before backward": "`optimizer.step()` stood above `backward()`",
    "evaluated in training mode": "the model were in training mode when the loss that it returns "
    "is measured",
    "targets shifted by one": "a target were not the token right behind its context",
    "same order in every epoch": "every epoch asked for the same batches",
    "rate changes per epoch, not per step": "rates that were made for steps were used up by epochs",
    "loss of the last batch only": "the loss it returns left out all validation batches but one",
    "trains on validation data": "a validation batch changed a weight",
    "optimizer of another model": "the optimizer were given other parameters than the model's",
}
