"""Naming a text's class: recurrent encoders, pooled over the text, under a linear layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm.models.recurrent import CELLS, OUTPUT_SCALE, RecurrentLM

BOUNDARY = 0  # the id that stands before a text and after it, for both vocabularies


class Symbols(Protocol):
    """What is asked of a vocabulary: its size, and what each id is shown as."""

    def __len__(self) -> int: ...

    @property
    def symbols(self) -> list[str]: ...


class Encoder(nn.Module):
    """A recurrent language model without its output layer: from tokens to its hidden states."""

    def __init__(self, model: RecurrentLM) -> None:
        super().__init__()
        self.embedding = model.embedding
        self.token_dropout = model.token_dropout
        self.recurrent = model.recurrent

    def forward(self, tokens: Tensor) -> Tensor:
        """The top layer's state after each token, (B, T, H), for tokens (B, T)."""
        return self.recurrent(self.token_dropout(self.embedding(tokens)))[0]


class TextClassifier(nn.Module):
    """Recurrent encoders, concatenated pooling, and a linear layer that gives a logit a class.

    An encoder reads a boundary, as a language model does, and then the text; with two directions a
    second one, with weights of its own, reads the text from its end. Each reads on its own, so that
    two pretrained language models can take their places. What the top layer said after each of
    these tokens is pooled: its mean, its maximum, and its last state, side by side (the concat
    pooling of Howard and Ruder 2018, section 3.3). Whatever stands behind a text's first boundary
    is padding, which neither encoder nor pooling heeds; a text without a token is the boundary
    that opens it.

    Args:
        vocabulary_size: number of tokens V.
        classes: number of classes C.
        cell, embedding_size, hidden_size, layers: of each encoder, as in `RecurrentLM`.
        directions: 1 reads texts forwards, 2 also backwards.
        dropout: share of the units that are zeroed while training, between layers and after
            pooling.
        token_dropout: share of the inputs whose whole embedding is zeroed while training.
        generator: draws the initial weights; without it PyTorch's global one does.

    Raises:
        ValueError: a size is no whole number of at least 1, there are fewer than 2 classes, or an
            argument is out of its range.

    >>> model = TextClassifier(27, classes=14, hidden_size=64)
    >>> model(torch.zeros(3, 5, dtype=torch.long)).shape
    torch.Size([3, 14])
    """

    prefers_bfloat16 = True  # as its encoders

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
        if not isinstance(classes, int) or classes < 2:
            raise ValueError(f"classes is {classes!r}; it must be a whole number of at least 2")
        if directions not in (1, 2):
            raise ValueError(f"directions is {directions!r}; it must be 1 or 2")
        self.encoders = nn.ModuleList(
            Encoder(
                RecurrentLM(
                    vocabulary_size,
                    cell,
                    embedding_size,
                    hidden_size,
                    layers,
                    dropout,
                    token_dropout,
                    generator=generator,
                )
            )
            for _ in range(directions)
        )
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(3 * directions * hidden_size, classes)
        with torch.no_grad():
            scale = OUTPUT_SCALE / hidden_size**0.5  # the loss starts near log(C)
            self.output.weight.normal_(0, scale, generator=generator)
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
    ) -> TextClassifier:
        """A classifier whose encoders are copies of pretrained language models; its head is new.

        Args:
            forward: a language model of texts.
            backward: one of the same texts read from their ends; without it there is one direction.
            classes: number of classes C.
            vocabularies: those of the language models and of the texts to be classified, at least
                one; each id must stand for the same in all of them.
            dropout, token_dropout: of the classifier; the language models' own are left behind.
            generator: draws the head's weights.

        Raises:
            TypeError: a language model is none that is recurrent.
            ValueError: the language models differ in a size or in their cells, or vocabularies
                differ from each other or from the models' size; the message names both.
        """
        models = {"forward": forward}
        if backward is not None:
            models["backward"] = backward
        for name, model in models.items():
            if not isinstance(model, RecurrentLM):
                raise TypeError(
                    f"the {name} language model is a {type(model).__name__}; give a RecurrentLM"
                )
        sizes = [sizes_of(model) for model in models.values()]
        for name in sizes[0]:
            if sizes[0][name] != sizes[-1][name]:
                raise ValueError(
                    f"the forward language model's {name} is {sizes[0][name]} and the backward "
                    f"one's {sizes[-1][name]}; train both with the same vocabulary and sizes"
                )
        require_same_vocabulary(vocabularies, forward.embedding.num_embeddings)
        classifier = cls(
            classes=classes,
            directions=len(models),
            dropout=dropout,
            token_dropout=token_dropout,
            generator=generator,
            **sizes[0],
        )
        for encoder, model in zip(classifier._encoders(), models.values(), strict=True):
            encoder.embedding.load_state_dict(model.embedding.state_dict())
            encoder.recurrent.load_state_dict(model.recurrent.state_dict())
        return classifier

    def forward(self, inputs: Tensor) -> Tensor:
        """A logit for each class.

        Args:
            inputs: (B, T) token ids, each row a text, and boundaries (0) from its end on, as
                `LabelledBatches` gives them.

        Returns:
            (B, C) logits.

        Raises:
            ValueError: `inputs` is not (B, T).
        """
        if inputs.dim() != 2:
            raise ValueError(
                f"inputs are {tuple(inputs.shape)}; they must be (B, T), a text a row with "
                "boundaries behind it"
            )
        lengths = text_lengths(inputs)
        pooled = []
        for direction, encoder in enumerate(self._encoders()):
            tokens = inputs if direction == 0 else reverse(inputs, lengths)
            hidden = encoder(F.pad(tokens, (1, 0), value=BOUNDARY))  # (B, 1 + T, H)
            pooled.append(concat_pooling(hidden, lengths + 1))
        return self.output(self.dropout(torch.cat(pooled, 1)))

    def _encoders(self) -> list[Encoder]:
        return [encoder for encoder in self.encoders if isinstance(encoder, Encoder)]

    def layer_groups(self) -> list[list[nn.Parameter]]:
        """The parameters in layers from the bottom up: embeddings, each recurrent layer, head.

        The two directions' layers of one height are one group, as fine-tuning treats them alike.
        """
        encoders = self._encoders()
        groups = [[p for encoder in encoders for p in encoder.embedding.parameters()]]
        for layer in range(encoders[0].recurrent.num_layers):
            groups.append(
                [
                    parameter
                    for encoder in encoders
                    for name, parameter in encoder.recurrent.named_parameters()
                    if name.endswith(f"_l{layer}")
                ]
            )
        return [*groups, list(self.output.parameters())]


