"""The baselines: the commonest class, and TF-IDF with logistic regression."""

import pytest

from intro_lm.evaluation.baselines import majority, tfidf_logistic_regression


def test_majority_gives_every_text_the_fractions_of_the_training_labels():
    found = majority([0, 2, 2, 2], ["a", "b"], classes=3)
    assert found.tolist() == [[0.25, 0.0, 0.75], [0.25, 0.0, 0.75]]


def test_a_class_that_was_never_shown_has_probability_zero():
    found = tfidf_logistic_regression(["aa", "ab", "cc"], [0, 0, 3], ["aa", "cc"], classes=4)
    assert found[:, 1:3].eq(0).all()
    assert found.argmax(1).tolist() == [0, 3]


def test_capitals_are_characters_of_their_own():
    found = tfidf_logistic_regression(["AB", "ab", "AA", "ba"], [0, 1, 0, 1], ["BA", "bb"], 2)
    assert found.argmax(1).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("labels", "message"), [([], "there are 0 labels"), ([0, 2], "label 1 is 2")]
)
def test_labels_out_of_range_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        majority(labels, ["a"], classes=2)
    with pytest.raises(ValueError, match=message):
        tfidf_logistic_regression(["a"] * len(labels), labels, ["a"], classes=2)
