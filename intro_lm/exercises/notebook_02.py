"""The exercises of notebook 02, the dataset swap."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch._dynamo  # the first optimizer imports it, which takes seconds that a check lacks

from intro_lm import data
from intro_lm.exercises import corpora_02 as corpora
from intro_lm.exercises import mistakes_02 as wrong
from intro_lm.exercises import splits_02 as splits
from intro_lm.exercises.checking import Exercise
from intro_lm.exercises.comparing import Answer, NotYet, compare
from intro_lm.exercises.values import show
from intro_lm.models import MLP
from intro_lm.training import Settings, train

if TYPE_CHECKING:
    import datasets


def names_of(rows: datasets.Dataset, language: str) -> list[str]:
    """The names of one language, in the table's order.

    Args:
        rows: columns `text` and `label`, as in `corpus["train"]`.
        language: one of the label's names, such as "German".
    """
    number = rows.features["label"].str2int(language)
    return rows.filter(lambda row: row["label"] == number)["text"][:]


def _names(answer: Answer, texts: list[str], labels: list[int], language: str) -> None:
    from datasets import ClassLabel, Dataset, Features, Value

    known = ClassLabel(names=["english", "german", "italian"])
    features = Features({"text": Value("string"), "label": known})
    rows = Dataset.from_dict({"text": texts, "label": labels}, features=features)
    try:
        compare(answer, names_of, (rows, language), wrong.LANGUAGE)
    except NotYet as found:
        table = {"text": show(texts), "label": show(labels), "label names": show(known.names)}
        raise NotYet(found.message, found.case | table) from None


def three_rows(answer: Answer) -> None:
    """the names of one language in a table of three rows"""
    _names(answer, ["rossi", "schmidt", "bianchi"], [2, 1, 2], "italian")


def other_languages(answer: Answer) -> None:
    """other languages, one of them without a name, and a name that repeats"""
    for language in ("english", "italian", "german"):
        _names(answer, ["weber", "smith", "braun", "smith"], [1, 0, 1, 0], language)


def split_by_document(texts: list[str], documents: list[str], seed: int) -> dict[str, list[str]]:
    """Split texts about 80/10/10, so that no text and no document stands in two splits.

    Args:
        texts: n texts. One may occur several times, also in different documents.
        documents: n names: the document that each text comes from.
        seed: which split; the same arguments always give the same.

    Returns:
        {"train": …, "validation": …, "test": …}, lists of texts. Each different text stands there
        once; one that occurs in several documents goes with any of them.
    """
    home: dict[str, str] = {}
    for text, document in zip(texts, documents, strict=True):
        home.setdefault(text, document)  # a text that repeats stays with the first
    names = sorted(set(home.values()))  # sorted: a set's order differs from process to process
    generator = torch.Generator().manual_seed(seed)
    order = [names[n] for n in torch.randperm(len(names), generator=generator).tolist()]
    first, second = int(0.8 * len(order)), int(0.9 * len(order))
    split_of = {}
    for number, document in enumerate(order):
        name = "train" if number < first else "validation" if number < second else "test"
        split_of[document] = name
    parts: dict[str, list[str]] = {"train": [], "validation": [], "test": []}
    for text, document in home.items():
        parts[split_of[document]].append(text)
    return parts


def bits_per_character(nats_per_token: float, tokens: int, texts: list[str]) -> float:
    """Turn a loss into one that compares across vocabularies.

    Args:
        nats_per_token: the mean loss of all predicted tokens.
        tokens: how many these are, the end of each text among them.
        texts: the texts that they make up.

    Returns:
        Bits per character, where the end of each text counts as one character.
    """
    characters = sum(len(text) + 1 for text in texts)
    return nats_per_token / math.log(2) * tokens / characters


def bits_of_one_text(answer: Answer) -> None:
    """one text of seven characters in three pieces and its end"""
    compare(answer, bits_per_character, (3.0, 4, ["lowest,"]), wrong.BITS)


def bits_of_texts(answer: Answer) -> None:
    """several texts of different lengths, an empty one among them"""
    for tokens, texts in ((6, ["a", "newest", ""]), (40, ["über " * 20, "x"])):
        compare(answer, bits_per_character, (2.5, tokens, texts), wrong.BITS)


def load_own(path: str, column: str) -> tuple[datasets.DatasetDict, data.Vocabulary]:
    """Load a corpus of one's own, ready to train on.

    Args:
        path: a `.csv` or `.jsonl` file.
        column: the column in which its texts stand.

    Returns:
        The corpus, with the splits `train`, `validation` and `test` and a column `text`, and the
        vocabulary of its characters. In each text every run of white space is one space, and none
        stands at its ends. Blank texts are left out, and no text stands there twice.
    """
    loaded = data.load_file(path, text=column)
    raw = [text for part in loaded.values() for text in part["text"]]
    corpus = data.split([" ".join(text.split()) for text in raw])
    texts = [text for part in corpus.values() for text in part["text"]]
    return corpus, data.Vocabulary.from_texts(texts)


def swap_in() -> tuple[datasets.DatasetDict, data.AnyVocabulary, torch.nn.Module]:
    """A dataset of one's own, and a network trained on it.

    Returns:
        The corpus, with the splits `train`, `validation` and `test` and a column `text`: 200 texts
        or more, 20,000 to 300,000 characters. The vocabulary. And the trained network, from ids
        (B, T) to the logits (B, V) of the next token.
    """
    import unicodedata

    names = [unicodedata.name(chr(point), "").lower() for point in range(0x1000)]
    corpus = data.split([name for name in names if name])
    texts = [text for part in corpus.values() for text in part["text"]]
    vocabulary = data.Vocabulary.from_texts(texts)
    windows = data.context_windows(vocabulary, corpus["train"]["text"], 8)
    batches = data.Batches(*windows, batch_size=512, seed=0)
    generator = torch.Generator().manual_seed(0)
    model = MLP(len(vocabulary), 8, hidden_size=100, generator=generator)
    train(model, batches, Settings(steps=300, device="cpu"), progress=False)
    return corpus, vocabulary, model


EXERCISES = (
    Exercise(
        name="02.language",
        title="The names of one language",
        minutes=5,
        solved_by=names_of,
        why=(
            "A `ClassLabel` is stored as a number; its feature has the names, and `str2int` and "
            "`int2str` go from one to the other. The number of a language is its place in "
            "`names`, whatever occurs in this split. `[:]` makes a list of the column."
        ),
        hints=(
            'What does `rows[0]["label"]` hold, and what does `rows.features["label"]` know?',
            '`rows.features["label"].str2int(language)` is the number to look for.',
            "`rows.filter(lambda row: …)` keeps rows; a column of the result, with `[:]`, is the "
            "list.",
        ),
        checks=(three_rows, other_languages),
    ),
    Exercise(
        name="02.split",
        title="A split that doesn't leak",
        minutes=20,
        solved_by=split_by_document,
        why=(
            "What must not be shared is drawn: the documents, and their texts follow them. Repeats "
            "go first, each text to the document that has it first. The "
            "generator is of this call alone, so nothing that ran before matters, and `sorted` "
            "gives the same list in every process, which a set would not."
        ),
        hints=(
            "Which of the two must be shuffled and cut, texts or documents? And what becomes of a "
            "text that occurs in two documents?",
            "First give each text one document: a dictionary with `setdefault(text, document)` "
            "keeps the first.",
            "Sort the documents, shuffle them (`random.Random(seed).shuffle`, or `torch.randperm` "
            "with a generator), and cut at `int(0.8 * n)` and `int(0.9 * n)`.",
            "With a dictionary from document to split, one loop over the texts sends each to "
            "`parts[split_of[document]]`.",
        ),
        checks=(splits.nothing_leaks, splits.shares, splits.seeded),
    ),
    Exercise(
        name="02.bits",
        title="Bits per character",
        minutes=10,
        solved_by=bits_per_character,
        why=(
            "Mean times number is the sum: all that the texts cost, in nats. That sum does not "
            "depend on how they were cut into tokens, and divided by ln 2 it is in bits. Only "
            "then it is shared out, among characters, which are the same for every vocabulary."
        ),
        hints=(
            "How many nats do all tokens cost together?",
            "A bit is ln 2 nats, `math.log(2)`, so the number of bits is the larger one.",
            "Divide by `sum(len(text) + 1 for text in texts)`: the 1 is for the end.",
        ),
        checks=(bits_of_one_text, bits_of_texts),
    ),
    Exercise(
        name="02.file",
        title="A file of your own",
        minutes=25,
        solved_by=load_own,
        why=(
            "`data.load_file` reads the file and drops blank texts and exact repeats. Cleaning can "
            "make two texts equal that were not, so the split has to come after it, once more, by "
            "`data.split`, which has a seed of its own. The vocabulary takes the characters of all "
            "splits: these are no counts, and a character that only a test text has must be "
            "encoded too."
        ),
        hints=(
            "`data.load_file(path, text=column)` does most of it. Which texts does it take for "
            "different that are equal once they are clean?",
            '`" ".join(text.split())` cleans a text. Put the texts of all splits into one list, '
            "clean, and split again with `data.split`.",
            '`[text for part in corpus.values() for text in part["text"]]` are all texts of a '
            "corpus; `data.Vocabulary.from_texts` takes them.",
        ),
        checks=(corpora.clean_file, corpora.untidy_file, corpora.jsonl_file, corpora.same_again),
    ),
    Exercise(
        name="02.own",
        title="A dataset of your own",
        minutes=60,
        solved_by=swap_in,
        why=(
            "Ours are the names of characters in Unicode, which every Python holds, up to U+0FFF: "
            "*armenian small letter zhe*. The words are few and long, so two letters of context, "
            "which is what the 3-gram has, tell it little, and eight tell the network much; 300 "
            "steps are enough. On given names the same network gains far less: a name has less "
            "that one could foresee. What to look at first is always the data: how many texts, "
            "how long, which characters, which repeats."
        ),
        hints=(
            "Take texts that you can look through: lines or paragraphs of a file, through "
            "`load_own` or `data.load_file`. Print a few, count the repeats, then split.",
            "Train as `train_mlp` does, in a cell of your own, and let the function return what "
            "that cell made. A longer context is the first thing to try, then more steps.",
            "If the network is much better on training texts than on validation texts, it learns "
            "by heart: early stopping, fewer hidden units, or more data.",
        ),
        checks=(corpora.own_corpus, corpora.own_splits, corpora.own_score),
    ),
)
