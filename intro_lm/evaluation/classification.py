"""How well texts are classified: accuracy, F1, recall, confusion, calibration.

Everything here reads probabilities (N, C), one row per text, from any classifier.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from sklearn import metrics
from torch import Tensor, nn

from intro_lm.data import PaddedBatches
from intro_lm.models.language_model import inference


@dataclass(frozen=True)
class Scores:
    """How well some texts were classified; all scores are from 0 to 1."""

    accuracy: float  # the fraction of texts classified correctly
    macro_recall: float  # the mean of the classes' recalls, so a rare class counts like any other
    macro_f1: float  # the mean of the classes' F1, 2·precision·recall / (precision + recall)
    recall: tuple[float, ...]  # the fraction of each class's texts found, NaN if it has none
    calibration_error: float  # |accuracy - confidence| of each `Bin`, averaged over the texts

    def summary(self, classes: Sequence[str]) -> str:
        """The scores in a few lines, each class's recall with its name."""
        width = max(map(len, classes))
        each = zip(classes, self.recall, strict=True)
        return (
            f"accuracy {self.accuracy:.3f}, macro-averaged F1 {self.macro_f1:.3f} and recall "
            f"{self.macro_recall:.3f}, calibration error {self.calibration_error:.3f}"
        ) + "".join(f"\n  recall of {name:<{width}} {recall:.3f}" for name, recall in each)


@dataclass(frozen=True)
class Bin:
    """Texts whose predictions have similar confidence: how many, and their means."""

    count: int
    confidence: float
    accuracy: float


def predict(model: nn.Module, batches: PaddedBatches) -> Tensor:
    """The probability of each class for each text, (N, C) on the CPU in the order of the labels.

    `model` gives logits (B, C) for token ids (B, T).
    """
    # Shuffled batches hold texts of similar length, so they need little padding. In place of the
    # labels each batch gives the indices of its texts, to restore their order.
    indices = torch.arange(len(batches.starts) - 1)
    found = []
    with inference(model) as device:
        for inputs, rows in replace(batches, shuffle=True, labels=indices).to(device).epoch(0):
            found.append((rows, model(inputs).float().softmax(1)))
    rows, probabilities = (torch.cat(parts).cpu() for parts in zip(*found, strict=True))
    return probabilities[rows.argsort()]


def score(probabilities: Tensor, labels: Tensor) -> Scores:
    """The scores of probabilities (N, C) against class ids (N,).

    A class without texts is left out of the means.
    """
    values, truth, chosen = _arrays(probabilities, labels)
    _, recall, f1, texts = metrics.precision_recall_fscore_support(
        truth, chosen, labels=range(values.shape[1]), zero_division=np.nan
    )
    bins = reliability(probabilities, labels)
    gaps = [each.count * abs(each.accuracy - each.confidence) for each in bins]
    return Scores(
        accuracy=float((chosen == truth).mean()),
        macro_recall=float(recall[texts > 0].mean()),
        macro_f1=float(f1[texts > 0].mean()),
        recall=tuple(recall.tolist()),
        calibration_error=sum(gaps) / len(truth),  # Naeini et al. 2015, Guo et al. 2017
    )


def confusion(probabilities: Tensor, labels: Tensor, rates: bool = False) -> Tensor:
    """How often texts of each class (row) were classified as each class (column): (C, C).

    With `rates`: fractions of each row's texts, NaN for a class without texts.
    """
    values, truth, chosen = _arrays(probabilities, labels)
    classes = range(values.shape[1])
    counts = torch.from_numpy(metrics.confusion_matrix(truth, chosen, labels=classes))
    return counts / counts.sum(1, keepdim=True) if rates else counts


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 10) -> list[Bin]:
    """Mean confidence and accuracy of predictions of similar confidence.

    The confidence of a prediction is the probability of the chosen class. Of `bins` equally wide
    bins from 0 to 1, empty ones are left out (Niculescu-Mizil and Caruana 2005).
    """
    values, truth, chosen = _arrays(probabilities, labels)
    confidence, correct = values.max(1), chosen == truth  # (N,) each
    # Bin n, counted from 1, holds confidences above (n - 1) / bins and up to n / bins.
    index = np.ceil(confidence * bins).clip(1, bins)  # (N,)
    rows = [index == number for number in np.unique(index)]
    return [Bin(int(r.sum()), float(confidence[r].mean()), float(correct[r].mean())) for r in rows]


def require_labels(labels: Sequence[int] | Tensor, classes: int) -> Tensor:
    """The labels as a `LongTensor`, or a `ValueError` if there are none or one is out of range."""
    ids = torch.as_tensor(labels, dtype=torch.long).cpu()
    if len(ids) == 0:
        raise ValueError("there are 0 labels; give at least one text with its label")
    for row in ((ids < 0) | (ids >= classes)).nonzero():
        raise ValueError(f"label {int(row)} is {int(ids[row])}; it must be from 0 to {classes - 1}")
    return ids


def _arrays(probabilities: Tensor, labels: Tensor) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities (N, C), labels and chosen classes (N,), checked, as arrays."""
    values = torch.as_tensor(probabilities).cpu().double().numpy()
    truth = require_labels(labels, values.shape[1]).numpy()
    wrong = values[~((values >= 0) & (values <= 1 + 1e-6))]  # NaN too; 1e-6 is for rounding
    if len(wrong):
        raise ValueError(f"{wrong[0]:g} is not a probability; give the softmax of a model's logits")
    return values, truth, values.argmax(1)
