"""How good a model is: losses, intervals over seeds, classification scores, baselines."""

from intro_lm.evaluation.intervals import difference_interval, interval
from intro_lm.evaluation.loss import (
    Loss,
    bits_per_character,
    cross_entropy,
    evaluate,
    evaluate_bits,
    perplexity,
)

__all__ = [
    "Loss", "bits_per_character", "cross_entropy", "difference_interval", "evaluate",
    "evaluate_bits", "interval", "perplexity",
]  # fmt: skip
