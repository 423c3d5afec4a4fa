"""`python -m intro_lm train` and `sample`: from a dataset's name to a model, and to its texts.

A run's folder holds all that `sample` needs: `model.json` (which model, of which sizes, on which
data), `vocabulary.json`, the checkpoint, and TensorBoard's files. `result.json` holds its losses.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

from intro_lm import data
from intro_lm.data import AnyBatches, Batches, PaddedBatches, StreamBatches, Vocabulary
from intro_lm.evaluation import evaluate
from intro_lm.generation import generate
from intro_lm.models import MLP, RecurrentLM
from intro_lm.training import NonFiniteLossError, Settings, Tracker, load_weights, train
from intro_lm.training.checkpoint import FILENAME

MODELS = ("mlp", "rnn", "gru", "lstm")
LEFT_OUT = ("vocabulary_size", "cell", "generator")  # of a model's arguments: no flags
MODEL_FILE, VOCABULARY_FILE, RESULT_FILE = "model.json", "vocabulary.json", "result.json"
SAMPLES = 10


def run(command: str, arguments: list[str]) -> int:
    """Run `train` or `sample` with its flags; the exit status is 1 after an error it names."""
    parser = argparse.ArgumentParser(prog=f"python -m intro_lm {command}")
    (add_training_flags if command == "train" else add_sampling_flags)(parser)
    options = parser.parse_args(arguments)
    try:
        (run_training if command == "train" else run_sampling)(options)
    except (ValueError, KeyError, OSError, NonFiniteLossError, KeyboardInterrupt) as error:
        print(error.args[0] if isinstance(error, KeyError) else error, file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", required=True, help="a name that `data list` shows")
    parser.add_argument("--model", choices=MODELS, default="lstm", help="(%(default)s)")
    parser.add_argument("--folder", help="where the run lies (runs/DATA-MODEL)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    batches = parser.add_argument_group("batches")
    batches.add_argument("--batch-size", type=int, default=64, help="rows (%(default)s)")
    batches.add_argument(
        "--length",
        type=int,
        help="read the data as one running text, so many tokens a batch, the state carried, and "
        "keep its last tenth for validation; without it each text is read by itself",
    )
    sizes = parser.add_argument_group(
        "model", "a size that is not given is the model's own default"
    )
    add_flags(sizes, model_options(), shown=False)
    settings = {field.name: field.default for field in dataclasses.fields(Settings)}
    add_flags(parser.add_argument_group("training"), settings)


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, help="of the run")
    options = inspect.signature(generate).parameters
    names = [name for name in options if name not in ("model", "vocabulary")]
    add_flags(parser, {name: options[name].default for name in names})


def add_flags(parser: Any, defaults: dict[str, Any], shown: bool = True) -> None:
    """A flag for each name, of its default's type."""
    for name, default in defaults.items():
        flag = "--" + name.replace("_", "-")
        if isinstance(default, bool):
            parser.add_argument(flag, action="store_true", default=None)
            continue
        kind = {"clip_norm": float, "top_k": int}.get(name, type(default))
        text = f"({'none' if default in (None, '') else default})" if shown else None
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=text)


def model_options() -> dict[str, Any]:
    """Every size that some model has, with a default that shows its type."""
    options: dict[str, Any] = {}
    for kind in (MLP, RecurrentLM):
        for name, option in inspect.signature(kind).parameters.items():
            if name not in LEFT_OUT:
                options[name] = option.default
    return options


def build(name: str, vocabulary_size: int, sizes: dict[str, Any], seed: int) -> nn.Module:
    """The model of that name, with initial weights drawn by `seed`.

    Raises:
        ValueError: the model has no such size, or not of that value.
    """
    kind = MLP if name == "mlp" else RecurrentLM
    for size in sizes:
        if size not in inspect.signature(kind).parameters:
            raise ValueError(f"the model {name} has no --{size.replace('_', '-')}")
    cell: dict[str, Any] = {} if name == "mlp" else {"cell": name}
    generator = torch.Generator().manual_seed(seed)
    return kind(vocabulary_size, **cell, **sizes, generator=generator)


