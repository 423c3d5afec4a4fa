"""Exercise 04.pieces: read a text in pieces, and carry the state without its gradient."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, NotYet, call, compare
from course.exercises.notebook_04.easy_numbers import two_digits
from course.exercises.values import show


def read_in_pieces(
    layer: torch.nn.RNN | torch.nn.LSTM, x: torch.Tensor, length: int
) -> torch.Tensor:
    """Read a text in pieces: the state is carried from piece to piece, the gradient is not.

    Args:
        layer: made with `batch_first=True`. `layer(piece)` reads from zeros, `layer(piece, state)`
            goes on; both return the hidden states (B, T, H) and the state after the last. Of an
            `nn.RNN` that state is one tensor, of an `nn.LSTM` the tuple (h, c).
        x: (B, T, E), the embeddings of the whole text.
        length: how many steps a piece has. The last may be shorter.

    Returns:
        The hidden states of every step, (B, T, H).
    """
    state, seen = None, []
    for piece in x.split(length, dim=1):
        hidden, state = layer(piece, state)
        seen.append(hidden)
        if isinstance(state, tuple):
            state = tuple(part.detach() for part in state)
        else:
            state = state.detach()
    return torch.cat(seen, dim=1)


def _read(layer: nn.Module, x: Tensor, length: int, way: str) -> Tensor:
    """The hidden states, read in pieces with a mistake."""
    state: Any = None
    seen = []
    pieces = x.split(1 if way == "each step" else length, dim=1)
    if way == "no last":
        pieces = tuple(piece for piece in pieces if piece.shape[1] == length)
    for piece in pieces:
        if way == "input":
            piece = piece.detach()
        hidden, state = layer(piece, None if way == "reset" else state)
        seen.append(hidden.detach() if way == "output" else hidden)
        both = type(state) is tuple
        if way == "only h" and both:
            state = (state[0].detach(), state[1])
        elif way == "no tuple":
            state = state.detach()
        elif way == "only c" and both:
            state = (state[0], state[1].detach())
        elif way == "only h passed" and both:
            state = (state[0].detach(), torch.zeros_like(state[1]))
        elif way != "kept":
            state = tuple(s.detach() for s in state) if both else state.detach()
    return torch.cat(seen, dim=1)


def _reading(way: str, message: str) -> Mistake:
    def read(layer: nn.Module, x: Tensor, length: int) -> Tensor:
        return _read(layer, x, length, way)

    return Mistake(read, message)


MISTAKES = (
    _reading(
        "no tuple",
        "An LSTM's state is the tuple (h, c), which has no `detach`; detach its parts",
    ),
    _reading(
        "reset",
        "Every piece starts from zeros. Pass on the state, `layer(piece, state)`: cut only the "
        "gradient, keep the memory",
    ),
    _reading("no last", "The last piece is missing; read it too, even if it is shorter"),
    _reading(
        "only h passed",
        "The cell state is lost between the pieces: pass on both h and c",
    ),
)
GRADIENTS = (
    _reading(
        "kept",
        "The state carries its graph into the next piece, so the gradient runs back to the "
        "beginning of the text. Detach it after each piece",
    ),
    _reading(
        "only h",
        "Only h is detached. The gradient still flows through the cell state c, where it lasts "
        "longest; detach both",
    ),
    _reading("only c", "Only c is detached. The gradient still flows through h; detach both"),
    _reading(
        "each step",
        "The gradient is cut at every step, so the layer can't learn to remember even within a "
        "piece. Detach the state only between pieces",
    ),
)
CUT_OFF = (
    "No gradient comes back from the hidden states. They and x keep their graph; detach only the "
    "state that you pass to the *next* piece"
)


def _layer(kind: Any) -> Any:
    torch.manual_seed(0)
    return kind(2, 3, batch_first=True)


def _demand_gradient(answer: Answer, layer: Any, length: int) -> None:
    """Demand the right gradient of the last hidden state at each step of the text."""

    def gradient(read: Answer) -> list[float]:
        sizes.clear()
        x = two_digits(1, 6, 2, seed=5).requires_grad_()
        hidden = call(read, layer, x, length, may_change=True)
        found = None
        if hidden.requires_grad:
            (found,) = torch.autograd.grad(hidden[:, -1].sum(), x, allow_unused=True)
        if found is None:
            raise NotYet(CUT_OFF, {"inputs": inputs})
        return [round(norm, 4) for norm in found[0].norm(dim=1).tolist()]

    def alike(one: list[float], other: list[float]) -> bool:
        return all(abs(a - b) < 1e-3 for a, b in zip(one, other, strict=True))

    sizes: list[int] = []  # steps per call of the layer
    layer.register_forward_pre_hook(lambda _, given: sizes.append(given[0].shape[1]))
    inputs = f"an nn.{type(layer).__name__}, a text of 6 steps, length = {length}"
    expected, got = gradient(read_in_pieces), gradient(answer)
    if max(sizes) > length:
        raise NotYet(
            f"The layer gets {max(sizes)} steps at once. Cut the text into pieces of `length` "
            "steps: `x.split(length, dim=1)`",
            {"inputs": inputs},
        )
    if alike(got, expected):
        return
    message = "The gradient doesn't end where the last piece begins"
    for mistake in GRADIENTS:
        if alike(got, gradient(mistake.answer)):
            message = mistake.message
            break
    raise NotYet(
        f"The hidden states are right, but their gradients aren't. {message}",
        {
            "inputs": inputs,
            "compared": "the norm of the last hidden state's gradient at each step of the text",
            "expected": show(expected),
            "got": show(got),
        },
    )


def pieces_of_an_rnn(answer: Answer) -> None:
    """that an RNN gives the same for 5 steps in pieces of 2 as in one go"""
    compare(
        answer, read_in_pieces, (_layer(torch.nn.RNN), two_digits(1, 5, 2, seed=5), 2), MISTAKES
    )


def gradient_of_an_rnn(answer: Answer) -> None:
    """that an RNN's gradient goes back to the beginning of its piece and no further"""
    _demand_gradient(answer, _layer(torch.nn.RNN), 3)


