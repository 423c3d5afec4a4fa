"""Models: from token ids to next-token logits, or to a logit for each class."""

from intro_lm.models.classifier import TextClassifier
from intro_lm.models.lstm import RecurrentLM
from intro_lm.models.mlp import MLP
from intro_lm.models.ngram import Bigram, KneserNey

__all__ = ["MLP", "Bigram", "KneserNey", "RecurrentLM", "TextClassifier"]
