"""Recurrent language models: the simple RNN, the GRU and the LSTM, behind one class."""

from __future__ import annotations

import torch
from torch import Tensor, nn

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}
FORGET_BIAS = 1.0  # a new cell remembers: without it the gradient halves at every step
OUTPUT_SCALE = 0.1  # a nearly uniform first prediction: the loss starts at log(vocabulary size)
TIED_SCALE = 0.1  # of an embedding that is the output layer too (Zaremba et al. 2014 draw such)


class RecurrentLM(nn.Module):
    """An embedding, recurrent layers, and a softmax over the next token at every position.

    The layers are PyTorch's, whose kernels run over all positions at once. The LSTM is that of
    Hochreiter and Schmidhuber (1997) with the forget gates of Gers et al. (2000), whose bias
    starts at 1 (Jozefowicz et al. 2015); the GRU is that of Cho et al. (2014), the simple RNN that
    of Elman (1990) with a tanh. Each gate's recurrent weights start orthogonal (Saxe et al. 2014).
    Dropout falls on what goes up, between layers and before the output, and never on what goes on
    in time (Zaremba et al. 2014). Token dropout hides a share of the tokens read, so that the model
    can't lean on any one of them (Bowman et al. 2016); on few texts it helps more than the other.

    `model(inputs)` reads from a state of zeros, where a text begins. `model.advance(inputs, state)`
    goes on from the state that an earlier call returned; the model itself keeps none.

    Args:
        vocabulary_size: number of tokens V.
        cell: `rnn`, `gru` or `lstm`.
        embedding_size: numbers E that stand for a token.
        hidden_size: units H of each layer.
        layers: recurrent layers L, each reading the one below.
        dropout: share of the units that are zeroed while training, from 0 to below 1.
        token_dropout: share of the inputs whose whole embedding is zeroed while training.
        tied: one matrix is embedding and output weights (Press and Wolf 2017, Inan et al. 2017).
        generator: draws the initial weights; without it PyTorch's global one does.

    Raises:
        ValueError: a size is no whole number of at least 1, a share lies outside [0, 1), `cell` is
            unknown, or tied weights have unequal sizes.

    >>> model = RecurrentLM(27, hidden_size=64)
    >>> logits, state = model.advance(torch.zeros(3, 5, dtype=torch.long))
    >>> logits.shape, state.shape
    (torch.Size([3, 5, 27]), torch.Size([3, 2, 1, 64]))
    """

    context_length = None  # it reads texts of any length
    prefers_bfloat16 = True  # its products are big enough to be faster so, also on a CPU

    def __init__(
        self,
        vocabulary_size: int,
        cell: str = "lstm",
        embedding_size: int = 32,
        hidden_size: int = 128,
        layers: int = 1,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        tied: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {
            "vocabulary_size": vocabulary_size,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "layers": layers,
        }
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")
        if cell not in CELLS:
            raise ValueError(f"cell is {cell!r}; use one of {', '.join(CELLS)}")
        for name, share in {"dropout": dropout, "token_dropout": token_dropout}.items():
            if not 0 <= share < 1:
                raise ValueError(f"{name} is {share!r}; it must be a share from 0 to below 1")
        if tied and embedding_size != hidden_size:
            raise ValueError(
                f"embedding_size is {embedding_size} and hidden_size {hidden_size}; tied weights "
                "need them equal"
            )
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.token_dropout = nn.Dropout1d(token_dropout)
        between = dropout if layers > 1 else 0.0  # PyTorch warns where there is no between
        self.recurrent = CELLS[cell](
            embedding_size, hidden_size, layers, batch_first=True, dropout=between
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        if tied:
            self.output.weight = self.embedding.weight
        self.state_shape = (2 if cell == "lstm" else 1, layers, hidden_size)  # S, L, H
        self._draw_weights(generator)

    @torch.no_grad()
    def _draw_weights(self, generator: torch.Generator | None) -> None:
        hidden_size = self.recurrent.hidden_size
        tied = self.output.weight is self.embedding.weight
        self.embedding.weight.normal_(0, TIED_SCALE if tied else 1.0, generator=generator)
        if not tied:
            self.output.weight.normal_(0, OUTPUT_SCALE / hidden_size**0.5, generator=generator)
        nn.init.zeros_(self.output.bias)
        for name, parameter in self.recurrent.named_parameters():
            if name.startswith("weight_ih"):  # (gates·H, E or H)
                parameter.normal_(0, parameter.shape[1] ** -0.5, generator=generator)
            elif name.startswith("weight_hh"):  # (gates·H, H)
                for gate in parameter.split(hidden_size):
                    nn.init.orthogonal_(gate, generator=generator)
            else:  # two biases a layer, which are added
                nn.init.zeros_(parameter)
                if name.startswith("bias_ih") and isinstance(self.recurrent, nn.LSTM):
                    parameter[hidden_size : 2 * hidden_size] = FORGET_BIAS  # gates: i, f, g, o

    def forward(self, inputs: Tensor) -> Tensor:
        """Next-token logits after each position, read from a state of zeros.

        Args:
            inputs: (B, T) token ids, oldest first.

        Returns:
            (B, T, V) logits.

        Raises:
            ValueError: there is no position, or `inputs` is not (B, T).
        """
        return self.advance(inputs)[0]

    def advance(self, inputs: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Read on from a state: the next-token logits, and the state after the last position.

        Args:
            inputs: (B, T) token ids, oldest first.
            state: (B, S, L, H), as an earlier call returned it, or some of its rows; None is
                zeros. S is 2 for the LSTM's hidden and cell state, 1 for the others' hidden state.

        Returns:
            (B, T, V) logits, and the state, through which gradients flow unless it is detached.

        Raises:
            ValueError: there is no position, `inputs` is not (B, T), or the state has another
                shape or lies on another device.
        """
        if inputs.dim() != 2 or inputs.shape[1] == 0:
            raise ValueError(
                f"inputs are {tuple(inputs.shape)}; they must be (B, T) token ids with a length T "
                "of at least 1"
            )
        if state is None:
            state = self.output.weight.new_zeros(len(inputs), *self.state_shape)
        self._require_state(state, inputs)
        x = self.token_dropout(self.embedding(inputs))  # (B, T, E)
        parts = state.permute(1, 2, 0, 3).contiguous()  # (S, L, B, H), as PyTorch has them
        if isinstance(self.recurrent, nn.LSTM):
            hidden, last = self.recurrent(x, (parts[0], parts[1]))  # (B, T, H)
            parts = torch.stack(last)
        else:
            hidden, last = self.recurrent(x, parts[0])
            parts = last.unsqueeze(0)
        logits = self.output(self.dropout(hidden))  # (B, T, V)
        return logits, parts.permute(2, 0, 1, 3).to(state.dtype)

    def _require_state(self, state: Tensor, inputs: Tensor) -> None:
        expected = (len(inputs), *self.state_shape)
        if tuple(state.shape) != expected:
            raise ValueError(
                f"the state is {tuple(state.shape)}; for inputs {tuple(inputs.shape)} this model's "
                f"is {expected}: (B, S, L, H)"
            )
        if state.device != inputs.device:
            raise ValueError(f"the state is on {state.device} and the inputs on {inputs.device}")