def pieces_of_an_lstm(answer: Answer) -> None:
    """that an LSTM, whose state is a tuple, gives the same in pieces as in one go"""
    compare(
        answer, read_in_pieces, (_layer(torch.nn.LSTM), two_digits(2, 5, 2, seed=5), 2), MISTAKES
    )


def gradient_of_an_lstm(answer: Answer) -> None:
    """that an LSTM's gradient is cut in both h and c"""
    _demand_gradient(answer, _layer(torch.nn.LSTM), 3)


PIECES = Exercise(
    name="04.pieces",
    solved_by=read_in_pieces,
    why=(
        "`detach` gives a tensor with the same numbers and no past: the next piece starts from the "
        "memory, and its gradient ends there. Without it `backward` would run through all earlier "
        "pieces. That takes more time and memory with each piece, and in a training loop it fails "
        "at the second step, because the graph of the first is gone. An LSTM's state is two "
        "tensors, and the gradient passes if either keeps its graph. The hidden states keep "
        "theirs, because the piece's loss needs it."
    ),
    hints=(
        "`x.split(length, dim=1)` gives the pieces, including a shorter last one. What does the "
        "layer need besides the piece?",
        "`hidden, state = layer(piece, state)`, with `state = None` before the first. Put the "
        "hidden states into a list as they are; pass on the state.",
        "For an `nn.RNN`, `state.detach()` is enough. If `isinstance(state, tuple)`, make a new "
        "tuple of `h.detach()` and `c.detach()`. At the end, `torch.cat(..., dim=1)`.",
    ),
    checks=(
        pieces_of_an_rnn,
        gradient_of_an_rnn,
        pieces_of_an_lstm,
        gradient_of_an_lstm,
    ),
    mistakes=MISTAKES + GRADIENTS,
)
