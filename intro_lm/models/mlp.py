"""The neural probabilistic language model of Bengio et al. (2003)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

TANH_GAIN = 5 / 3  # keeps the variance of activations through a tanh layer (Kaiming initialisation)
OUTPUT_SCALE = 0.1  # a nearly uniform first prediction: the loss starts at log(vocabulary size)


class MLP(nn.Module):
    """A shared embedding, a tanh layer or several, and a softmax over the next token.

    With x the concatenated embeddings of the context, the logits are b + U tanh(d + Hx), plus Wx
    with `direct` (Bengio et al. 2003, equation 1). Further tanh layers, which the paper doesn't
    have, come between H and U. The defaults are the model of the makemore lectures, 11,897
    parameters on 26 letters and a boundary.

    Args:
        vocabulary_size: number of tokens V.
        context_length: tokens T that predict the next.
        embedding_size: numbers E that stand for a token.
        hidden_size: units H of each tanh layer.
        direct: adds the paper's direct input-to-output connections W.
        hidden_layers: tanh layers.
        generator: draws the initial weights; without it PyTorch's global one does.

    >>> sum(p.numel() for p in MLP(27).parameters())
    11897
    """

    def __init__(
        self,
        vocabulary_size: int,
        context_length: int = 3,
        embedding_size: int = 10,
        hidden_size: int = 200,
        direct: bool = False,
        hidden_layers: int = 1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        sizes = {
            "vocabulary_size": vocabulary_size,
            "context_length": context_length,
            "embedding_size": embedding_size,
            "hidden_size": hidden_size,
            "hidden_layers": hidden_layers,
        }
        for name, size in sizes.items():
            if not isinstance(size, int) or size < 1:
                raise ValueError(f"{name} is {size!r}; it must be a whole number of at least 1")
        self.context_length = context_length
        concatenated = context_length * embedding_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.hidden = nn.Linear(concatenated, hidden_size)
        self.deeper = nn.ModuleList(
            nn.Linear(hidden_size, hidden_size) for _ in range(hidden_layers - 1)
        )
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.direct = nn.Linear(concatenated, vocabulary_size, bias=False) if direct else None
        with torch.no_grad():
            self.embedding.weight.normal_(generator=generator)
            self.hidden.weight.normal_(0, TANH_GAIN / concatenated**0.5, generator=generator)
            self.output.weight.normal_(0, OUTPUT_SCALE / hidden_size**0.5, generator=generator)
            for layer in self.deeper:
                assert isinstance(layer, nn.Linear)
                layer.weight.normal_(0, TANH_GAIN / hidden_size**0.5, generator=generator)
                nn.init.zeros_(layer.bias)
            nn.init.zeros_(self.hidden.bias)
            nn.init.zeros_(self.output.bias)
            if self.direct is not None:
                std = OUTPUT_SCALE / concatenated**0.5
                self.direct.weight.normal_(0, std, generator=generator)

    def forward(self, inputs: Tensor) -> Tensor:
        """Next-token logits.

        Args:
            inputs: (B, T) token ids, oldest first.

        Returns:
            (B, V) logits.
        """
        x = self.embedding(inputs).flatten(1)  # (B, T·E)
        hidden = torch.tanh(self.hidden(x))  # (B, H)
        for layer in self.deeper:
            hidden = torch.tanh(layer(hidden))
        logits = self.output(hidden)  # (B, V)
        return logits if self.direct is None else logits + self.direct(x)