def splits(name: str, running: bool) -> dict[str, list[str]]:
    """The texts of each split."""
    corpus = data.split_in_order(data.running_text(name)) if running else data.load(name)
    return {split: list(rows["text"]) for split, rows in corpus.items()}


def batches_of(
    texts: list[str], vocabulary: Vocabulary, model: nn.Module, options: Any, training: bool
) -> AnyBatches:
    """The texts as the model reads them, windows, streams or whole texts, to train or evaluate."""
    seed, rows = options.seed or 0, options.batch_size
    if isinstance(model, MLP):
        windows = data.context_windows(vocabulary, texts, model.context_length)
        return Batches(*windows, batch_size=rows if training else 8192, seed=seed)
    if options.length is None:
        return PaddedBatches.from_texts(vocabulary, texts, rows if training else 256, seed=seed)
    # A row's first tokens are read without what stands before them: few rows have few of these.
    rows = rows if training else min(rows, 8)
    return StreamBatches.from_texts(vocabulary, texts, rows, options.length, seed=seed)


def run_training(options: argparse.Namespace) -> None:
    """Train as the flags say; prints the losses at the end, and writes them into the folder.

    Raises: what `train`, `load` and the model do.
    """
    folder = Path(options.folder or f"runs/{options.data}-{options.model}")
    given = {name: value for name, value in vars(options).items() if value is not None}
    names = {field.name for field in dataclasses.fields(Settings)}
    settings = Settings(**{name: given[name] for name in names & given.keys()})
    sizes = {name: given[name] for name in model_options() if name in given}
    texts = splits(options.data, running=options.length is not None)
    vocabulary = Vocabulary.from_texts(text for rows in texts.values() for text in rows)
    model = build(options.model, len(vocabulary), sizes, settings.seed)
    parts = {
        name: batches_of(rows, vocabulary, model, options, training=name == "train")
        for name, rows in texts.items()
    }
    parameters = sum(p.numel() for p in model.parameters())
    print(f"{parameters:,} parameters; the run lies in {folder}")
    tracker, start = Tracker(folder, resume=True), time.perf_counter()
    if not (folder / FILENAME).exists():
        about = {"data": options.data, "model": options.model, "sizes": sizes}
        (folder / MODEL_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        vocabulary.save(folder / VOCABULARY_FILE)
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
    last = history.records[-1]
    print(f"step {last.step}, {seconds:.0f} s: {history.summary()}")
    result = {
        "parameters": parameters,
        "steps": last.step,
        "seconds": round(seconds, 1),  # of this command: those before a --resume are not in it
        "precision": history.precision,
        "train_loss": last.train_loss,
        "validation_loss": last.validation_loss,
    }
    if "test" in parts:
        test = parts["test"].to(next(model.parameters()).device)
        result["test_loss"] = evaluate(model, test.epoch(0), carry_state=test.carries_state)
        print(f"test {result['test_loss']:.4f}")
    (folder / RESULT_FILE).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    tracker.text("samples", "\n".join(generate(model, vocabulary, SAMPLES)), settings.steps)
    tracker.close()


def run_sampling(options: argparse.Namespace) -> None:
    """Print texts from the model in a folder, an empty line between those of several lines.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: its checkpoint is damaged.
        ValueError: a flag is out of range.
    """
    folder = Path(options.folder)
    if not (folder / MODEL_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no run; make one with `python -m intro_lm train`")
    about = json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    model = build(about["model"], len(vocabulary), about["sizes"], seed=0)
    load_weights(folder, model)
    flags = inspect.signature(generate).parameters
    given = {name: v for name, v in vars(options).items() if name in flags and v is not None}
    texts = generate(model, vocabulary, **given)
    print(("\n\n" if any("\n" in text for text in texts) else "\n").join(texts))
