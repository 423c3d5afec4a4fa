"""Scores of classifiers, by hand and by scikit-learn's definitions."""

import math
import subprocess
import sys
from dataclasses import replace

import pytest
import torch

from intro_lm.data import LabelledBatches
from intro_lm.evaluation.classification import (
    calibration_error,
    confusion,
    predict,
    reliability,
    score,
)
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


def test_confusion_has_truth_in_rows_as_counts_and_rates():
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
    table = reliability(PROBABILITIES, LABELS, bins=5)
    assert [each.count for each in table] == [0, 0, 1, 2, 1]
    assert [table[3].low, table[3].high] == [0.6, 0.8]
    assert table[2].confidence == pytest.approx(0.55)
    assert table[3].confidence == pytest.approx(0.74)
    assert table[3].accuracy == 0.0
    assert math.isnan(table[0].accuracy)
    error = (abs(1 - 0.55) + 2 * abs(0 - 0.74) + abs(1 - 0.9)) / 4
    assert calibration_error(table) == pytest.approx(error)
    assert score(PROBABILITIES, LABELS).calibration_error == pytest.approx(
        calibration_error(reliability(PROBABILITIES, LABELS))
    )


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not():
    sure = torch.eye(3)
    assert calibration_error(reliability(sure, torch.tensor([0, 1, 2]))) == 0
    assert calibration_error(reliability(sure, torch.tensor([1, 2, 0]))) == 1


@pytest.mark.parametrize("shuffle", [True, False])
def test_predictions_stand_in_the_order_of_the_texts(vocabulary, some_names, shuffle):
    texts = some_names[:50]
    model = TextClassifier(len(vocabulary), classes=3, hidden_size=8, dropout=0.5)
    batches = LabelledBatches.from_texts(vocabulary, texts, [0] * 50, 16, shuffle=shuffle)
    found = predict(model, batches)
    assert model.training
    model.eval()
    for text, probabilities in zip(texts, found, strict=True):
        expected = model(vocabulary.encode(text).long()[None]).softmax(1)[0]
        torch.testing.assert_close(probabilities, expected)


class Counting(torch.nn.Module):
    """A classifier that counts the tokens it reads, padding among them."""

    def __init__(self):
        super().__init__()
        self.read = 0
        self.weight = torch.nn.Parameter(torch.zeros(2))

    def forward(self, inputs):
        self.read += inputs.numel()
        return torch.stack([(inputs > 0).sum(1), -(inputs > 0).sum(1)], 1) / 1000 + self.weight


def test_predicting_pads_little_however_the_texts_are_mixed(vocabulary):
    texts = ["an" * (1 + 50 * (number % 10 == 3)) for number in range(200)]
    batches = LabelledBatches.from_texts(vocabulary, texts, [0] * 200, 20, shuffle=False)
    model = Counting()
    found = predict(model, batches)
    assert model.read < 1.1 * sum(len(text) + 1 for text in texts)
    expected = torch.tensor([[len(text), -len(text)] for text in texts]) / 1000
    torch.testing.assert_close(found, expected.softmax(1))


def test_labels_are_checked_before_all_is_predicted(vocabulary):
    batches = LabelledBatches.from_texts(vocabulary, ["an", "na", "anna"], [0, 1, 2], 1)
    model = Counting()
    with pytest.raises(ValueError, match="label of text 2 is 2; with 2 classes"):
        predict(model, batches)
    assert model.read <= 5  # one batch, which tells how many classes there are
    assert model.training


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -0.5, 3.5])
def test_what_is_no_probability_is_refused_with_its_row(wrong):
    probabilities = PROBABILITIES.clone()
    probabilities[2, 1] = wrong
    for use in (score, confusion, reliability):
        with pytest.raises(ValueError, match=f"text 2 is {wrong} .* softmax"):
            use(probabilities, LABELS)


def test_what_does_not_fit_is_refused_with_both_numbers(vocabulary):
    with pytest.raises(ValueError, match=r"\(4, 3\) and labels \(3,\)"):
        score(PROBABILITIES, LABELS[:3])
    with pytest.raises(ValueError, match="label of text 3 is 3; with 3 classes"):
        score(PROBABILITIES, torch.tensor([0, 1, 2, 3]))
    with pytest.raises(ValueError, match="there are 0 texts"):
        score(PROBABILITIES[:0], LABELS[:0])
    with pytest.raises(ValueError, match="bins is 0"):
        reliability(PROBABILITIES, LABELS, bins=0)
    model = TextClassifier(len(vocabulary), classes=2, hidden_size=4)
    batches = LabelledBatches.from_texts(vocabulary, ["an", "na"], [1, 2])
    with pytest.raises(ValueError, match="label of text 1 is 2; with 2 classes"):
        predict(model, batches)
    predict(model, replace(batches, labels=torch.tensor([1, 0])))


def test_the_summary_names_each_class():
    shown = score(PROBABILITIES, LABELS).summary(["a", "bb", "ccc"])
    assert "accuracy 0.500" in shown
    assert "recall of a   0.500" in shown
    assert "recall of ccc 0.000" in shown


def test_the_package_is_imported_without_scikit_learn():
    code = (
        "import sys, intro_lm, intro_lm.data, intro_lm.models, intro_lm.training,"
        "intro_lm.evaluation; print('sklearn' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
