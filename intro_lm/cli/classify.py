"""`python -m intro_lm train --task classify`: from labelled texts to a classifier, and its scores.

What the run's folder holds is told in `intro_lm.cli.run_folder`, whose `load_classifier` reads it.
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
from intro_lm.cli.flags import RECIPE, flag_of
from intro_lm.cli.run_folder import build, kind_of, load_language_model, write_result, write_run
from intro_lm.data import LabelledBatches, Vocabulary
from intro_lm.evaluation.classification import predict, score
from intro_lm.models import RecurrentLM, TextClassifier
from intro_lm.models.classifier import sizes_of
from intro_lm.training import FineTuning, Tracker, TrainingSettings, fine_tune

BATCH_SIZE, EVALUATION_BATCH_SIZE = 32, 256
SHOWN = 5  # characters in an error
# There are no pretrained layers to protect.
PLAIN = FineTuning(head_first=False, gradual_unfreezing=False, rate_decay=1.0)


def run_classification(
    options: argparse.Namespace,
    corpus: DatasetDict,
    settings: TrainingSettings,
    sizes: dict[str, Any],
) -> None:
    """Train a classifier as the flags say; prints what it does on the test split.

    Args:
        options: the flags, as `intro_lm.cli.flags` defines them, and fitting together.
        corpus: the splits, with labels.
        settings: of the training.
        sizes: those of the model that were given.

    Raises: what `train`, `labelled_batches` and the model do.
    """
    classes = data.class_names(corpus["train"])
    recipe = _recipe(options)
    model, vocabulary, about = _model(options, corpus, len(classes), sizes, settings.seed)
    recipe.parameter_groups(model.layer_groups(), settings.steps)  # before a folder is made
    parts = _batches(options, corpus, vocabulary, settings.seed)
    beside = "classifier" if options.pretrained is None else "classifier-pretrained"
    folder = Path(options.folder or f"runs/{Path(options.data).stem}-{beside}")
    print(
        f"{len(parts['train'].labels)} texts of {len(classes)} classes, "
        f"{sum(p.numel() for p in model.parameters()):,} parameters; the run lies in {folder}"
    )
    tracker, start = Tracker(folder, resume=True), time.perf_counter()
    about |= {"classes": classes, "max_length": options.max_length}
    write_run(folder, about, vocabulary, options.resume)
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
    print(f"step {history.entries[-1].step}, {seconds:.0f} s: {history.summary()}")
    scores = score(predict(model, parts["test"]), parts["test"].labels)
    print(f"test: {scores.summary(classes)}")
    write_result(folder, model, history, seconds, {"test": dataclasses.asdict(scores)})


def _recipe(options: argparse.Namespace) -> FineTuning:
    """How the layers learn: alike from scratch, else as the flags say."""
    if options.pretrained is None:
        return PLAIN
    given = {name: getattr(options, name) for name in RECIPE}
    return FineTuning(**{name: value for name, value in given.items() if value is not None})


def _batches(
    options: argparse.Namespace, corpus: DatasetDict, vocabulary: Vocabulary, seed: int
) -> dict[str, LabelledBatches]:
    """Train, with as many labels as asked for, validation and test."""
    rows = {name: corpus[name] for name in ("train", "validation", "test")}
    if options.per_class is not None:
        rows["train"] = data.few_labels(rows["train"], options.per_class, seed)
    size = BATCH_SIZE if options.batch_size is None else options.batch_size
    return {
        name: data.labelled_batches(
            vocabulary,
            part,
            size if name == "train" else EVALUATION_BATCH_SIZE,
            seed=seed,
            max_length=options.max_length,
            name=name,
        )
        for name, part in rows.items()
    }


def _model(
    options: argparse.Namespace,
    corpus: DatasetDict,
    classes: int,
    sizes: dict[str, Any],
    seed: int,
) -> tuple[TextClassifier, Vocabulary, dict[str, Any]]:
    """The model before training, its vocabulary, and what `model.json` is to say of it."""
    about: dict[str, Any] = {"data": options.data, "model": options.model or "lstm"}
    if options.pretrained is None:
        texts = (text for part in corpus.values() for text in part["text"])
        vocabulary = Vocabulary.from_texts(texts)
        built = build(about["model"], len(vocabulary), sizes, seed, classes)
        assert isinstance(built, TextClassifier)
        return built, vocabulary, about | {"sizes": sizes}
    folders = [options.pretrained]
    if options.pretrained_backward is not None:
        folders.append(options.pretrained_backward)
    pairs = [_pretrained(folder, backward=bool(n)) for n, folder in enumerate(folders)]
    models, vocabularies = [model for model, _ in pairs], [vocabulary for _, vocabulary in pairs]
    theirs = sizes_of(models[0]) | {"directions": len(models)}
    kind_of(options.model or theirs["cell"], sizes, classes)
    _require_same_sizes(options, sizes, theirs)
    _require_known_characters(options, corpus, vocabularies[0])
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
    return model, vocabularies[0], about | {"sizes": theirs | shares, "pretrained": folders}


def _require_same_sizes(
    options: argparse.Namespace, sizes: dict[str, Any], theirs: dict[str, Any]
) -> None:
    """Refuse a size that is not that of the language models."""
    directions = theirs["directions"]
    if sizes.get("directions", directions) != directions:
        given = "1 language model is" if directions == 1 else "2 language models are"
        raise ValueError(
            f"--directions is {sizes['directions']}, and {given} given; leave the flag out: each "
            "direction has the language model of --pretrained or --pretrained-backward"
        )
    for name, value in {**sizes, "model": options.model or theirs["cell"]}.items():
        pretrained = theirs.get("cell" if name == "model" else name, value)
        if value != pretrained:
            raise ValueError(
                f"{flag_of(name)} is {value}, and {pretrained} in {options.pretrained}; leave the "
                "flag out: what is pretrained decides"
            )


def _require_known_characters(
    options: argparse.Namespace, corpus: DatasetDict, vocabulary: Vocabulary
) -> None:
    """Refuse texts of characters that the language model never read."""
    parts = ("train", "validation", "test")
    found = Vocabulary.from_texts(text for part in parts for text in corpus[part]["text"])
    known = set(vocabulary.characters)
    unknown = [character for character in found.characters if character not in known]
    if unknown:
        shown = ", ".join(map(repr, unknown[:SHOWN])) + " …" * (len(unknown) > SHOWN)
        raise ValueError(
            f"{options.pretrained} knows {len(known)} characters, and {options.data} holds "
            f"{len(found.characters)}, among them {shown}; pretrain on texts that hold them"
        )


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
