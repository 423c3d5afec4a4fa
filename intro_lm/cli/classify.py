"""`python -m intro_lm classify`: from labelled texts to a trained classifier in a folder."""

import argparse
import dataclasses
import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from intro_lm import data
from intro_lm.cli.flags import add_argument_flags, defaults_of, flag_of, given
from intro_lm.cli.run_folder import add_run_flags, load_run, train_in_folder
from intro_lm.cli.train import load_corpus
from intro_lm.data import Vocabulary
from intro_lm.evaluation.classification import predict, score
from intro_lm.models import RecurrentLM, TextClassifier
from intro_lm.training import FineTuning, History, TrainingSettings, fine_tune, train


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, batch_size=32)
    parser.add_argument("--label", metavar="COLUMN", help="a file's column of labels (label)")
    parser.add_argument("--per-class", type=int, metavar="INT", help="labels per class (all)")
    pretrained = "start from this language model, or a forward and a backward one"
    parser.add_argument("--pretrained", nargs="+", metavar="FOLDER", help=pretrained)
    add_argument_flags(parser.add_argument_group("classifier"), TextClassifier)
    add_argument_flags(parser.add_argument_group("fine-tuning, with --pretrained"), FineTuning)


def run(options: argparse.Namespace) -> int:
    """Train, print the scores on the test split and save everything in the run's folder."""
    settings = TrainingSettings(**given(options, TrainingSettings))
    recipe = FineTuning(**given(options, FineTuning))
    corpus = load_corpus(options, options.label or "label")
    classes = data.class_names(corpus["train"])
    make_model = _from_pretrained if options.pretrained else _from_scratch
    model, vocabulary, sizes = make_model(options, corpus, len(classes), settings.seed)
    batches = {}
    for split, rows in corpus.items():
        training = split == "train"
        if training and options.per_class is not None:
            rows = data.few_labels(rows, options.per_class, settings.seed)
        size = options.batch_size if training else min(256, 4 * options.batch_size)
        batches[split] = data.labelled_batches(
            vocabulary, rows, size, seed=settings.seed, max_length=options.max_length, name=split
        )
    print(f"{len(batches['train'].starts) - 1} texts of {len(classes)} classes")

    def test() -> dict[str, Any]:
        scores = score(predict(model, batches["test"]), torch.tensor(corpus["test"]["label"][:]))
        print(f"test: {scores.summary(classes)}")
        # A class without texts in the test split has no recall, and JSON has no NaN.
        recall = [None if math.isnan(each) else each for each in scores.recall]
        return {"test": dataclasses.asdict(scores) | {"recall": recall}}

    learn: Callable[..., History] = train
    if options.pretrained:
        learn = partial(fine_tune, fine_tuning=recipe)
    learn = partial(learn, model, batches["train"], settings, validation=batches["validation"])
    about = {"model": "classifier", "backward": False, "pretrained": options.pretrained}
    about |= {"max_length": options.max_length, "classes": classes, "sizes": sizes}
    kind = "classifier-pretrained" if options.pretrained else "classifier"
    train_in_folder(options, kind, model, vocabulary, about, learn, test)
    return 0


Made = tuple[TextClassifier, Vocabulary, dict[str, Any]]  # the model, its vocabulary, its sizes


def _from_scratch(options: argparse.Namespace, corpus: Any, classes: int, seed: int) -> Made:
    if useless := [*given(options, FineTuning)]:
        raise ValueError(f"{flag_of(useless[0])} is only for --pretrained; leave it out")
    vocabulary = Vocabulary.from_texts(text for rows in corpus.values() for text in rows["text"])
    sizes = defaults_of(TextClassifier) | given(options, TextClassifier)
    generator = torch.Generator().manual_seed(seed)
    model = TextClassifier(len(vocabulary), classes, **sizes, generator=generator)
    return model, vocabulary, sizes


def _from_pretrained(options: argparse.Namespace, corpus: Any, classes: int, seed: int) -> Made:
    chosen = given(options, TextClassifier)
    if decided := sorted(chosen.keys() - {"dropout", "token_dropout"}):
        raise ValueError(f"{flag_of(decided[0])} is decided by --pretrained; leave it out")
    runs = [load_run(folder) for folder in options.pretrained]
    runs.sort(key=lambda run: run[2]["backward"])
    models, vocabularies, abouts = zip(*runs, strict=True)
    directions = ["backward" if about["backward"] else "forward" for about in abouts]
    recurrent = all(isinstance(model, RecurrentLM) for model in models)
    if not recurrent or directions not in (["forward"], ["forward", "backward"]):
        kinds = [f"{name} {about['model']}" for name, about in zip(directions, abouts, strict=True)]
        raise ValueError(
            f"--pretrained gives {' and '.join(kinds)}; give a forward rnn, gru or lstm, alone or "
            "with a backward one of the same sizes"
        )
    generator = torch.Generator().manual_seed(seed)
    model = TextClassifier.from_language_model(
        *models, classes=classes, vocabularies=vocabularies, generator=generator, **chosen
    )
    theirs = models[0].sizes | {"directions": len(models)} | chosen
    sizes = {name: theirs.get(name, size) for name, size in defaults_of(TextClassifier).items()}
    return model, vocabularies[0], sizes
