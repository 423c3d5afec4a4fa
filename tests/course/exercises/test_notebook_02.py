"""Answers to the exercises of notebook 02: wrong ones that no `Mistake` covers, and right ones."""

import csv
import hashlib
import json
import random
import unicodedata
from pathlib import Path

import datasets
import pytest
import torch

from intro_lm import data
from intro_lm.models import MLP, KneserNey
from intro_lm.training import TrainingSettings, train
from tests.course.exercises.answers import is_correct, is_not_yet

SLOW = pytest.mark.slow


def row_by_row(rows, language):
    names = rows.features["label"].names
    return [row["text"] for row in rows if names[row["label"]] == language]


def a_column(rows, language):
    number = rows.features["label"].str2int(language)
    return rows.filter(lambda row: row["label"] == number)["text"]


def cut(items):
    first, second = int(0.8 * len(items)), int(0.9 * len(items))
    return {"train": items[:first], "validation": items[first:second], "test": items[second:]}


def with_its_texts(chosen, texts, documents):
    first = {}
    for text, document in zip(texts, documents, strict=True):
        first.setdefault(text, document)
    return {
        name: [text for text, document in first.items() if document in set(part)]
        for name, part in chosen.items()
    }


def by_numbers(texts, documents, seed):
    names = list(dict.fromkeys(documents))
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed)).tolist()
    return with_its_texts(cut([names[n] for n in order]), texts, documents)


def by_a_hash(texts, documents, seed):
    parts = {"train": {}, "validation": {}, "test": {}}
    seen = set()
    for text, document in zip(texts, documents, strict=True):
        digit = hashlib.sha256(f"{seed} {document}".encode()).digest()[0] % 10
        if text not in seen:
            seen.add(text)
            parts[{0: "validation", 1: "test"}.get(digit, "train")][text] = None
    return datasets.DatasetDict(
        {name: datasets.Dataset.from_dict({"text": list(part)}) for name, part in parts.items()}
    )


def shuffled(items, seed):
    items = list(items)
    random.Random(seed).shuffle(items)
    return items


def by_texts(texts, documents, seed):
    return cut(shuffled(dict.fromkeys(texts), seed))


def repeats_kept(texts, documents, seed):
    chosen = cut(shuffled(dict.fromkeys(documents), seed))
    return {
        name: [t for t, d in zip(texts, documents, strict=True) if d in part]
        for name, part in chosen.items()
    }


def repeats_dropped(texts, documents, seed):
    parts = by_numbers(texts, documents, seed)
    return {name: [t for t in part if texts.count(t) == 1] for name, part in parts.items()}


