"""What a classifier must beat: the commonest class, and counted characters under a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

LONGEST = 3  # characters of an n-gram
INVERSE_REGULARISATION = 3.0


def majority(labels: Sequence[int], texts: Sequence[str], classes: int) -> Tensor:
    """Each class's share of the training labels, for every text alike.

    Args:
        labels: of the training texts.
        texts: to be classified.
        classes: number of classes C.

    Returns:
        (N, C) probabilities.

    Raises:
        ValueError: there are no labels, or one is out of range.
    """
    ids = _require_labels(labels, classes)
    counts = torch.bincount(torch.from_numpy(ids), minlength=classes)
    return (counts / len(ids)).expand(len(texts), classes)


def tfidf_logistic_regression(
    training_texts: Sequence[str],
    labels: Sequence[int],
    texts: Sequence[str],
    classes: int,
    longest: int = LONGEST,
    inverse_regularisation: float = INVERSE_REGULARISATION,
) -> Tensor:
    """Logistic regression on which n-grams of characters a text holds, weighted by TF-IDF.

    An n-gram counts the more the fewer training texts hold it (Spärck Jones 1972); those at the
    edges of a word are told apart from those within.

    Args:
        training_texts: to learn from.
        labels: their class ids.
        texts: to be classified.
        classes: number of classes C; one without a training text has probability 0.
        longest: characters of an n-gram, from 1 to so many.
        inverse_regularisation: scikit-learn's `C`.

    Returns:
        (N, C) probabilities.

    Raises:
        ValueError: texts and labels don't match, a label is out of range, or there is one class
            only.
    """
    ids = _require_labels(labels, classes)
    if len(training_texts) != len(ids):
        raise ValueError(
            f"{len(training_texts)} training texts and {len(ids)} labels: each text needs one"
        )
    known = np.unique(ids)
    if len(known) < 2:
        raise ValueError(
            f"all {len(ids)} training texts are of class {known[0]}; to tell texts apart takes at "
            "least 2 classes"
        )
    counter = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, longest), sublinear_tf=True, lowercase=False
    )
    model = LogisticRegression(C=inverse_regularisation, max_iter=1000)
    model.fit(counter.fit_transform(training_texts), ids)
    probabilities = torch.zeros(len(texts), classes, dtype=torch.double)
    found = model.predict_proba(counter.transform(texts))
    probabilities[:, torch.from_numpy(known)] = torch.from_numpy(found)
    return probabilities


def _require_labels(labels: Sequence[int], classes: int) -> np.ndarray:
    ids = np.array(list(labels), dtype=np.int64)
    if len(ids) == 0:
        raise ValueError("there are 0 training labels; give at least one")
    outside = np.flatnonzero((ids < 0) | (ids >= classes))
    if len(outside):
        raise ValueError(
            f"the label of text {outside[0]} is {ids[outside[0]]}; with {classes} classes it must "
            f"lie between 0 and {classes - 1}"
        )
    return ids
