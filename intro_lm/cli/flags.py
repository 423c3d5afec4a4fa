"""The flags of `python -m intro_lm train` and `sample`, and which of them fit together.

Settings, sizes and the parts of fine-tuning have a flag for each argument of their dataclass or
model, with its name, type and default.
"""

from __future__ import annotations

import argparse
import dataclasses
import inspect
from typing import Any

from intro_lm.generation import generate
from intro_lm.models import MLP, RecurrentLM, TextClassifier
from intro_lm.training import FineTuning, TrainingSettings

MODELS = ("mlp", "rnn", "gru", "lstm")
LEFT_OUT = ("vocabulary_size", "classes", "cell", "generator")  # of a model's arguments: no flags
BATCH_SIZE = 64
FOR_CLASSIFIERS = ("per_class", "max_length", "pretrained", "pretrained_backward", "label")
RECIPE = {field.name: field.default for field in dataclasses.fields(FineTuning)}


def add_training_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", required=True, help="a name that `data list` shows, or a file with an ending"
    )
    parser.add_argument("--text", metavar="COLUMN", help="of a file: its texts (text)")
    parser.add_argument("--label", metavar="COLUMN", help="of a file: its labels (label)")
    parser.add_argument(
        "--task",
        choices=("predict", "classify"),
        default="predict",
        help="predict the next token, or the label (%(default)s)",
    )
    parser.add_argument("--model", choices=MODELS, help="(lstm)")
    parser.add_argument(
        "--backward",
        action="store_true",
        default=None,
        help="read each text from its end to its beginning",
    )
    parser.add_argument(
        "--folder",
        help="where the run lies (runs/DATA-MODEL, or -MODEL-backward, -classifier, "
        "-classifier-pretrained)",
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in the folder")
    batches = parser.add_argument_group("batches")
    batches.add_argument("--batch-size", type=int, help=f"rows ({BATCH_SIZE}, and 32 to classify)")
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
    settings = {field.name: field.default for field in dataclasses.fields(TrainingSettings)}
    add_flags(parser.add_argument_group("training"), settings)
    labels = parser.add_argument_group("to classify")
    labels.add_argument("--per-class", type=int, metavar="INT", help="labels of each class (all)")
    labels.add_argument("--max-length", type=int, metavar="INT", help="tokens read of a text (all)")
    labels.add_argument("--pretrained", metavar="FOLDER", help="a language model to begin with")
    labels.add_argument(
        "--pretrained-backward", metavar="FOLDER", help="one trained with --backward, besides"
    )
    add_flags(parser.add_argument_group("fine-tuning, with --pretrained"), RECIPE)


def add_sampling_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, help="of the run")
    options = inspect.signature(generate).parameters
    names = [name for name in options if name not in ("model", "vocabulary")]
    add_flags(parser, {name: options[name].default for name in names})


def add_flags(parser: Any, defaults: dict[str, Any], shown: bool = True) -> None:
    """A flag for each name, of its default's type."""
    for name, default in defaults.items():
        flag = flag_of(name, default)
        if isinstance(default, bool):
            action = "store_false" if default else "store_true"
            parser.add_argument(flag, dest=name, action=action, default=None)
            continue
        kind = {"clip_norm": float, "top_k": int}.get(name, type(default))
        text = f"({'none' if default in (None, '') else default})" if shown else None
        parser.add_argument(flag, type=kind, metavar=kind.__name__.upper(), help=text)


def flag_of(name: str, default: Any = None) -> str:
    """The flag of an argument; one that is on by default is switched off by its flag."""
    return f"--{'no-' if default is True else ''}{name.replace('_', '-')}"


def model_options() -> dict[str, Any]:
    """Every size that some model has, with a default that shows its type."""
    options: dict[str, Any] = {}
    for kind in (MLP, RecurrentLM, TextClassifier):
        for name, option in inspect.signature(kind).parameters.items():
            if name not in LEFT_OUT:
                options[name] = option.default
    return options


def require_fitting_flags(options: argparse.Namespace) -> None:
    """Refuse a flag that the task, or a classifier from scratch, does not heed.

    Raises:
        ValueError: names the flag and what it is for.
    """
    given = {name for name, value in vars(options).items() if value is not None}
    if options.task == "predict":
        for name in (*FOR_CLASSIFIERS, *RECIPE):
            if name in given:
                flag = flag_of(name, RECIPE.get(name))
                raise ValueError(f"{flag} is for classifying; add --task classify, or leave it out")
        return
    for name in ("length", "backward"):
        if name in given:
            raise ValueError(
                f"{flag_of(name)} is for language models; a classifier reads whole texts"
            )
    if "pretrained" in given:
        return
    if "pretrained_backward" in given:
        raise ValueError(
            f"--pretrained-backward is {options.pretrained_backward} and --pretrained lacks; give "
            "both, or the forward one"
        )
    for name, default in RECIPE.items():
        if name in given:
            raise ValueError(
                f"{flag_of(name, default)} is for pretrained layers; give the folder of "
                "--pretrained"
            )
