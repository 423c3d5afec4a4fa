"""The neural probabilistic language model of Bengio et al. (2003)."""

import torch
from torch import Tensor, nn

from intro_lm.checks import require_count
from intro_lm.models.language_model import OUTPUT_SCALE

TANH_GAIN = 5 / 3  # keeps the variance of activations through a tanh layer (Kaiming initialisation)


class MLP(nn.Module):
    """A shared embedding, one or more tanh layers, and a softmax over the next token.

    With x the concatenated embeddings of the context, the logits are b + U tanh(d + Hx), plus Wx
    with `direct` (Bengio et al. 2003, equation 1). Further tanh layers, which the paper doesn't
    have, come between H and U. The defaults are the model of the makemore lectures.

    Args:
        vocabulary_size: number of tokens V.
        context_length: tokens T that predict the next.
        embedding_size: size E of each token's embedding.
        hidden_size: units H of each tanh layer.
        direct: add the paper's direct connections W from input to output.
        hidden_layers: number of tanh layers.
        generator: draws the initial weights; PyTorch's global generator if None.

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
        require_count(vocabulary_size=vocabulary_size, context_length=context_length)
        require_count(embedding_size=embedding_size, hidden_size=hidden_size)
        require_count(hidden_layers=hidden_layers)
        self.context_length = context_length
        concatenated = context_length * embedding_size
        self.embedding = nn.Embedding(vocabulary_size, embedding_size)
        self.hidden = nn.Linear(concatenated, hidden_size)
        deeper = [nn.Linear(hidden_size, hidden_size) for _ in range(hidden_layers - 1)]
        self.deeper = nn.ModuleList(deeper)
        self.output = nn.Linear(hidden_size, vocabulary_size)
        self.direct = nn.Linear(concatenated, vocabulary_size, bias=False) if direct else None

        nn.init.normal_(self.embedding.weight, generator=generator)
        direct_layers = [] if self.direct is None else [self.direct]
        for layer in [self.hidden, self.output, *deeper, *direct_layers]:
            gain = OUTPUT_SCALE if layer in (self.output, self.direct) else TANH_GAIN
            std = gain / layer.in_features**0.5  # a sum of n terms has √n times the spread of one
            nn.init.normal_(layer.weight, std=std, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, inputs: Tensor) -> Tensor:
        """Next-token logits (B, V) for `inputs` (B, T), token ids, oldest first."""
        x = self.embedding(inputs).flatten(1)  # (B, T·E)
        hidden = torch.tanh(self.hidden(x))  # (B, H)
        for layer in self.deeper:
            hidden = torch.tanh(layer(hidden))  # (B, H)
        logits = self.output(hidden)  # (B, V)
        return logits if self.direct is None else logits + self.direct(x)