def text_lengths(inputs: Tensor) -> Tensor:
    """Tokens before the first boundary in each row of `inputs` (B, T): (B,)."""
    return (inputs != BOUNDARY).long().cumprod(1).sum(1)


def reverse(inputs: Tensor, lengths: Tensor) -> Tensor:
    """Each row's first `lengths` (B,) tokens in reverse order, the rest as it is: (B, T)."""
    across = torch.arange(inputs.shape[1], device=inputs.device)  # (T,)
    backwards = lengths.unsqueeze(1) - 1 - across  # (B, T)
    return inputs.gather(1, torch.where(backwards >= 0, backwards, across))


def concat_pooling(hidden: Tensor, lengths: Tensor) -> Tensor:
    """Mean, maximum and last of each row's first states, as many as its length, side by side.

    Args:
        hidden: (B, T, H) states.
        lengths: (B,) how many of a row's states count, at least 1.

    Returns:
        (B, 3·H), in float32.
    """
    hidden = hidden.float()  # bfloat16 would round the sum of many states
    across = torch.arange(hidden.shape[1], device=hidden.device)
    counts = (across < lengths.unsqueeze(1)).unsqueeze(2)  # (B, T, 1)
    mean = hidden.where(counts, 0.0).sum(1) / lengths.unsqueeze(1)
    largest = hidden.where(counts, float("-inf")).amax(1)
    last = hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    return torch.cat([mean, largest, last], 1)


def sizes_of(model: RecurrentLM) -> dict[str, Any]:
    """The arguments that a language model's encoder was made with."""
    recurrent = model.recurrent
    return {
        "vocabulary_size": model.embedding.num_embeddings,
        "cell": next(name for name, kind in CELLS.items() if isinstance(recurrent, kind)),
        "embedding_size": model.embedding.embedding_dim,
        "hidden_size": recurrent.hidden_size,
        "layers": recurrent.num_layers,
    }


def require_same_vocabulary(vocabularies: Sequence[Symbols], size: int) -> None:
    """Refuse vocabularies that are not of `size` tokens, or in which an id differs in meaning.

    Raises:
        ValueError: there is none; or it names both sizes, or the first id that differs and what it
            is in each.
    """
    if not vocabularies:
        raise ValueError(
            f"vocabularies is {vocabularies!r}; give those of the models and of the texts"
        )
    for vocabulary in vocabularies:
        if len(vocabulary) != size:
            raise ValueError(
                f"a vocabulary has {len(vocabulary)} tokens and the language model {size}; use the "
                "vocabulary that the language model was trained with"
            )
        pairs = zip(vocabularies[0].symbols, vocabulary.symbols, strict=True)
        for token, (first, other) in enumerate(pairs):
            if first != other:
                raise ValueError(
                    f"the vocabularies differ: id {token} is {first!r} in one and {other!r} in "
                    "another; use the vocabulary that the language model was trained with"
                )
