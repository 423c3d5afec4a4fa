"""Labelled texts: few of them, checked, cut into batches; and what may be pretrained on."""

from collections import Counter
from functools import partial

import pytest
from datasets import ClassLabel, Dataset, Features, Value

from intro_lm import data
from intro_lm.data import Subwords, Vocabulary

LETTERS = Vocabulary("abc")


def rows(texts, labels, classes=("x", "y")):
    features = Features({"text": Value("string"), "label": ClassLabel(names=list(classes))})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


MANY = rows([f"{number}" for number in range(40)], [number % 4 % 3 for number in range(40)], "xyz")


def test_few_labels_are_as_many_of_each_class_as_asked():
    drawn = data.few_labels(MANY, 7, seed=3)
    assert Counter(drawn["label"]) == {0: 7, 1: 7, 2: 7}
    assert len(set(drawn["text"])) == 21
    stood = {text: label for text, label in zip(MANY["text"], MANY["label"], strict=True)}
    assert all(stood[row["text"]] == row["label"] for row in drawn)


def test_a_smaller_draw_lies_within_a_larger_one():
    draws = [set(data.few_labels(MANY, number, seed=1)["text"]) for number in (1, 4, 10)]
    assert draws[0] < draws[1] < draws[2]


def test_the_seed_alone_decides_the_draw():
    first, again, other = (list(data.few_labels(MANY, 5, seed)["text"]) for seed in (1, 1, 2))
    assert first == again != other


def test_a_class_with_fewer_texts_than_asked_is_refused_with_both_numbers():
    with pytest.raises(ValueError, match=r"class 'y' has 10 texts and 11 .* at most 10"):
        data.few_labels(MANY, 11)
    for wrong in (0, 2.5):
        with pytest.raises(ValueError, match=f"per_class is {wrong}"):
            data.few_labels(MANY, wrong)


def test_a_class_without_any_text_is_not_met_by_fewer_labels():
    wrong = rows(["a", "b", "c"], [0, 2, 2], "xyz")
    with pytest.raises(ValueError, match="class 'y' has no text; give examples of it or leave the"):
        data.few_labels(wrong, 2)


def test_texts_of_a_single_class_are_not_trained_on_but_may_be_judged():
    wrong = rows(["a", "b"], [1, 1])
    for use in (data.class_names, lambda rows: data.few_labels(rows, 1)):
        with pytest.raises(ValueError, match=r"all 2 texts are of 1 class, 'y'; .* at least 2"):
            use(wrong)
    assert len(data.labelled_batches(LETTERS, wrong)) == 1


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (rows(["a", "b"], [0, 0], ["x"]), r"have 1 class\(es\), 'x'; .* at least 2"),
        (rows(["a", " "], [0, 1]), "text of row 1 is empty"),
        (rows(["", "b"], [0, 1]), "text of row 0 is empty"),
        (rows(["a", None], [0, 1]), "text of row 1 is empty"),
        (rows(["a", "b"], [0, -1]), "label of row 1 is -1; with 2 classes .* between 0 and 1"),
        (rows(["a", "b"], [None, 1]), "label of row 0 is None"),
        (Dataset.from_dict({"text": ["a"]}), "columns are text: there is no ClassLabel"),
        (Dataset.from_dict({"text": ["a"], "label": [1]}), "no ClassLabel"),
    ],
)
def test_what_cannot_be_classified_is_refused_with_its_row(wrong, message):
    for use in (
        lambda: data.few_labels(wrong, 1),
        lambda: data.labelled_batches(LETTERS, wrong),
    ):
        with pytest.raises(ValueError, match=message):
            use()


def test_a_text_longer_than_the_limit_is_truncated_counted_and_said(capsys):
    texts = rows(["abc", "abcab", "abca", "ab"], [0, 1, 0, 1])
    batches = data.labelled_batches(LETTERS, texts, shuffle=False, max_length=3)
    said = capsys.readouterr().out
    assert said == "2 of 4 texts are longer than 3 tokens; only their beginnings are read\n"
    assert batches.truncated == 2
    ((inputs, targets),) = batches.epoch(0)
    assert LETTERS.decode_texts(inputs) == ["abc", "abc", "abc", "ab"]
    assert targets.tolist() == [0, 1, 0, 1]
    data.labelled_batches(LETTERS, texts, max_length=4, name="test")
    assert capsys.readouterr().out.startswith("test: 1 of 4 texts are longer than 4 tokens")
    for limit in (5, None):
        assert data.labelled_batches(LETTERS, texts, max_length=limit).truncated == 0
    assert capsys.readouterr().out == ""


def test_no_name_that_is_validated_or_tested_on_is_pretrained_on():
    held_out = data.load("name-origins")
    pretraining = data.load("unlabelled-names")
    seen = [text for part in pretraining.values() for text in part["text"]]
    for part in ("validation", "test"):
        assert not set(seen) & set(held_out[part]["text"])
    assert set(held_out["train"]["text"]) <= set(seen)
    every_name = {*data.names("given"), *data.names("family")}
    held = {*held_out["validation"]["text"], *held_out["test"]["text"]}
    assert set(seen) == every_name - held
    assert len(seen) == len(set(seen)) == 34_217


def test_texts_without_those_held_out_keep_their_order_and_are_distinct():
    corpus = data.split([f"text {number}" for number in range(20)])
    held = corpus["test"]["text"][0]
    texts = ["new", corpus["train"]["text"][0], held, "new"]
    assert data.without_held_out(texts, corpus) == texts[:2]


@pytest.mark.parametrize("shuffle", [True, False])
def test_reversed_batches_are_those_of_reversed_texts(some_names, shuffle):
    texts = ["", *some_names, ""]
    vocabulary = Vocabulary.from_texts(texts)
    make = partial(data.PaddedBatches.from_texts, vocabulary, batch_size=50, shuffle=shuffle)
    turned, by_hand = make(texts).reversed(), make([text[::-1] for text in texts])
    assert turned.fingerprint() == by_hand.fingerprint() != make(texts).fingerprint()
    for ours, theirs in zip(turned.epoch(1), by_hand.epoch(1), strict=True):
        assert ours[0].equal(theirs[0])
        assert ours[1].equal(theirs[1])


def test_reversing_turns_whole_subwords_and_leaves_the_texts_order(some_names):
    vocabulary = Subwords.from_texts(some_names, 300)
    batches = data.PaddedBatches.from_texts(vocabulary, some_names, 50, shuffle=False)
    pairs = zip(batches.epoch(0), batches.reversed().epoch(0), strict=True)
    for (_, forwards), (inputs, backwards) in pairs:
        for row, forward, backward in zip(inputs, forwards, backwards, strict=True):
            tokens = forward[forward > 0].tolist()
            assert backward[backward != data.IGNORED].tolist() == [*tokens[::-1], 0]
            assert row.tolist()[: len(tokens) + 1] == [0, *tokens[::-1]]
