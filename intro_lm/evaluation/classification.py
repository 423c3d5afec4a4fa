"""How well texts are classified: accuracy, F1, recall, confusion, calibration.

Everything here reads probabilities (N, C), a row a text, whatever gave them. Intervals over seeds
are those of `intro_lm.evaluation`: `interval`, and `difference_interval(…, paired=True)` where two
methods had the same seeds and labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor, nn

from intro_lm.data import LabelledBatches

BINS = 10
ROUNDING = 1e-6  # by which a mean of probabilities may pass 1


@dataclass(frozen=True)
class Scores:
    """How well some texts were classified. All are shares, from 0 to 1.

    Args:
        accuracy: of the texts, how many were classified rightly.
        macro_recall: the mean of the classes' recalls, so that a rare class counts like any other.
        macro_f1: the mean of the classes' F1, 2·precision·recall / (precision + recall).
        recall: of each class's texts, how many were found.
        calibration_error: how far confidence and accuracy lie apart (see `calibration_error`).
    """

    accuracy: float
    macro_recall: float
    macro_f1: float
    recall: tuple[float, ...]
    calibration_error: float

    def summary(self, classes: Sequence[str]) -> str:
        """The scores in a few lines, with each class's recall beside its name."""
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
    """Texts whose predictions were about equally sure."""

    low: float  # the confidence that the bin begins above
    high: float
    count: int
    confidence: float  # mean, NaN where there is no text
    accuracy: float


@torch.no_grad()
def predict(model: nn.Module, batches: LabelledBatches) -> Tensor:
    """The probability of each class for each text, with dropout switched off.

    Args:
        model: from (B, T) token ids to (B, C) logits; its training mode is put back afterwards.
        batches: the texts; moved to where the model is, and read in batches of like length.

    Returns:
        (N, C) probabilities on the CPU, in the order in which the texts were given, which is that
        of `batches.labels`.

    Raises:
        ValueError: a label lies outside the model's classes.
    """
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    rows = torch.arange(len(batches.labels))  # texts of like length share a batch, so they move
    by_length = replace(batches, shuffle=True, labels=rows).to(device)
    probabilities = torch.empty(0)
    was_training = model.training
    model.eval()
    try:
        for inputs, places in by_length.epoch(0):
            logits = model(inputs).float()
            if not len(probabilities):
                _require_labels(batches.labels.cpu(), logits.shape[1])
                probabilities = torch.empty(len(rows), logits.shape[1])
            probabilities[places.cpu()] = logits.softmax(1).cpu()
    finally:
        model.train(was_training)
    return probabilities


def score(probabilities: Tensor, labels: Tensor) -> Scores:
    """Accuracy, F1, recall and calibration of some predictions.

    Args:
        probabilities: (N, C), each row summing to 1.
        labels: (N,) class ids.

    Raises:
        ValueError: the shapes don't match, there is no text, a label is out of range, or a value is
            no probability. A class without any text is left out of the means, and its recall is
            NaN.
    """
    values, wanted = _arrays(probabilities, labels)
    chosen, ids = values.argmax(1), np.arange(values.shape[1])
    occurring = np.unique(wanted)
    recall = metrics.recall_score(wanted, chosen, labels=ids, average=None, zero_division=np.nan)
    f1 = metrics.f1_score(wanted, chosen, labels=ids, average=None, zero_division=0)
    return Scores(
        accuracy=float(metrics.accuracy_score(wanted, chosen)),
        macro_recall=float(recall[occurring].mean()),
        macro_f1=float(f1[occurring].mean()),
        recall=tuple(recall.tolist()),
        calibration_error=calibration_error(reliability(probabilities, labels)),
    )


def confusion(probabilities: Tensor, labels: Tensor, rates: bool = False) -> Tensor:
    """How often each class (a row) was taken for each class (a column).

    Args:
        probabilities: (N, C).
        labels: (N,) class ids.
        rates: shares of each row's texts, not counts; NaN in the row of a class without texts.

    Returns:
        (C, C).

    Raises: as `score` does.
    """
    values, wanted = _arrays(probabilities, labels)
    ids = np.arange(values.shape[1])
    counts = torch.from_numpy(metrics.confusion_matrix(wanted, values.argmax(1), labels=ids))
    return counts / counts.sum(1, keepdim=True) if rates else counts


def reliability(probabilities: Tensor, labels: Tensor, bins: int = BINS) -> list[Bin]:
    """Confidence beside accuracy, for predictions of like confidence (Niculescu-Mizil and Caruana
    2005). The confidence of a prediction is the probability of the class chosen.

    Args:
        probabilities: (N, C).
        labels: (N,) class ids.
        bins: how many, of equal width from 0 to 1.

    Raises:
        ValueError: as `score` does, or `bins` is no count.
    """
    if not isinstance(bins, int) or bins < 1:
        raise ValueError(f"bins is {bins!r}; it must be a whole number of at least 1")
    values, wanted = _arrays(probabilities, labels)
    confidence, right = values.max(1), values.argmax(1) == wanted
    place = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    table = []
    for number in range(bins):
        inside = place == number
        count = int(inside.sum())
        means = [float(each[inside].mean()) if count else np.nan for each in (confidence, right)]
        table.append(Bin(number / bins, (number + 1) / bins, count, *means))
    return table


def calibration_error(table: Sequence[Bin]) -> float:
    """The expected calibration error: |accuracy - confidence|, a mean over the texts in the bins.

    After Naeini et al. (2015) and Guo et al. (2017). It is 0 where a model that is 70% sure is
    right 70% of the time.
    """
    texts = sum(each.count for each in table)
    apart = [each.count * abs(each.accuracy - each.confidence) for each in table if each.count]
    return sum(apart) / texts


def _arrays(probabilities: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays, or a `ValueError` that says what does not fit."""
    probabilities, labels = torch.as_tensor(probabilities).cpu(), torch.as_tensor(labels).cpu()
    if probabilities.dim() != 2 or labels.shape != probabilities.shape[:1]:
        raise ValueError(
            f"probabilities are {tuple(probabilities.shape)} and labels {tuple(labels.shape)}; "
            "they must be (N, C) and (N,)"
        )
    if len(labels) == 0:
        raise ValueError("nothing to evaluate: there are 0 texts; give at least one")
    _require_labels(labels, probabilities.shape[1])
    values = probabilities.double().numpy()
    fits = (values >= 0) & (values <= 1 + ROUNDING)  # of NaN neither holds
    if not fits.all():
        row, column = np.argwhere(~fits)[0]
        raise ValueError(
            f"the probability of text {row} is {values[row, column]:g} for class {column}; it must "
            "lie between 0 and 1: give the softmax of logits, and of a model that has not diverged"
        )
    return values, labels.numpy()


def _require_labels(labels: Tensor, classes: int) -> None:
    outside = ((labels < 0) | (labels >= classes)).nonzero()
    if len(outside):
        row = int(outside[0])
        raise ValueError(
            f"the label of text {row} is {int(labels[row])}; with {classes} classes it must lie "
            f"between 0 and {classes - 1}"
        )
