"""`python -m intro_lm sample`: texts from the language model in a run's folder."""

import argparse

from intro_lm.cli.flags import add_argument_flags, given
from intro_lm.cli.run_folder import load_run
from intro_lm.generation import generate
from intro_lm.models import TextClassifier


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--folder", required=True, help="a run's folder")
    add_argument_flags(parser, generate)


def run(options: argparse.Namespace) -> int:
    """Print the texts; a backward model writes from the end, so its texts end with the prompt."""
    model, vocabulary, about = load_run(options.folder)
    if isinstance(model, TextClassifier):
        raise ValueError(f"{options.folder} holds a classifier; give a language model's")
    step = -1 if about["backward"] else 1
    arguments = given(options, generate)
    arguments["prompt"] = arguments.get("prompt", "")[::step]
    texts = [text[::step] for text in generate(model, vocabulary, **arguments)]
    print(("\n\n" if any("\n" in text for text in texts) else "\n").join(texts))
    return 0
