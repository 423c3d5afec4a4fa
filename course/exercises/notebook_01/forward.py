"""Exercise 01.forward: the network as Bengio et al. (2003) write it."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, compare

Parameters = dict[str, torch.Tensor]


def bengio_logits(p: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The logits of the network of Bengio et al. (2003), b + U tanh(d + H e) + W e.

    Here e holds the embeddings of an example's T context tokens side by side, the oldest first.

    Args:
        p: the parameters by the paper's names: C (V, E), H (h, T·E), d (h,), U (V, h), b (V,),
            and, only in a network with direct connections, W (V, T·E).
        x: (B, T) ids of the context tokens.

    Returns:
        (B, V) logits.
    """
    e = p["C"][x].flatten(1)  # (B, T·E)
    hidden = torch.tanh(e @ p["H"].T + p["d"])  # (B, h)
    logits = hidden @ p["U"].T + p["b"]  # (B, V)
    if "W" in p:
        logits = logits + e @ p["W"].T
    return logits


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
    "The paper's `H` has a row for each hidden unit, and an example's embeddings are a row too: "
    "transpose the matrix with `.T`"
)
MISTAKES = (
    Mistake(_not_direct, "`W` is there but unused: add its part, W e, to the logits"),
    Mistake(_always_direct, "Without direct connections `p` has no `W`; check for it first"),
    Mistake(_no_tanh, "The hidden layer lacks its tanh, so the two layers are one matrix"),
    Mistake(_no_hidden_bias, "`d` is missing: it is added inside the tanh"),
    Mistake(_late_hidden_bias, "`d` is added after the tanh, but belongs inside"),
    Mistake(_no_output_bias, "`b` is missing: it adds a number to each token's logit"),
    Mistake(
        _mixed_up,
        "The embeddings are interleaved. Side by side means all E numbers of the first token, "
        "then all of the second: flatten (B, T, E) as it is",
    ),
    Mistake(_newest_first, "The embeddings are in the wrong order: the oldest token comes first"),
    Mistake(_probabilities, "These are probabilities, after a softmax; return the logits"),
    Mistake(_log_probabilities, "These are log-probabilities; return the logits as they are"),
    Mistake(_squeezed_twice, "The logits go through tanh too; only the hidden layer should"),
    Mistake(_no_turn, SHAPES),
    Mistake(_not_transposed, SHAPES),
    Mistake(
        _not_side_by_side,
        "The embeddings have shape (B, T, E): first put the T of each example side by side, to "
        "get (B, T·E)",
    ),
    Mistake(
        _all_in_one_row,
        "All examples are in one row: `flatten(1)` flattens from dimension 1 on and keeps the "
        "batch",
    ),
)


def _parameters(v: int, t: int, e: int, h: int, direct: bool) -> dict[str, torch.Tensor]:
    shapes = {"C": (v, e), "H": (h, t * e), "d": (h,), "U": (v, h), "b": (v,)}
    if direct:
        shapes["W"] = (v, t * e)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def logits_of_one_context(answer: Answer) -> None:
    """the logits of one context of two tokens, without direct connections"""
    p = _parameters(v=3, t=2, e=3, h=2, direct=False)
    compare(answer, bengio_logits, (p, torch.tensor([[1, 2]])), MISTAKES)


def logits_of_a_batch(answer: Answer) -> None:
    """the logits of a batch, with contexts of three tokens and of one"""
    for t in (3, 1):
        p = _parameters(v=5, t=t, e=4, h=6, direct=False)
        compare(answer, bengio_logits, (p, torch.randint(5, (4, t))), MISTAKES)


def logits_with_direct_connections(answer: Answer) -> None:
    """the logits of a network with direct connections"""
    p = _parameters(v=3, t=2, e=3, h=2, direct=True)
    for x in ([[1, 2], [0, 0]], [[2, 1]]):
        compare(answer, bengio_logits, (p, torch.tensor(x)), MISTAKES)


FORWARD = Exercise(
    name="01.forward",
    solved_by=bengio_logits,
    why=(
        "The paper writes an example as a column and multiplies from the left, H e. A batch "
        "holds its examples as rows, so we transpose each matrix: e @ H.T. `nn.Linear` stores "
        "its weights like the paper and does the same. `flatten(1)` puts the embeddings side by "
        "side and leaves the batch alone. W opens a second path from the embeddings to the "
        "logits: what it adds depends on each context token by itself, and the hidden layer has "
        "only the rest to explain."
    ),
    hints=(
        "Follow the shapes: (B, T), then (B, T, E), (B, T·E), (B, h), (B, V). Which step "
        "makes which?",
        "`p['C'][x]` looks up all embeddings; `flatten(1)` puts them side by side. Compare the "
        "shape of H with that of `W1` in `forward`: are they the same way round?",
        "`hidden = torch.tanh(e @ p['H'].T + p['d'])`. The logits use U and b in the same way. "
        "Then add `e @ p['W'].T` if `'W' in p`.",
    ),
    checks=(logits_of_one_context, logits_of_a_batch, logits_with_direct_connections),
    mistakes=MISTAKES,
)
