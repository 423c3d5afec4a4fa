import pyarrow
import pytest
from datasets import ClassLabel, Dataset, Features, Value

from intro_lm import data
from intro_lm.data.splits import arrange


def test_split_is_the_same_every_time_and_leaves_its_argument_alone():
    texts = [f"text {number}" for number in range(100)]
    first, second = data.split(texts), data.split(texts)
    assert first["train"]["text"] == second["train"]["text"]
    assert texts == [f"text {number}" for number in range(100)]
    assert [len(first[name]) for name in ("train", "validation", "test")] == [80, 10, 10]
    assert first["train"]["text"] != texts[:80]


def test_a_repeated_text_stands_in_one_split_unless_repeats_are_kept():
    texts = ["anna", "bob"] * 50 + [f"text {number}" for number in range(20)]
    corpus = data.split(texts)
    assert sum(len(part) for part in corpus.values()) == 22
    kept = data.split(texts, keep_repeats=True)
    assert sum(len(part) for part in kept.values()) == 120


@pytest.mark.parametrize(
    ("texts", "message"), [([], "has 0 texts"), (["a", "b"], "has 2 texts, too few")]
)
def test_a_corpus_too_small_to_split_is_refused(texts, message):
    with pytest.raises(ValueError, match=message):
        data.split(texts)


def test_a_running_text_is_cut_in_order_nine_to_one():
    text = "".join(chr(65 + number % 26) for number in range(105))
    corpus = data.split_in_order(text)
    assert {name: part["text"] for name, part in corpus.items()} == {
        "train": [text[:94]],
        "validation": [text[94:]],
    }


def rows(texts, labels=None) -> Dataset:
    if labels is None:
        return Dataset.from_dict({"text": texts})
    features = Features({"text": Value("string"), "label": ClassLabel(names=["no", "yes"])})
    return Dataset.from_dict({"text": texts, "label": labels}, features=features)


def numbered(start: int, stop: int) -> list[str]:
    return [f"text {number}" for number in range(start, stop)]


def test_labels_become_sorted_classes_and_stay_with_their_texts():
    texts = numbered(0, 100)
    corpus = data.split(texts, labels=[("odd", "even")[n % 2 == 0] for n in range(100)])
    assert corpus["train"].features["label"].names == ["even", "odd"]
    assert all(int(row["text"][5:]) % 2 == row["label"] for part in corpus.values() for row in part)
    assert data.split(texts)["test"]["text"] == corpus["test"]["text"]
    numbers = data.split(texts, labels=[10 - n % 3 for n in range(100)])
    assert numbers["train"].features["label"].names == ["8", "9", "10"]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["a", "b"] * 19 + ["a", None], "the label of 'text 39' in .* is None"),
        (["a", "b"] * 19 + ["a", 1], "labels must be all strings or all whole"),
        ([0.5, 1.5] * 20, "labels must be all strings or all whole"),
        ([str(n) for n in range(40)], "in validation is '.*', and those to learn are"),
    ],
)
def test_labels_that_cannot_be_learned_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        data.split(numbered(0, 40), labels=labels)


def test_a_text_with_two_labels_is_left_out_and_nothing_is_said_without_labels(capsys):
    texts, labels = numbered(0, 40), ["odd", "even"] * 20
    data.split([*texts, *texts[:5]])
    assert capsys.readouterr().out == ""
    corpus = data.split([*texts, texts[1]], labels=[*labels, "odd"])
    assert sum(map(len, corpus.values())) == 39
    assert capsys.readouterr().out.startswith("2 of 41 rows are left out")


def stored(labels) -> Dataset:
    """Rows as a Parquet file may hold them, whose labels nothing has checked."""
    features = rows([], []).features
    table = pyarrow.table({"text": numbered(0, len(labels)), "label": labels})
    return Dataset(table.replace_schema_metadata(features.arrow_schema.metadata))


@pytest.mark.parametrize("wrong", [7, -3])
def test_a_label_of_the_source_out_of_range_is_refused(wrong):
    parts = {"train": stored([0, 1] * 20), "test": stored([0, wrong])}
    with pytest.raises(ValueError, match=f"label of 'text 1' in test is {wrong}, and those to"):
        arrange(parts)


def test_a_single_split_of_any_name_is_cut_in_three():
    corpus = arrange({"everything": rows(numbered(0, 100) + numbered(0, 10))})
    assert {name: len(part) for name, part in corpus.items()} == {
        "train": 80,
        "validation": 10,
        "test": 10,
    }
    assert len({text for part in corpus.values() for text in part["text"]}) == 100


def test_a_test_split_is_kept_and_what_it_holds_leaves_the_others():
    corpus = arrange(
        {
            "train": rows([*numbered(0, 100), *numbered(0, 5), "", "  "]),
            "test": rows(["text 7", "text 7", *numbered(200, 208)]),
            "unsupervised": rows([*numbered(0, 10), *numbered(300, 310)]),
        }
    )
    assert corpus["test"]["text"] == ["text 7", "text 7", *numbered(200, 208)]
    assert len(corpus["validation"]) == 10
    assert len(corpus["train"]) == 89
    assert corpus["unsupervised"]["text"] == numbered(300, 310)
    sets = [set(part["text"]) for part in corpus.values()]
    assert sum(map(len, sets)) == len(set.union(*sets))
    again = arrange({"train": rows(numbered(0, 100)), "test": rows(["text 7"])})
    assert again["validation"]["text"] == corpus["validation"]["text"]


def test_a_lacking_test_split_is_taken_from_train():
    corpus = arrange({"train": rows(numbered(0, 50)), "validation": rows(numbered(40, 60))})
    assert corpus["validation"]["text"] == numbered(40, 60)
    assert len(corpus["test"]) == 4
    assert len(corpus["train"]) == 36


def test_splits_without_a_training_split_are_refused():
    with pytest.raises(ValueError, match="the splits are a, b"):
        arrange({"a": rows(numbered(0, 20)), "b": rows(numbered(0, 20))})


def test_splits_with_different_lists_of_classes_are_refused():
    other = rows(numbered(0, 40), [0, 1] * 20).cast_column("label", ClassLabel(names=["yes", "no"]))
    with pytest.raises(ValueError, match="the splits differ in their classes"):
        arrange({"train": other, "test": rows(numbered(50, 60), [0, 1] * 5)})


def test_classes_of_the_source_that_training_lacks_are_refused():
    train, test = numbered(0, 40), numbered(50, 60)
    with pytest.raises(ValueError, match="in test is 'yes', and those to learn are"):
        arrange({"train": rows(train, [0] * 40), "test": rows(test, [1] * 10)})
    with pytest.raises(ValueError, match="in test is -1, and those to learn are"):
        arrange({"train": rows(train, [0, 1] * 20), "test": rows(test, [-1] * 10)})
