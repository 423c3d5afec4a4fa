"""Models: from token ids to next-token logits, or to a logit for each class."""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from intro_lm.models.classifier import TextClassifier
from intro_lm.models.language_model import LanguageModel, StatefulLanguageModel
from intro_lm.models.mlp import MLP
from intro_lm.models.ngram import Bigram, KneserNey
from intro_lm.models.recurrent import RecurrentLM

# The models that are trained, by the names under which the command line, the sweep and the
# benchmarks know them. Each takes the vocabulary size, its own sizes by keyword, and a generator.
MODELS: dict[str, Callable[..., MLP | RecurrentLM]] = {
    "mlp": MLP,
    "rnn": partial(RecurrentLM, cell="rnn"),
    "gru": partial(RecurrentLM, cell="gru"),
    "lstm": partial(RecurrentLM, cell="lstm"),
}

if TYPE_CHECKING:  # mypy checks here that every model keeps its contract
    _language_models: list[type[LanguageModel]] = [MLP, Bigram, KneserNey, RecurrentLM]
    _stateful_language_models: list[type[StatefulLanguageModel]] = [RecurrentLM]

__all__ = [
    "MLP", "MODELS", "Bigram", "KneserNey", "LanguageModel", "RecurrentLM",
    "StatefulLanguageModel", "TextClassifier",
]  # fmt: skip
