"""What a classifier must beat: the commonest class, and a linear model of character n-grams."""

from collections.abc import Sequence

import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from intro_lm.evaluation.classification import require_labels


def majority(labels: Sequence[int], texts: Sequence[str], classes: int) -> Tensor:
    """The same probabilities for each of N texts, (N, C): fractions of the training labels."""
    counts = torch.bincount(require_labels(labels, classes), minlength=classes)  # (C,)
    return (counts / counts.sum()).expand(len(texts), classes)


def tfidf_logistic_regression(
    training_texts: Sequence[str],
    labels: Sequence[int],
    texts: Sequence[str],
    classes: int,
    longest: int = 3,
) -> Tensor:
    """Logistic regression on n-grams of up to `longest` characters, weighted by TF-IDF.

    An n-gram counts more if fewer training texts have it (Spärck Jones 1972). N-grams at the edges
    of a word differ from those inside. Returns the probabilities (N, C) of N `texts`; a class
    without a training text gets 0.
    """
    ids = require_labels(labels, classes)
    vectorizer = TfidfVectorizer(
        analyzer="char_wb", ngram_range=(1, longest), sublinear_tf=True, lowercase=False
    )
    model = LogisticRegression(C=3.0, max_iter=1000)
    model.fit(vectorizer.fit_transform(training_texts), ids.numpy())
    probabilities = torch.zeros(len(texts), classes, dtype=torch.double)
    found = model.predict_proba(vectorizer.transform(texts))  # (N, classes in `labels`)
    probabilities[:, torch.from_numpy(model.classes_)] = torch.from_numpy(found)
    return probabilities
