"""`python -m intro_lm train`: from a dataset's name to a trained language model in a folder."""

import argparse
from functools import partial
from pathlib import Path
from typing import Any

from intro_lm import data
from intro_lm.cli.flags import add_argument_flags, defaults_of, given
from intro_lm.cli.run_folder import add_run_flags, build, train_in_folder
from intro_lm.data import Batches, PaddedBatches, StreamBatches, Vocabulary, WindowBatches
from intro_lm.data.files import read_text
from intro_lm.evaluation import evaluate
from intro_lm.models import MODELS
from intro_lm.training import TrainingSettings, train


def add_flags(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, batch_size=64)
    parser.add_argument("--model", choices=MODELS, default="lstm", help="(%(default)s)")
    parser.add_argument("--backward", action="store_true", help="read each text from its end")
    parser.add_argument(
        "--length",
        type=int,
        help="read the data as one running text, this many tokens per batch, carry the state, and "
        "keep the last tenth for validation; without it each text is read by itself",
    )
    sizes = parser.add_argument_group("model", "the defaults are the model's own")
    add_argument_flags(sizes, *MODELS.values(), show_defaults=False)


def run(options: argparse.Namespace) -> int:
    """Train, print the losses and save everything in the run's folder."""
    settings = TrainingSettings(**given(options, TrainingSettings))
    texts = load_texts(options)
    vocabulary = Vocabulary.from_texts(text for rows in texts.values() for text in rows)
    sizes = defaults_of(MODELS[options.model]) | given(options, *MODELS.values())
    model = build(options.model, len(vocabulary), sizes, settings.seed)
    if options.max_length is not None and (model.context_length or options.length):
        raise ValueError("--max-length is for models that read whole texts; leave it out")
    batches = {
        split: make_batches(split, rows, vocabulary, model.context_length, options, settings.seed)
        for split, rows in texts.items()
    }

    def test() -> dict[str, Any]:
        if "test" not in batches:
            return {}
        loss = evaluate(model, batches["test"])
        print(f"test {loss:.4f}")
        return {"test_loss": loss}

    kind = options.model + "-backward" * options.backward
    about = {"model": options.model, "backward": options.backward, "sizes": sizes}
    about |= {"max_length": options.max_length}
    learn = partial(train, model, batches["train"], settings, validation=batches["validation"])
    train_in_folder(options, kind, model, vocabulary, about, learn, test)
    return 0


def load_texts(options: argparse.Namespace) -> dict[str, list[str]]:
    """The texts of each split, reversed for a backward model; no test split with `--length`."""
    name = options.data
    if options.length is None:
        corpus = load_corpus(options)
    else:
        text = read_text(Path(name)) if Path(name).suffix else data.running_text(name)
        corpus = data.split_in_order(text)
    step = -1 if options.backward else 1
    return {split: [text[::step] for text in rows["text"]] for split, rows in corpus.items()}


def load_corpus(options: argparse.Namespace, label: str | None = None) -> Any:
    """The splits of the dataset or file that `--data` names; `label` is a file's column."""
    if Path(options.data).suffix:  # no dataset in the catalogue has a dot in its name
        return data.load_file(options.data, text=options.text or "text", label=label)
    return data.load(options.data)


def make_batches(
    split: str,
    texts: list[str],
    vocabulary: Vocabulary,
    context_length: int | None,
    options: argparse.Namespace,
    seed: int,
) -> Batches:
    """A split as the model reads it: windows, rows of one running text, or whole texts."""
    size, training = options.batch_size, split == "train"
    if context_length is not None:
        windows = data.context_windows(vocabulary, texts, context_length)
        return WindowBatches(*windows, batch_size=size if training else 8192, seed=seed)
    if options.length is not None:
        # The first tokens of a row lack their context, so evaluating takes few rows.
        size = size if training else min(size, 8)
        return StreamBatches.from_texts(vocabulary, texts, size, options.length, seed=seed)
    size = size if training else min(256, 4 * size)
    how = {"seed": seed, "max_length": options.max_length, "name": split}
    return PaddedBatches.from_texts(vocabulary, texts, size, **how)
