"""`python -m intro_lm train` and `sample`: from a dataset's name to a model, and to its texts.

What a run's folder holds is told in `intro_lm.cli.run_folder`.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import sys
import time
from pathlib import Path
from typing import Any

from torch import nn

from intro_lm import data
from intro_lm.cli.flags import (
    BATCH_SIZE,
    add_sampling_flags,
    add_training_flags,
    model_options,
    require_fitting_flags,
)
from intro_lm.cli.run_folder import build, load_language_model, write_result, write_run
from intro_lm.data import Batches, PaddedBatches, StreamBatches, Vocabulary, WindowBatches
from intro_lm.data.files import read_text
from intro_lm.evaluation import evaluate
from intro_lm.generation import generate
from intro_lm.models import MLP
from intro_lm.training import NonFiniteLossError, Tracker, TrainingSettings, train

SAMPLES = 10


def run(command: str, arguments: list[str]) -> int:
    """Run `train` or `sample` with its flags; the exit status is 1 after an error it names."""
    parser = argparse.ArgumentParser(prog=f"python -m intro_lm {command}")
    (add_training_flags if command == "train" else add_sampling_flags)(parser)
    options = parser.parse_args(arguments)
    try:
        (run_training if command == "train" else run_sampling)(options)
    except (ValueError, KeyError, OSError, NonFiniteLossError, KeyboardInterrupt) as error:
        print(in_flags(error), file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def in_flags(error: BaseException) -> str:
    """What an error says, where it speaks of `train`'s arguments in the flags that give them."""
    message = str(error.args[0] if isinstance(error, KeyError) else error)
    for argument, flag in {", resume=True": " --resume", "resume=True": "--resume"}.items():
        message = message.replace(argument, flag)
    return message.replace("checkpoint_dir", "--folder")


def corpus_of(options: argparse.Namespace, labelled: bool) -> Any:
    """The splits of the dataset or file that `--data` names.

    Raises: what `load`, `load_file` and `running_text` do.
    """
    name = options.data
    if Path(name).suffix:  # no dataset of the catalogue has a dot in its name
        if options.length is not None:
            return data.split_in_order(read_text(Path(name)))
        column = (options.label or "label") if labelled else None
        return data.load_file(name, text=options.text or "text", label=column)
    for flag, column in {"--text": options.text, "--label": options.label}.items():
        if column is not None:
            raise ValueError(f"{flag} is for a file, and --data {name} is none: leave it out")
    if options.length is not None and not labelled:
        return data.split_in_order(data.running_text(name))
    return data.load(name)


def batches_of(
    texts: list[str], vocabulary: Vocabulary, model: nn.Module, options: Any, training: bool
) -> Batches:
    """The texts as the model reads them, windows, streams or whole texts, to train or evaluate."""
    seed, rows = options.seed or 0, BATCH_SIZE if options.batch_size is None else options.batch_size
    if isinstance(model, MLP):
        windows = data.context_windows(vocabulary, texts, model.context_length)
        return WindowBatches(*windows, batch_size=rows if training else 8192, seed=seed)
    if options.length is None:
        return PaddedBatches.from_texts(vocabulary, texts, rows if training else 256, seed=seed)
    # A row's first tokens are read without what stands before them: few rows have few of these.
    rows = rows if training else min(rows, 8)
    return StreamBatches.from_texts(vocabulary, texts, rows, options.length, seed=seed)


def run_training(options: argparse.Namespace) -> None:
    """Train as the flags say; prints the losses at the end, and writes them into the folder.

    Raises: what `train`, `load` and the model do.
    """
    given = {name: value for name, value in vars(options).items() if value is not None}
    names = {field.name for field in dataclasses.fields(TrainingSettings)}
    settings = TrainingSettings(**{name: given[name] for name in names & given.keys()})
    sizes = {name: given[name] for name in model_options() if name in given}
    require_fitting_flags(options)
    corpus = corpus_of(options, labelled=options.task == "classify")
    if options.task == "classify":
        from intro_lm.cli.classify import run_classification  # it needs scikit-learn

        return run_classification(options, corpus, settings, sizes)
    texts = {split: list(rows["text"]) for split, rows in corpus.items()}
    if options.backward:
        texts = {split: [text[::-1] for text in rows] for split, rows in texts.items()}
    vocabulary = Vocabulary.from_texts(text for rows in texts.values() for text in rows)
    name = options.model or "lstm"
    model = build(name, len(vocabulary), sizes, settings.seed)
    parts = {
        split: batches_of(rows, vocabulary, model, options, training=split == "train")
        for split, rows in texts.items()
    }
    beside = "-backward" if options.backward else ""
    folder = Path(options.folder or f"runs/{Path(options.data).stem}-{name}{beside}")
    print(f"{sum(p.numel() for p in model.parameters()):,} parameters; the run lies in {folder}")
    tracker, start = Tracker(folder, resume=True), time.perf_counter()
    about: dict[str, Any] = {"data": options.data, "model": name, "sizes": sizes}
    about |= {"backward": True} if options.backward else {}
    write_run(folder, about, vocabulary, options.resume)
    history = train(
        model,
        parts["train"],
        settings,
        validation=parts["validation"],
        tracker=tracker,
        checkpoint_dir=folder,
        resume=options.resume,
    )
    seconds = time.perf_counter() - start
    print(f"step {history.entries[-1].step}, {seconds:.0f} s: {history.summary()}")
    tested = {}
    if "test" in parts:
        test = parts["test"].to(next(model.parameters()).device)
        tested["test_loss"] = evaluate(model, test.epoch(0), carry_state=test.carries_state)
        print(f"test {tested['test_loss']:.4f}")
    write_result(folder, model, history, seconds, tested)
    samples = turned(generate(model, vocabulary, SAMPLES), options.backward)
    tracker.text("samples", "\n".join(samples), settings.steps)
    tracker.close()
    return None


def turned(texts: list[str], backward: bool | None) -> list[str]:
    """The texts of a backward model, which it writes from the end, as they are read."""
    return [text[::-1] for text in texts] if backward else texts


def run_sampling(options: argparse.Namespace) -> None:
    """Print texts from the model in a folder, an empty line between those of several lines.

    A backward model begins at a text's end: the prompt is how its texts end.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: its checkpoint is damaged.
        ValueError: a flag is out of range, or the folder holds a classifier.
    """
    model, vocabulary, about = load_language_model(options.folder)
    backward = about.get("backward", False)
    flags = inspect.signature(generate).parameters
    given = {name: v for name, v in vars(options).items() if name in flags and v is not None}
    if "prompt" in given:
        (given["prompt"],) = turned([given["prompt"]], backward)
    texts = turned(generate(model, vocabulary, **given), backward)
    print(("\n\n" if any("\n" in text for text in texts) else "\n").join(texts))
