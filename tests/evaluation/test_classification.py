"""Scores of classifiers, by hand."""

import math

import pytest
import torch

from intro_lm.data import PaddedBatches
from intro_lm.evaluation.classification import confusion, predict, reliability, score
from intro_lm.models import TextClassifier

# Two of class 0 of which one is found, one of class 1 and found, one of class 2 and missed.
PROBABILITIES = torch.tensor(
    [[0.9, 0.1, 0.0], [0.2, 0.7, 0.1], [0.35, 0.55, 0.1], [0.78, 0.12, 0.1]]
)
LABELS = torch.tensor([0, 0, 1, 2])


def test_scores_are_those_counted_by_hand():
    scores = score(PROBABILITIES, LABELS)
    assert scores.accuracy == 0.5
    assert scores.recall == (0.5, 1.0, 0.0)
    assert scores.macro_recall == pytest.approx(1.5 / 3)
    # Precisions are 1/2, 1/2 and none; F1 is 1/2, 2/3 and 0.
    assert scores.macro_f1 == pytest.approx((1 / 2 + 2 / 3) / 3)
    assert "recall of ccc 0.000" in scores.summary(["a", "bb", "ccc"])


def test_confusion_has_the_true_class_in_rows_as_counts_and_rates():
    assert confusion(PROBABILITIES, LABELS).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    rates = confusion(PROBABILITIES, LABELS, rates=True)
    assert rates.tolist() == [[0.5, 0.5, 0], [0, 1, 0], [1, 0, 0]]


def test_a_class_without_texts_is_left_out_of_the_means():
    kept = LABELS != 1
    scores = score(PROBABILITIES[kept], LABELS[kept])
    assert math.isnan(scores.recall[1])
    assert scores.macro_recall == pytest.approx(0.25)
    assert scores.macro_f1 == pytest.approx(0.25)
    assert confusion(PROBABILITIES[kept], LABELS[kept], rates=True)[1].isnan().all()


def test_calibration_compares_confidence_and_accuracy_bin_by_bin():
    table = reliability(PROBABILITIES, LABELS, bins=5)  # confidences 0.55; 0.7 and 0.78; 0.9
    assert [each.count for each in table] == [1, 2, 1]
    assert [each.confidence for each in table] == pytest.approx([0.55, 0.74, 0.9])
    assert [each.accuracy for each in table] == [1, 0, 1]
    # The error is the mean gap. Ten bins: 0.55 right, 0.7 and 0.78 wrong, 0.9 right.
    error = ((1 - 0.55) + 0.7 + 0.78 + (1 - 0.9)) / 4
    assert score(PROBABILITIES, LABELS).calibration_error == pytest.approx(error)
    sure = torch.eye(3) * (1 + 1e-7)  # as rounding may leave it
    assert score(sure, torch.tensor([0, 1, 2])).calibration_error == pytest.approx(0, abs=1e-6)
    assert score(sure, torch.tensor([1, 2, 0])).calibration_error == pytest.approx(1)


@pytest.mark.parametrize("shuffle", [True, False])
def test_predictions_are_in_the_order_of_the_texts(vocabulary, some_names, shuffle):
    texts = some_names[:50]
    model = TextClassifier(len(vocabulary), classes=3, hidden_size=8, dropout=0.5)
    batches = PaddedBatches.from_texts(vocabulary, texts, 16, labels=[0] * 50, shuffle=shuffle)
    found = predict(model, batches)
    assert model.training
    model.eval()
    for text, probabilities in zip(texts, found, strict=True):
        expected = model(vocabulary.encode(text).long()[None]).softmax(1)[0]
        torch.testing.assert_close(probabilities, expected)


def test_predicting_pads_little_however_the_texts_are_mixed(vocabulary):
    texts = ["an" * (1 + 50 * (number % 10 == 3)) for number in range(200)]
    batches = PaddedBatches.from_texts(vocabulary, texts, 20, labels=[0] * 200, shuffle=False)
    model, read = TextClassifier(len(vocabulary), classes=2, hidden_size=4), []
    model.register_forward_pre_hook(lambda _, inputs: read.append(inputs[0].numel()))
    predict(model, batches)
    assert sum(read) < 1.1 * sum(len(text) + 1 for text in texts)


@pytest.mark.parametrize("wrong", [float("nan"), -0.5, 3.5])
def test_a_value_that_is_not_a_probability_is_refused(wrong):
    probabilities = PROBABILITIES.clone()
    probabilities[2, 1] = wrong
    with pytest.raises(ValueError, match=f"{wrong} is not a probability; give the softmax"):
        score(probabilities, LABELS)


def test_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        score(PROBABILITIES, LABELS[:3])
    with pytest.raises(ValueError, match="label 3 is 3; it must be from 0 to 2"):
        score(PROBABILITIES, torch.tensor([0, 1, 2, 3]))
