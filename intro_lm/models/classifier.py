"""Text classification: recurrent encoders, pooled over the text, and a linear layer."""

from collections.abc import Sequence
from typing import Protocol, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm.checks import require_number
from intro_lm.models.language_model import BOUNDARY, OUTPUT_SCALE
from intro_lm.models.recurrent import RecurrentLM


class Symbols(Protocol):
    """What `from_language_model` needs of a vocabulary."""

    @property
    def symbols(self) -> list[str]: ...  # the text of each token id


class TextClassifier(nn.Module):
    """Recurrent encoders, concatenated pooling, and a linear layer that gives a logit per class.

    Each encoder reads a boundary and then the text, as a language model does. With two directions,
    a second encoder with its own weights reads the reversed text, so each can be copied
    from a pretrained language model. The states of the top layer are pooled into mean, maximum
    and last (Howard and Ruder 2018, section 3.3). What follows the first boundary in a row of
    `inputs` is padding and changes no logit.

    Args:
        classes: number of classes C, at least 2.
        directions: 1 reads texts forwards, 2 also backwards.
        dropout: fraction of the units zeroed while training, between layers and after pooling.
        vocabulary_size, cell and so on: for each encoder, as in `RecurrentLM`.

    >>> model = TextClassifier(27, classes=14, hidden_size=64)
    >>> model(torch.zeros(3, 5, dtype=torch.long)).shape
    torch.Size([3, 14])
    """

    def __init__(
        self,
        vocabulary_size: int,
        classes: int,
        cell: str = "lstm",
        embedding_size: int = 32,
        hidden_size: int = 128,
        layers: int = 1,
        directions: int = 2,
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        require_number(at_least=2, classes=classes)
        require_number(at_least=1, below=3, directions=directions)
        sizes = (embedding_size, hidden_size, layers, dropout, token_dropout)
        self.layers = layers
        self.encoders = nn.ModuleList(
            RecurrentLM(vocabulary_size, cell, *sizes, generator=generator)
            for _ in range(directions)
        )
        for encoder in self.encoders:  # gives the top layer's states, not logits
            encoder.dropout = encoder.output = nn.Identity()
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * directions * hidden_size, classes)
        std = OUTPUT_SCALE / hidden_size**0.5  # the loss starts near log(C)
        nn.init.normal_(self.output.weight, std=std, generator=generator)
        nn.init.zeros_(self.output.bias)

    @classmethod
    def from_language_model(
        cls,
        forward: RecurrentLM,
        backward: RecurrentLM | None = None,
        *,
        classes: int,
        vocabularies: Sequence[Symbols],
        dropout: float = 0.0,
        token_dropout: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Self:
        """A classifier whose encoders are copies of pretrained language models; its head is new.

        `backward` is a language model of reversed texts; without it there is one direction.
        `vocabularies` are those of the language models and of the texts to classify: an id must
        mean the same in all.
        """
        models = [forward] if backward is None else [forward, backward]
        if forward.sizes != models[-1].sizes:
            raise ValueError(
                f"the forward language model has {forward.sizes} and the backward one "
                f"{models[-1].sizes}; train both with the same vocabulary and sizes"
            )
        require_same_vocabulary(vocabularies, forward.sizes["vocabulary_size"])
        options = {"directions": len(models), "dropout": dropout, "token_dropout": token_dropout}
        classifier = cls(classes=classes, generator=generator, **forward.sizes | options)
        for encoder, model in zip(classifier.encoders, models, strict=True):
            encoder.load_state_dict(model.state_dict(), strict=False)  # all but the output layer
        return classifier

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (B, C) for `inputs` (B, T), each row a text and boundaries (0) after its end."""
        lengths = text_lengths(inputs)  # (B,)
        pooled = []
        for direction, encoder in enumerate(self.encoders):
            tokens = inputs if direction == 0 else reverse(inputs, lengths)  # (B, T)
            hidden = encoder(F.pad(tokens, (1, 0), value=BOUNDARY))  # (B, 1 + T, H)
            pooled.append(concat_pooling(hidden, lengths + 1))  # (B, 3·H)
        return self.output(self.dropout(torch.cat(pooled, 1)))  # (B, C)

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters of embeddings, recurrent layers and head, of both directions."""

        def ending_in(suffix: str) -> list[nn.Parameter]:
            return [p for name, p in self.encoders.named_parameters() if name.endswith(suffix)]

        recurrent = [ending_in(f"_l{layer}") for layer in range(self.layers)]
        return [ending_in("embedding.weight"), *recurrent, list(self.output.parameters())]


def text_lengths(inputs: Tensor) -> Tensor:
    """The number of tokens before the first boundary in each row of `inputs` (B, T): (B,)."""
    return (inputs != BOUNDARY).long().cumprod(1).sum(1)


def reverse(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Each row's first `lengths` (B,) tokens in reverse order, the rest as it is: (B, T)."""
    column = torch.arange(inputs.shape[1], device=inputs.device)  # (T,)
    source = lengths.unsqueeze(1) - 1 - column  # (B, T), negative in the padding
    return inputs.gather(1, torch.where(source >= 0, source, column))


def concat_pooling(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Mean, maximum and last of the first `lengths` (B,) states in each row of `hidden` (B, T, H).

    Each row needs at least one state. Returns (B, 3·H), in float32.
    """
    hidden = hidden.float()  # bfloat16 would round the sum of many states
    column = torch.arange(hidden.shape[1], device=hidden.device)  # (T,)
    counts = (column < lengths.unsqueeze(1)).unsqueeze(2)  # (B, T, 1)
    mean = hidden.where(counts, 0.0).sum(1) / lengths.unsqueeze(1)  # (B, H)
    largest = hidden.where(counts, float("-inf")).amax(1)  # (B, H)
    last = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]  # (B, H)
    return torch.cat([mean, largest, last], 1)


def require_same_vocabulary(vocabularies: Sequence[Symbols], size: int) -> None:
    """Refuse vocabularies that don't have `size` ids, or in which an id means two things."""
    remedy = "use the vocabulary that the language model was trained with"
    first = vocabularies[0].symbols
    for symbols in (vocabulary.symbols for vocabulary in vocabularies):
        if len(symbols) != size:
            raise ValueError(
                f"a vocabulary has {len(symbols)} tokens and the language model {size}; {remedy}"
            )
        for token, (one, other) in enumerate(zip(first, symbols, strict=True)):
            if one != other:
                raise ValueError(
                    f"the vocabularies differ: id {token} is {one!r} in one and {other!r} in "
                    f"another; {remedy}"
                )
