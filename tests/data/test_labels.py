"""Labelled texts: checked, a few of them, cut into batches; and what may be pretrained on."""

from collections import Counter

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from intro_lm import data
from intro_lm.data import Vocabulary

LETTERS = Vocabulary("abc")


def rows(texts, labels, classes=("x", "y")):
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


MANY = rows([f"{number}" for number in range(40)], [number % 4 % 3 for number in range(40)], "xyz")


def test_few_labels_are_as_many_of_each_class_as_asked():
    drawn = data.few_labels(MANY, 7, seed=3)
    assert Counter(drawn["label"]) == {0: 7, 1: 7, 2: 7}
    assert len(set(drawn["text"])) == 21
    label_of = dict(zip(MANY["text"], MANY["label"], strict=True))
    assert all(label_of[row["text"]] == row["label"] for row in drawn)


def test_the_seed_decides_the_draw_and_a_larger_one_holds_the_smaller():
    draws = [set(data.few_labels(MANY, number, seed=1)["text"]) for number in (1, 4, 10)]
    assert draws[0] < draws[1] < draws[2]
    assert draws[1] == set(data.few_labels(MANY, 4, seed=1)["text"])
    assert draws[1] != set(data.few_labels(MANY, 4, seed=2)["text"])


def test_a_class_with_fewer_texts_than_asked_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"class 'y' has 10 texts and 11 are asked for"):
        data.few_labels(MANY, 11)
    with pytest.raises(ValueError, match="class 'y' has 0 texts"):
        data.few_labels(rows(["a", "b", "c"], [0, 2, 2], "xyz"), 1)
    with pytest.raises(ValueError, match="per_class is 0"):
        data.few_labels(MANY, 0)


def test_texts_of_a_single_class_are_not_trained_on_but_may_be_judged():
    single = rows(["a", "b"], [1, 1])
    for use in (data.class_names, lambda rows: data.few_labels(rows, 1)):
        with pytest.raises(ValueError, match="all 2 texts are of one class"):
            use(single)
    assert len(data.labelled_batches(LETTERS, single)) == 1


def test_rows_without_labels_are_refused():
    for wrong in ({"text": ["a"]}, {"text": ["a"], "label": [1]}):
        with pytest.raises(ValueError, match=r"columns are text.*: there is no ClassLabel"):
            data.class_names(Dataset.from_dict(wrong))
    with pytest.raises(ValueError, match="class ids are whole numbers from 0"):
        data.labelled_batches(LETTERS, rows(["a", "b"], [0, -1]))


def test_texts_longer_than_the_limit_are_cut_and_counted(capsys):
    texts = rows(["abc", "abcab", "abca", "ab"], [0, 1, 0, 1])
    batches = data.labelled_batches(LETTERS, texts, shuffle=False, max_length=3, name="test")
    assert capsys.readouterr().out.startswith("test: 2 of 4 texts are longer than 3 tokens")
    assert batches.truncated == 2
    ((inputs, targets),) = batches.epoch(0)
    assert LETTERS.decode_texts(inputs) == ["abc", "abc", "abc", "ab"]
    assert targets.tolist() == [0, 1, 0, 1]
    for limit in (5, None):
        assert data.labelled_batches(LETTERS, texts, max_length=limit).truncated == 0
    assert capsys.readouterr().out == ""


def test_no_name_that_is_validated_or_tested_on_is_pretrained_on():
    corpus = data.load("name-origins")
    held_out = {*corpus["validation"]["text"], *corpus["test"]["text"]}
    texts = data.unlabelled_names()
    every_name = {*data.names("given"), *data.names("family")}
    assert set(texts) == every_name - held_out
    assert len(texts) == len(set(texts)) == 34_217


def test_texts_without_those_held_out_keep_their_order_and_are_distinct():
    corpus = data.split([f"text {number}" for number in range(20)])
    texts = ["new", corpus["train"]["text"][0], corpus["test"]["text"][0], "new"]
    assert data.without_held_out(texts, corpus) == texts[:2]
