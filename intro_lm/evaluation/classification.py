"""How well texts are classified: accuracy, F1, recall, confusion, calibration.

Everything here reads probabilities (N, C), one row per text, from any classifier.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor, nn

from intro_lm.data import LabelledBatches
from intro_lm.models.language_model import inference


@dataclass(frozen=True)
class Scores:
    """How well some texts were classified; all scores are from 0 to 1."""

    accuracy: float  # the fraction of texts that were classified correctly
    macro_recall: float  # the mean of the classes' recalls, so a rare class counts like any other
    macro_f1: float  # the mean of the classes' F1, 2·precision·recall / (precision + recall)
    recall: tuple[float, ...]  # the fraction of each class's texts that were found, NaN without any
    calibration_error: float  # see `calibration_error`

    def summary(self, classes: Sequence[str]) -> str:
        """The scores in a few lines, the last with each class's name and recall."""
        width = max(map(len, classes))
        lines = [
            f"accuracy {self.accuracy:.3f}, macro-averaged F1 {self.macro_f1:.3f} and recall "
            f"{self.macro_recall:.3f}, calibration error {self.calibration_error:.3f}"
        ]
        for name, recall in zip(classes, self.recall, strict=True):
            lines.append(f"  recall of {name:<{width}} {recall:.3f}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Bin:
    """Texts whose predictions have about the same confidence: how many, and the means."""

    count: int
    confidence: float
    accuracy: float


def predict(model: nn.Module, batches: LabelledBatches) -> Tensor:
    """The probability of each class for each text, without dropout.

    Args:
        model: from (B, T) token ids to (B, C) logits.
        batches: N texts.

    Returns:
        (N, C) probabilities on the CPU, in the order of `batches.labels`.
    """
    # Shuffled batches hold texts of similar length, so they need little padding. In place of the
    # labels each batch gives the indices of its texts, to restore their order.
    indices = torch.arange(len(batches.labels))
    found = []
    with inference(model) as device:
        for inputs, rows in replace(batches, shuffle=True, labels=indices).to(device).epoch(0):
            found.append((rows, model(inputs).float().softmax(1)))
    rows, probabilities = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
    return probabilities[rows.argsort()]


def score(probabilities: Tensor, labels: Tensor) -> Scores:
    """Accuracy, F1, recall and calibration of some predictions.

    A class without any text is left out of the means.

    Args:
        probabilities: (N, C), each row summing to 1.
        labels: (N,) class ids.

    Raises:
        ValueError: there is no text, a label is missing or out of range, or a value is not a
            probability.
    """
    values, truth = _arrays(probabilities, labels)
    chosen, classes = values.argmax(1), np.arange(values.shape[1])
    present = np.unique(truth)
    recall = metrics.recall_score(truth, chosen, labels=classes, average=None, zero_division=np.nan)
    f1 = metrics.f1_score(truth, chosen, labels=classes, average=None, zero_division=0)
    return Scores(
        accuracy=float(metrics.accuracy_score(truth, chosen)),
        macro_recall=float(recall[present].mean()),
        macro_f1=float(f1[present].mean()),
        recall=tuple(recall.tolist()),
        calibration_error=calibration_error(reliability(probabilities, labels)),
    )


def confusion(probabilities: Tensor, labels: Tensor, rates: bool = False) -> Tensor:
    """How often texts of each class (row) were classified as each class (column): (C, C).

    With `rates` as fractions of each row's texts, NaN for a class without texts.
    """
    values, truth = _arrays(probabilities, labels)
    classes = np.arange(values.shape[1])
    counts = torch.from_numpy(metrics.confusion_matrix(truth, values.argmax(1), labels=classes))
    return counts / counts.sum(1, keepdim=True) if rates else counts


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 10) -> list[Bin]:
    """Mean confidence and accuracy of predictions of similar confidence.

    The confidence of a prediction is the probability of the chosen class. Of `bins` bins of equal
    width from 0 to 1 those without texts are left out (Niculescu-Mizil and Caruana 2005).
    """
    values, truth = _arrays(probabilities, labels)
    confidence, correct = values.max(1), values.argmax(1) == truth  # (N,) each
    # Bin n, counted from 1, holds confidences above (n - 1) / bins and up to n / bins.
    index = np.ceil(confidence * bins).clip(1, bins)  # (N,)
    rows = [index == number for number in np.unique(index)]
    return [Bin(int(r.sum()), float(confidence[r].mean()), float(correct[r].mean())) for r in rows]


def calibration_error(table: Sequence[Bin]) -> float:
    """The expected calibration error: |accuracy - confidence|, averaged over the texts in the bins.

    It is 0 for a model that is right 70% of the time when it is 70% sure (Naeini et al. 2015, Guo
    et al. 2017).
    """
    gaps = [each.count * abs(each.accuracy - each.confidence) for each in table]
    return sum(gaps) / sum(each.count for each in table)


def require_labels(labels: Sequence[int] | Tensor, classes: int) -> Tensor:
    """The labels as a `LongTensor`, or a `ValueError` that names the first one out of range."""
    ids = torch.as_tensor(labels, dtype=torch.long).cpu()
    if len(ids) == 0:
        raise ValueError("there are 0 labels; give at least one text with its label")
    outside = ((ids < 0) | (ids >= classes)).nonzero()
    if len(outside):
        row = int(outside[0])
        raise ValueError(
            f"the label of text {row} is {ids[row]}; with {classes} classes it must be from 0 to "
            f"{classes - 1}"
        )
    return ids


def _arrays(probabilities: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, once they are checked."""
    values = torch.as_tensor(probabilities).cpu().double()
    ids = require_labels(labels, values.shape[1])
    wrong = (~((values >= 0) & (values <= 1 + 1e-6))).nonzero()  # NaN too; 1e-6 is for rounding
    if len(wrong):
        row, column = wrong[0].tolist()
        raise ValueError(
            f"the probability of text {row} is {values[row, column]:g} for class {column}; it must "
            "be from 0 to 1: give the softmax of a model's logits"
        )
    return values.numpy(), ids.numpy()
