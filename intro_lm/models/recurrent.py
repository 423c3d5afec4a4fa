"""Recurrent language models: the simple RNN, the GRU and the LSTM, behind one class."""

from typing import Any

import torch
from torch import Tensor, nn

from intro_lm.checks import require_choice, require_count, require_fraction
from intro_lm.models.language_model import OUTPUT_SCALE

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
FORGET_BIAS = 1.0  # a new cell remembers: without it the gradient halves at every step


class RecurrentLM(nn.Module):
    """An embedding, recurrent layers, and a softmax over the next token at every position.

    The LSTM is that of Hochreiter and Schmidhuber (1997) with the forget gates of Gers et al.
    (2000), whose bias starts at 1 (Jozefowicz et al. 2015). The GRU is that of Cho et al. (2014),
    the simple RNN that of Elman (1990) with a tanh. The recurrent weights of each gate start
    orthogonal (Saxe et al. 2014). Dropout is applied between layers and before the output, never
    from one time step to the next (Zaremba et al. 2014). Token dropout hides a fraction of the
    tokens read, so that the model can't rely on any one (Bowman et al. 2016).

    `model(inputs)` starts from a state of zeros, as a text does, and `model.advance(inputs, state)`
    from the state that an earlier call returned; the model itself keeps none.

    Args:
        vocabulary_size: number of tokens V.
        cell: `rnn`, `gru` or `lstm`.
        embedding_size: size E of each token's embedding.
        hidden_size: units H of each layer.
        layers: recurrent layers L, each reading the one below.
        dropout: fraction of the units zeroed while training, from 0 to below 1.
        token_dropout: fraction of the tokens whose whole embedding is zeroed while training.
        generator: draws the initial weights; PyTorch's global generator if None.

    >>> model = RecurrentLM(27, hidden_size=64)
    >>> logits, state = model.advance(torch.zeros(3, 5, dtype=torch.long))
    >>> logits.shape, state.shape
    (torch.Size([3, 5, 27]), torch.Size([3, 2, 1, 64]))
    """

    context_length = None  # it reads texts of any length

    def __init__(
        self,
        vocabulary_size: int,
        cell: str = "lstm",
        embedding_size: int = 32,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        require_count(vocabulary_size=vocabulary_size, embedding_size=embedding_size)
        require_count(hidden_size=hidden_size, layers=layers)
        require_fraction(dropout=dropout, token_dropout=token_dropout)
        require_choice(CELLS, cell=cell)
        self.cell = cell
        # The sizes that another model needs to take over these weights.
        self.sizes: dict[str, Any] = {"vocabulary_size": vocabulary_size, "layers": layers}
        self.sizes |= {"embedding_size": embedding_size, "hidden_size": hidden_size, "cell": cell}
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.token_dropout = nn.Dropout1d(token_dropout)
        between = dropout if layers > 1 else 0.0  # with one layer PyTorch would warn
        self.recurrent = CELLS[cell](
            embedding_size, hidden_size, layers, batch_first=True, dropout=between
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.state_shape = (2 if cell == "lstm" else 1, layers, hidden_size)  # (S, L, H)
        self._draw_weights(generator)

    @torch.no_grad()
    def _draw_weights(self, generator: torch.Generator | None) -> None:
        hidden_size = self.recurrent.hidden_size
        self.embedding.weight.normal_(generator=generator)
        self.output.weight.normal_(0, OUTPUT_SCALE / hidden_size**0.5, generator=generator)
        nn.init.zeros_(self.output.bias)
        for name, parameter in self.recurrent.named_parameters():
            if name.startswith("weight_ih"):  # (gates·H, E or H)
                parameter.normal_(0, parameter.shape[1] ** -0.5, generator=generator)
            elif name.startswith("weight_hh"):  # (gates·H, H)
                for gate in parameter.split(hidden_size):
                    nn.init.orthogonal_(gate, generator=generator)
            else:  # each layer has two biases, which PyTorch adds
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih") and self.cell == "lstm":
                    parameter[hidden_size : 2 * hidden_size] = FORGET_BIAS  # gates: i, f, g, o

    def forward(self, inputs: Tensor) -> Tensor:
        """Next-token logits (B, T, V) after each of `inputs` (B, T), from a state of zeros."""
        return self.advance(inputs)[0]

    def advance(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Logits (B, T, V) after each of `inputs` (B, T), and the state after the last.

        The state is (B, S, L, H), where S is 2 for the LSTM (hidden and cell state) and 1 for the
        others (hidden state); None is zeros. Gradients flow through it unless it is detached.
        """
        if state is None:
            state = self.embedding.weight.new_zeros(len(inputs), *self.state_shape)
        x = self.token_dropout(self.embedding(inputs))  # (B, T, E)
        parts = state.permute(1, 2, 0, 3).contiguous()  # (S, L, B, H), PyTorch's order
        if self.cell == "lstm":
            hidden, last = self.recurrent(x, (parts[0], parts[1]))  # (B, T, H), 2 × (L, B, H)
            parts = torch.stack(last)  # (S, L, B, H)
        else:
            hidden, last = self.recurrent(x, parts[0])  # (B, T, H), (L, B, H)
            parts = last.unsqueeze(0)  # (S, L, B, H)
        logits = self.output(self.dropout(hidden))  # (B, T, V)
        return logits, parts.permute(2, 0, 1, 3).to(state.dtype)  # bfloat16 back to float32
