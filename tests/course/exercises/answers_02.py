"""Answers to the exercises of notebook 02: wrong ones that no `Mistake` covers, and right ones."""

import csv
import hashlib
import json
from pathlib import Path

import datasets
import pytest
import torch

from intro_lm import data
from intro_lm.models import MLP, KneserNey
from tests.course.exercises.answers import changed


def row_by_row(rows, language):
    names = rows.features["label"].names
    return [row["text"] for row in rows if names[row["label"]] == language]


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


def repeats_kept(texts, documents, seed):
    parts = changed("02.split")(documents, documents, seed)  # of documents
    return {
        name: [t for t, d in zip(texts, documents, strict=True) if d in part]
        for name, part in parts.items()
    }


def shared_out(nats_per_token, tokens, texts):
    characters = len("".join(texts)) + len(texts)
    return torch.tensor(nats_per_token * tokens / characters) / torch.tensor(2.0).log()


def with_vocabulary(corpus, *parts):
    texts = [text for name in parts or corpus for text in corpus[name]["text"]]
    return corpus, data.Vocabulary.from_texts(texts)


def by_hand(path, column):
    with Path(path).open(encoding="utf-8", newline="") as file:
        table = csv.DictReader(file) if path.endswith(".csv") else map(json.loads, file)
        texts = list(dict.fromkeys(" ".join(row[column].split()) for row in table))
    return with_vocabulary(data.split([text for text in texts if text], seed=7))


def cleaned_after_the_split(path, column):
    corpus = data.load_file(path, text=column)
    return with_vocabulary(corpus.map(lambda row: {"text": " ".join(row["text"].split())}))


def blank_kept(path, column):
    corpus, _ = by_hand(path, column)
    corpus["train"] = corpus["train"].add_item({"text": ""})
    return with_vocabulary(corpus)


def column_kept_its_name(path, column):
    corpus, vocabulary = by_hand(path, column)
    return corpus.rename_column("text", column), vocabulary


def untrained(texts):
    corpus, vocabulary = with_vocabulary(data.split(texts))
    return corpus, vocabulary, MLP(len(vocabulary), 3)


def leaks_but_for_capitals():
    texts = data.names("given")[:3000]
    return untrained(texts + [text.title() for text in texts])


def overlapping_pieces():
    text = " ".join(data.texts("torch-docs"))[:50_000]
    return untrained([text[n : n + 200] for n in range(0, 49_000, 50)])


def with_model(make):
    """What returns another model than a trained one."""

    def answer():
        corpus, vocabulary, _ = untrained(data.names("given")[:5000])
        return corpus, vocabulary, make(len(vocabulary))

    return answer


SLOW = pytest.mark.slow
ORDER = "[names[n] for n in torch.randperm(len(names), generator=generator).tolist()]"
CLEANED = '" ".join(text.split())'
WRONG = [
    (
        "02.language",
        (".str2int(language)", ".str2int(language) - 1"),
        "\nElement [0] is 'smith' instead of 'weber'",
    ),
    ("02.language", ("[:]", ""), "It returned a Column, but a list is"),
    (
        "02.split",
        lambda texts, documents, seed: changed("02.split")(texts, texts, seed),
        "Draw documents, not paragraphs",
    ),
    ("02.split", repeats_kept, "A repeated text is"),
    ("02.split", ("home.items()", "list(home.items())[1:]"), "texts are in no split"),
    ("02.split", ("int(0.8 *", "int(0.5 *"), "train should hold about 80%"),
    ("02.split", (ORDER, "names"), "Every seed gives the same split"),
    (
        "02.split",
        ("torch.Generator().manual_seed(seed)", "None"),
        "two different splits",
    ),
    ("02.split", ("sorted(set(home.values()))", "list(set(documents))"), "another Python"),
    ("02.split", lambda texts, documents, seed: [texts, [], []], "a dictionary of splits"),
    ("02.file", (CLEANED, "text"), "begins or ends with white space"),
    ("02.file", (CLEANED, "text.strip()"), "a run of white space should be one space"),
    ("02.file", cleaned_after_the_split, "A repeated text is"),
    ("02.file", ("corpus.values()", '[corpus["train"]]'), "The vocabulary can't encode"),
    ("02.file", ("from_texts(texts)", "from_texts(raw)"), "characters that no text of the"),
    ("02.file", blank_kept, "A blank text isn't a text"),
    ("02.file", column_kept_its_name, "belong in a column called text"),
    ("02.file", ("for text in raw]", "for text in raw], seed=None"), "Each call gives different"),
    ("02.file", (", data.Vocabulary.from_texts(texts)", ""), "It should return two things"),
    pytest.param("02.own", ("steps=300", "steps=30"), "it can still learn", marks=SLOW),
    pytest.param(
        "02.own",
        (
            "[name for name in names if name]",
            'data.names("given")[:4000]',
            *("steps=300", "steps=900"),
        ),
        "learned them by heart",
        marks=SLOW,
    ),
    ("02.own", leaks_but_for_capitals, "A text leaks"),
    ("02.own", overlapping_pieces, "do the pieces overlap"),
    ("02.own", with_model(lambda size: KneserNey(size, 4)), "return a network"),
    ("02.own", lambda: untrained(data.names("given")[:300]), "That is too small"),
    ("02.own", with_model(lambda size: MLP(5, 3)), "could not be measured with this vocabulary"),
]
RIGHT = [
    ("02.language", row_by_row),
    ("02.split", by_a_hash),
    ("02.bits", shared_out),
    ("02.file", by_hand),
    pytest.param(
        "02.own",
        ("data.Vocabulary.from_texts(texts)", "data.Subwords.from_texts(texts, 300)"),
        marks=SLOW,
    ),
]