def half_for_tests(texts, documents, seed):
    order = shuffled(dict.fromkeys(documents), seed)
    n = len(order)
    parts = {"train": order[: n // 2], "validation": order[n // 2 : -1], "test": order[-1:]}
    return with_its_texts(parts, texts, documents)


def not_shuffled(texts, documents, seed):
    return with_its_texts(cut(list(dict.fromkeys(documents))), texts, documents)


def seed_forgotten(texts, documents, seed):
    order = list(dict.fromkeys(documents))
    random.shuffle(order)
    return with_its_texts(cut(order), texts, documents)


def order_of_a_set(texts, documents, seed):
    return with_its_texts(cut(shuffled(set(documents), seed)), texts, documents)


def shared_out(nats_per_token, tokens, texts):
    characters = len("".join(texts)) + len(texts)
    return torch.tensor(nats_per_token * tokens / characters) / torch.tensor(2.0).log()


def read(path, column):
    with Path(path).open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file) if path.endswith(".csv") else map(json.loads, file)
        return [row[column] for row in table]


def with_vocabulary(corpus, *parts):
    texts = [text for name in parts or corpus for text in corpus[name]["text"]]
    return corpus, data.Vocabulary.from_texts(texts)


def by_hand(path, column):
    texts = list(dict.fromkeys(" ".join(text.split()) for text in read(path, column)))
    return with_vocabulary(data.split([text for text in texts if text], seed=7))


def not_cleaned(path, column):
    return with_vocabulary(data.load_file(path, text=column))


def only_stripped(path, column):
    return with_vocabulary(data.split([text.strip() for text in read(path, column)]))


def cleaned_after_the_split(path, column):
    corpus = data.load_file(path, text=column)
    return with_vocabulary(corpus.map(lambda row: {"text": " ".join(row["text"].split())}))


def vocabulary_of_training(path, column):
    return with_vocabulary(by_hand(path, column)[0], "train")


def blank_kept(path, column):
    corpus, _ = by_hand(path, column)
    corpus["train"] = corpus["train"].add_item({"text": ""})
    return with_vocabulary(corpus)


def column_kept_its_name(path, column):
    corpus, vocabulary = by_hand(path, column)
    return corpus.rename_column("text", column), vocabulary


def another_split_each_time(path, column):
    texts = {" ".join(text.split()): None for text in read(path, column) if text.strip()}
    return with_vocabulary(data.split(list(texts), seed=random.randrange(1000)))


def trained(corpus, vocabulary, steps, context_length=6):
    windows = data.context_windows(vocabulary, corpus["train"]["text"], context_length)
    generator = torch.Generator().manual_seed(1)
    model = MLP(len(vocabulary), context_length, hidden_size=64, generator=generator)
    settings = TrainingSettings(steps=steps, device="cpu")
    train(model, data.WindowBatches(*windows, batch_size=512), settings, progress=False)
    return model


def paragraphs():
    blocks = "\n\n".join(data.texts("python-reference")).split("\n\n")
    return list(dict.fromkeys(" ".join(block.split()) for block in blocks if block.strip()))


def untrained(texts):
    corpus, vocabulary = with_vocabulary(data.split(texts))
    return corpus, vocabulary, MLP(len(vocabulary), 3)


def pieces_of_unicode():
    names = [unicodedata.name(chr(point), "") for point in range(0x900)]
    corpus = data.split([name for name in names if name])
    vocabulary = data.Subwords.from_texts(corpus["train"]["text"][:], 300)
    return corpus, vocabulary, trained(corpus, vocabulary, 250, 4)


def three_letters_of_given_names():
    corpus, vocabulary, _ = untrained(data.names("given"))
    return corpus, vocabulary, trained(corpus, vocabulary, 200, 3)


def by_heart():
    corpus, vocabulary, _ = untrained(data.names("given")[:4000])
    return corpus, vocabulary, trained(corpus, vocabulary, 900, 8)


def leaks_but_for_capitals():
    texts = data.names("given")[:3000]
    return untrained(texts + [text.title() for text in texts])


def overlapping_pieces():
    text = " ".join(paragraphs())[:50_000]
    return untrained([text[n : n + 200] for n in range(0, 49_000, 50)])


def counted_only():
    corpus, vocabulary, _ = untrained(data.names("given")[:5000])
    return corpus, vocabulary, KneserNey(len(vocabulary), 4)


def another_vocabulary():
    corpus, vocabulary, _ = untrained(data.names("given")[:5000])
    return corpus, vocabulary, MLP(5, 3)


WRONG = [
    ("02.language", a_column, "It returned a Column, and a list is expected"),
    ("02.split", by_texts, "Draw documents, not paragraphs"),
    ("02.split", repeats_kept, "A text that repeats is"),
    ("02.split", repeats_dropped, "texts are in no split"),
    ("02.split", half_for_tests, "train should hold about 80%"),
    ("02.split", not_shuffled, "Every seed gives the same split"),
    ("02.split", seed_forgotten, "The same seed gives two different splits"),
    ("02.split", order_of_a_set, "In another Python process"),
    (
        "02.split",
        lambda texts, documents, seed: [texts, [], []],
        "should be a dictionary of splits",
    ),
    ("02.file", not_cleaned, "begins or ends with white space"),
    ("02.file", only_stripped, "a run of white space should be one space"),
    ("02.file", cleaned_after_the_split, "A text that repeats is"),
    ("02.file", vocabulary_of_training, "The vocabulary can't encode a text of"),
    ("02.file", blank_kept, "A blank text isn't a text"),
    ("02.file", column_kept_its_name, "are in a column called text"),
    ("02.file", another_split_each_time, "Each call gives other splits"),
    ("02.file", lambda path, column: by_hand(path, column)[0], "It should return two things"),
    pytest.param("02.own", three_letters_of_given_names, "it can still learn", marks=SLOW),
    pytest.param("02.own", by_heart, "learned them by heart", marks=SLOW),
    ("02.own", leaks_but_for_capitals, "A text leaks"),
    ("02.own", overlapping_pieces, "cut so that they overlap"),
    ("02.own", counted_only, "a network is asked for"),
    ("02.own", lambda: untrained(data.names("given")[:300]), "That is too small"),
    ("02.own", another_vocabulary, "could not be measured with this vocabulary"),
]
RIGHT = [
    ("02.language", row_by_row),
    ("02.split", by_a_hash),
    ("02.bits", shared_out),
    ("02.file", by_hand),
    pytest.param("02.own", pieces_of_unicode, marks=SLOW),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    is_not_yet(name, answer, words)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)
