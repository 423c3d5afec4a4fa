"""`python -m intro_lm train --task classify`: from labelled texts to a classifier, and its scores.

What the run's folder holds is told in `intro_lm.runs`, whose `load_classifier` reads it again.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path
from typing import Any

import torch
from datasets import DatasetDict

from intro_lm import data
from intro_lm.classification import predict, score
from intro_lm.data import Vocabulary
from intro_lm.models import RecurrentLM, TextClassifier
from intro_lm.models.classifier import sizes_of
from intro_lm.runs import build, load_language_model, write_result, write_run
from intro_lm.training import FineTuning, Settings, Tracker, fine_tune

BATCH_SIZE, EVALUATION_BATCH_SIZE = 32, 256
PLAIN = FineTuning(head_first=False, gradual_unfreezing=False, rate_decay=1.0)  # nothing to spare


def run_classification(
    options: argparse.Namespace, corpus: DatasetDict, settings: Settings, sizes: dict[str, Any]
) -> None:
    """Train a classifier as the flags say; prints what it does on the test split.

    Args:
        options: the flags, as `intro_lm.commands` defines them.
        corpus: the splits, with labels.
        settings: of the training.
        sizes: those of the model that were given.

    Raises: what `train`, `labelled_batches` and the model do.
    """
    for name, option in {"--length": options.length, "--backward": options.backward}.items():
        if option:
            raise ValueError(f"{name} is for language models; a classifier reads whole texts")
    classes = data.class_names(corpus["train"])
    model, vocabulary, about = _model(options, corpus, len(classes), sizes, settings.seed)
    chosen = {
        name: value
        for name in (field.name for field in dataclasses.fields(FineTuning))
        if (value := getattr(options, name)) is not None
    }
    if chosen and not options.pretrained:
        name = min(chosen).replace("_", "-")
        raise ValueError(f"--{name} is for pretrained layers; give the folder of --pretrained")
    recipe = FineTuning(**chosen) if options.pretrained else PLAIN
    rows = corpus["train"]
    if options.per_class is not None:
        rows = data.few_labels(rows, options.per_class, settings.seed)
    size = BATCH_SIZE if options.batch_size is None else options.batch_size
    limit = options.max_length
    parts = {
        name: data.labelled_batches(
            vocabulary,
            part,
            size if name == "train" else EVALUATION_BATCH_SIZE,
            shuffle=name == "train",
            seed=settings.seed,
            max_length=limit,
        )
        for name, part in {**corpus, "train": rows}.items()
        if name in ("train", "validation", "test")
    }
    folder = Path(options.folder or f"runs/{Path(options.data).stem}-classifier")
    print(
        f"{len(rows)} texts of {len(classes)} classes, "
        f"{sum(p.numel() for p in model.parameters()):,} parameters; the run lies in {folder}"
    )
    tracker, start = Tracker(folder, resume=True), time.perf_counter()
    write_run(folder, about | {"classes": classes, "max_length": limit}, vocabulary)
    history = fine_tune(
        model,
        parts["train"],
        settings,
        recipe,
        validation=parts["validation"],
        tracker=tracker,
        checkpoint_dir=folder,
        resume=options.resume,
    )
    tracker.close()
    seconds = time.perf_counter() - start
    print(f"step {history.records[-1].step}, {seconds:.0f} s: {history.summary()}")
    scores = score(predict(model, parts["test"]), parts["test"].labels)
    print(f"test: {scores.summary(classes)}")
    write_result(folder, model, history, seconds, {"test": dataclasses.asdict(scores)})


def _model(
    options: argparse.Namespace,
    corpus: DatasetDict,
    classes: int,
    sizes: dict[str, Any],
    seed: int,
) -> tuple[TextClassifier, Vocabulary, dict[str, Any]]:
    """The model before training, its vocabulary, and what `model.json` is to say of it."""
    about: dict[str, Any] = {"data": options.data, "model": options.model or "lstm"}
    if not options.pretrained:
        if options.pretrained_backward:
            raise ValueError(
                f"--pretrained-backward is {options.pretrained_backward} and --pretrained lacks; "
                "give both, or the forward one"
            )
        texts = (text for part in corpus.values() for text in part["text"])
        vocabulary = Vocabulary.from_texts(texts)
        built = build(about["model"], len(vocabulary), sizes, seed, classes)
        assert isinstance(built, TextClassifier)
        return built, vocabulary, about | {"sizes": sizes}
    forward, vocabulary = _pretrained(options.pretrained, backward=False)
    models, vocabularies = [forward], [vocabulary]
    if options.pretrained_backward:
        backward, other = _pretrained(options.pretrained_backward, backward=True)
        models.append(backward)
        vocabularies.append(other)
    theirs = sizes_of(forward) | {"directions": len(models)}
    asked = sizes | ({"cell": options.model} if options.model else {})
    for name in sorted(asked.keys() - {"dropout", "token_dropout"}):
        if asked[name] != theirs.get(name):
            raise ValueError(
                f"{name} is {asked[name]}, and {theirs.get(name)} in {options.pretrained}; leave "
                "the flag out: what is pretrained decides"
            )
    shares = {name: sizes[name] for name in ("dropout", "token_dropout") if name in sizes}
    model = TextClassifier.from_language_model(
        *models,
        classes=classes,
        vocabularies=vocabularies,
        generator=torch.Generator().manual_seed(seed),
        **shares,
    )
    about["model"] = theirs.pop("cell")
    del theirs["vocabulary_size"]
    pretrained = [options.pretrained, options.pretrained_backward][: len(models)]
    return model, vocabulary, about | {"sizes": theirs | shares, "pretrained": pretrained}


def _pretrained(folder: str, backward: bool) -> tuple[RecurrentLM, Vocabulary]:
    """The language model in a folder, if it is recurrent and reads in that direction."""
    model, vocabulary, about = load_language_model(folder)
    if not isinstance(model, RecurrentLM):
        raise ValueError(
            f"{folder} holds the model {about['model']}; give one of rnn, gru or lstm, which reads "
            "whole texts"
        )
    if about.get("backward", False) != backward:
        found, wanted = ("forward", "backward") if backward else ("backward", "forward")
        raise ValueError(
            f"{folder} holds a {found} language model, and a {wanted} one is wanted here; train "
            f"one {'with' if backward else 'without'} --backward"
        )
    return model, vocabulary
