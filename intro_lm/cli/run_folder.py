"""The folders of runs: what `python -m intro_lm train` leaves, so that others can go on from it.

A run's folder holds `model.json` (which model, of which sizes, on which data), `vocabulary.json`,
the checkpoint, TensorBoard's files, and, once it is done, `result.json`: what it found.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from torch import nn

from intro_lm.cli.flags import flag_of
from intro_lm.data import Vocabulary
from intro_lm.models import MLP, RecurrentLM, TextClassifier
from intro_lm.training import History, load_weights
from intro_lm.training.checkpoint import FILENAME

MODEL_FILE, VOCABULARY_FILE, RESULT_FILE = "model.json", "vocabulary.json", "result.json"


def build(
    name: str, vocabulary_size: int, sizes: dict[str, Any], seed: int, classes: int | None = None
) -> MLP | RecurrentLM | TextClassifier:
    """The language model, or for so many classes the classifier, of that name.

    Args:
        name: `mlp`, `rnn`, `gru` or `lstm`.
        vocabulary_size: number of tokens.
        sizes: the model's other arguments.
        seed: draws the initial weights.
        classes: of a classifier.

    Raises:
        ValueError: the model has no such size, or not of that value.
    """
    kind = kind_of(name, sizes, classes)
    chosen: dict[str, Any] = {} if name == "mlp" else {"cell": name}
    if classes:
        chosen["classes"] = classes
    return kind(vocabulary_size, **chosen, **sizes, generator=torch.Generator().manual_seed(seed))


def kind_of(name: str, sizes: Iterable[str], classes: int | None = None) -> Any:
    """The class of the model that `build` makes, if it has arguments of these names.

    Raises:
        ValueError: it has not; names the flag.
    """
    kind: Any = TextClassifier if classes else MLP if name == "mlp" else RecurrentLM
    if classes and name == "mlp":
        raise ValueError("the model mlp reads no whole texts; to classify use rnn, gru or lstm")
    for size in sizes:
        if size not in inspect.signature(kind).parameters:
            raise ValueError(f"the model {name} has no {flag_of(size)}")
    return kind


def write_run(
    folder: Path, about: dict[str, Any], vocabulary: Vocabulary, resume: bool = False
) -> None:
    """Write down what the run is, or see that the one in the folder is the same.

    Args:
        folder: the run's.
        about: what `model.json` is to say.
        vocabulary: of its texts.
        resume: go on with the run in the folder, if there is one.

    Raises:
        FileExistsError: the folder holds a run and `resume` is off.
        ValueError: it holds another run; names what differs, and both values.
    """
    if not (folder / FILENAME).exists():
        (folder / MODEL_FILE).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        vocabulary.save(folder / VOCABULARY_FILE)
        return
    if not resume:
        raise FileExistsError(
            f"{folder} holds an earlier run; go on with it by --resume, or choose another --folder"
        )
    theirs, ours = _with_defaults(_read(folder)), _with_defaults(about)
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            raise ValueError(
                f"{folder} holds another run: its {name} is {theirs.get(name)!r}, yours is "
                f"{ours.get(name)!r}; choose another --folder, or what that run was given"
            )


def _with_defaults(about: dict[str, Any]) -> dict[str, Any]:
    """What `model.json` says, with each size that the model has, given or not.

    The path of the data is left out: the checkpoint knows what was in it.
    """
    kind = kind_of(about["model"], about["sizes"], len(about.get("classes", [])))
    options = inspect.signature(kind).parameters.values()
    defaults = {each.name: each.default for each in options if each.default is not each.empty}
    known = {name: value for name, value in about.items() if name not in ("sizes", "data")}
    return defaults | about["sizes"] | known


def write_result(
    folder: Path, model: nn.Module, history: History, seconds: float, tested: dict[str, Any]
) -> None:
    """Write down what a run found, in the place of what it found before.

    Args:
        folder: the run's.
        model: as it was trained.
        history: of the training.
        seconds: of this training; those before a resumption are not in it.
        tested: what the test split gave, by name; nothing where there is none.
    """
    last = history.entries[-1]
    result = {
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": last.step,
        "seconds": round(seconds, 3),
        "precision": history.precision,
        "train_loss": last.train_loss,
        "validation_loss": last.validation_loss,
        **tested,
    }
    text = json.dumps(_without_nan(result), indent=1, allow_nan=False)
    (folder / RESULT_FILE).write_text(text + "\n", encoding="utf-8")


def _without_nan(value: Any) -> Any:
    """The same with None, which JSON has, for NaN, which it has not: a class without a test."""
    if isinstance(value, dict):
        return {name: _without_nan(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def load_language_model(
    folder: str | Path,
) -> tuple[MLP | RecurrentLM, Vocabulary, dict[str, Any]]:
    """The trained language model in a folder, its vocabulary, and what `model.json` says of it.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: its checkpoint is damaged.
        ValueError: it holds a classifier.
    """
    about = _read(Path(folder))
    if "classes" in about:
        raise ValueError(
            f"{folder} holds a classifier, which predicts no next token; give the folder of a "
            "language model"
        )
    model, vocabulary = _load(Path(folder), about)
    assert not isinstance(model, TextClassifier)
    return model, vocabulary, about


def load_classifier(folder: str | Path) -> tuple[TextClassifier, Vocabulary, dict[str, Any]]:
    """The trained classifier in a folder, its vocabulary, and what `model.json` says of it.

    The names of its classes, in the order of its logits, are `about["classes"]`.

    Raises:
        FileNotFoundError: the folder holds no run.
        CheckpointError: its checkpoint is damaged.
        ValueError: it holds a language model.
    """
    about = _read(Path(folder))
    if "classes" not in about:
        raise ValueError(
            f"{folder} holds a language model and no classifier; make one of it with "
            f"`python -m intro_lm train --task classify --pretrained {folder}`"
        )
    model, vocabulary = _load(Path(folder), about)
    assert isinstance(model, TextClassifier)
    return model, vocabulary, about


def _read(folder: Path) -> dict[str, Any]:
    if not (folder / MODEL_FILE).is_file():
        raise FileNotFoundError(f"{folder} holds no run; make one with `python -m intro_lm train`")
    return json.loads((folder / MODEL_FILE).read_text(encoding="utf-8"))


def _load(
    folder: Path, about: dict[str, Any]
) -> tuple[MLP | RecurrentLM | TextClassifier, Vocabulary]:
    vocabulary = Vocabulary.load(folder / VOCABULARY_FILE)
    classes = len(about["classes"]) if "classes" in about else None
    model = build(about["model"], len(vocabulary), about["sizes"], 0, classes)
    load_weights(folder, model)
    return model, vocabulary
