"""`python -m intro_lm sample`: texts from the language model in a run's folder."""

from __future__ import annotations

import argparse

from intro_lm.cli.flags import add_argument_flags, given
from intro_lm.cli.run_folder import load_language_model
from intro_lm.generation import generate


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, help="of the run")
    add_argument_flags(parser, generate)


def run(options: argparse.Namespace) -> int:
    """Print the texts, those of several lines with an empty line between them.

    The prompt is how the texts begin. A backward model writes them from their end, so there the
    prompt is how they end.
    """
    model, vocabulary, about = load_language_model(options.folder)
    step = -1 if about["backward"] else 1
    arguments = {"prompt": ""} | given(options, generate)
    arguments["prompt"] = arguments["prompt"][::step]
    texts = [text[::step] for text in generate(model, vocabulary, **arguments)]
    print(("\n\n" if any("\n" in text for text in texts) else "\n").join(texts))
    return 0
