"""The folder of a training run: what `train` and `classify` save, and how to load it.

It holds `model.json` (the model, its sizes and its data), `vocabulary.json`, the
checkpoint, TensorBoard's files and, once training has ended, `result.json` with the losses.
"""

import argparse
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import torch
from torch import nn

from intro_lm.checks import arguments_of
from intro_lm.cli.flags import add_argument_flags, flag_of
from intro_lm.data import Vocabulary
from intro_lm.models import MLP, MODELS, RecurrentLM, TextClassifier
from intro_lm.training import History, Tracker, TrainingSettings, load_weights
from intro_lm.training.checkpoint import FILENAME

MODEL_FILE, VOCABULARY_FILE, RESULT_FILE = "model.json", "vocabulary.json", "result.json"


def add_run_flags(parser: argparse.ArgumentParser, batch_size: int) -> None:
    """The flags that `train` and `classify` share."""
    parser.add_argument("--data", required=True, help="a name that `data list` shows, or a file")
    parser.add_argument("--text", metavar="COLUMN", help="a file's column of texts (text)")
    parser.add_argument("--folder", help="the run's folder (runs/DATA-MODEL)")
    parser.add_argument("--resume", action="store_true", help="continue the run in the folder")
    parser.add_argument("--batch-size", type=int, default=batch_size, help="texts (%(default)s)")
    parser.add_argument("--max-length", type=int, metavar="INT", help="tokens read per text (all)")
    add_argument_flags(parser.add_argument_group("training"), TrainingSettings)


def build(name: str, vocabulary_size: int, sizes: dict[str, Any], seed: int) -> MLP | RecurrentLM:
    """The language model of that name in `MODELS`; the seed draws its initial weights."""
    if unknown := [*sizes.keys() - arguments_of(MODELS[name]).keys()]:
        raise ValueError(f"the model {name} has no {flag_of(unknown[0])}; leave it out")
    return MODELS[name](vocabulary_size, **sizes, generator=torch.Generator().manual_seed(seed))


def train_in_folder(
    options: argparse.Namespace,
    kind: str,
    model: nn.Module,
    vocabulary: Vocabulary,
    about: dict[str, Any],
    train: Callable[..., History],
    test: Callable[[], dict[str, Any]],
) -> None:
    """Train, print the losses, and save the results and what the run is `about` in its folder.

    `train` gets the tracker, the folder and `resume`; `test` measures the model on the test
    split. It is an error if the folder holds another run, or another process writes there.
    """
    folder = Path(options.folder or f"runs/{Path(options.data).stem}-{kind}")
    with closing(Tracker(folder, resume=True)) as tracker:  # nobody else can have one now
        if (folder / FILENAME).exists():
            _require_same_run(folder, about)
        else:
            _write(folder / MODEL_FILE, {"data": options.data, **about})
            vocabulary.save(folder / VOCABULARY_FILE)
        parameters, start = sum(p.numel() for p in model.parameters()), time.perf_counter()
        print(f"{parameters:,} parameters; the folder is {folder}")
        history = train(tracker=tracker, checkpoint_dir=folder, resume=options.resume)
        seconds = time.perf_counter() - start  # without those before the run was resumed
        print(f"step {history.entries[-1].step}, {seconds:.0f} s: {history.summary()}")
        result = {
            "parameters": parameters,
            "steps": history.entries[-1].step,
            "seconds": round(seconds, 3),
            "precision": history.precision,
            "train_loss": history.train_loss,
            "validation_loss": history.validation_loss,
        }
        _write(folder / RESULT_FILE, result | test())


def load_run(
    folder: str | Path,
) -> tuple[MLP | RecurrentLM | TextClassifier, Vocabulary, dict[str, Any]]:
    """The trained model in a folder, its vocabulary, and what `model.json` says.

    A classifier's file also names its `classes`.
    """
    about, vocabulary = _read(Path(folder)), Vocabulary.load(Path(folder) / VOCABULARY_FILE)
    model: MLP | RecurrentLM | TextClassifier
    if about["model"] == "classifier":
        model = TextClassifier(len(vocabulary), len(about["classes"]), **about["sizes"])
    else:
        model = build(about["model"], len(vocabulary), about["sizes"], seed=0)
    load_weights(folder, model)
    return model, vocabulary, about


def _require_same_run(folder: Path, about: dict[str, Any]) -> None:
    theirs = _read(folder)
    for name, ours in (about["sizes"] | about).items():
        found = (theirs["sizes"] | theirs).get(name)
        if found != ours:
            raise ValueError(
                f"{folder} holds another run: its {name} is {found!r}, yours is {ours!r}; choose "
                "another --folder, or the flags of that run"
            )


def _read(folder: Path) -> dict[str, Any]:
    if not (folder / MODEL_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no run; make one with `python -m intro_lm train`")
    return json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")
