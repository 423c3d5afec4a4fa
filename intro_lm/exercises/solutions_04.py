"""The solutions of notebook 04's exercises; their sources are shown to learners."""

from __future__ import annotations

import torch


def rnn_step(
    x: torch.Tensor,
    h: torch.Tensor,
    weight_ih: torch.Tensor,
    weight_hh: torch.Tensor,
    bias_ih: torch.Tensor,
    bias_hh: torch.Tensor,
) -> torch.Tensor:
    """Do one step of a simple recurrent network, with weights as PyTorch keeps them.

    Args:
        x: (B, E), the embeddings of the letters that are read.
        h: (B, H), the hidden state before.
        weight_ih: (H, E), the weights of x. A row belongs to one unit.
        weight_hh: (H, H), the weights of h.
        bias_ih, bias_hh: (H,) each. They are added.

    Returns:
        The next hidden state, (B, H).
    """
    return torch.tanh(x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh)


def lstm_step(
    x: torch.Tensor,
    h: torch.Tensor,
    c: torch.Tensor,
    weight_ih: torch.Tensor,
    weight_hh: torch.Tensor,
    bias_ih: torch.Tensor,
    bias_hh: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Do one step of an LSTM, with the gates stacked as PyTorch stacks them: i, f, g, o.

    Args:
        x: (B, E), the embeddings of the letters that are read.
        h, c: (B, H) each, the hidden state and the cell state before.
        weight_ih: (4H, E), the weights of x: H rows for each of i, f, g and o.
        weight_hh: (4H, H), the weights of h, in the same order.
        bias_ih, bias_hh: (4H,) each. They are added.

    Returns:
        The next hidden state and the next cell state, (B, H) each.
    """
    stacked = x @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh  # (B, 4H)
    i, f, g, o = stacked.chunk(4, dim=1)  # (B, H) each
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def draw(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """Draw the next token of each row at a temperature.

    Args:
        logits: (B, V), any numbers; -inf where a token must not be drawn.
        temperature: at least 0. At 0 each row gets its likeliest token.
        generator: draws, so that the same generator draws the same tokens.

    Returns:
        The ids of the tokens, a LongTensor (B,).
    """
    if temperature == 0:
        return logits.argmax(dim=1)
    probabilities = (logits / temperature).softmax(dim=1)  # (B, V)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)


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


def recipe() -> dict:
    """Say how to train a recurrent network on 51,200 characters of the Python reference.

    Returns:
        `rows` and `length` (a batch is rows × length characters; the text is read for
        51,200 / (rows × length) steps), and any arguments of `RecurrentLM` and of `Settings`
        by their names, such as `cell`, `hidden_size`, `learning_rate`, `clip_norm`.
    """
    return {"rows": 8, "length": 32, "hidden_size": 128, "learning_rate": 0.04, "clip_norm": 1.0}
