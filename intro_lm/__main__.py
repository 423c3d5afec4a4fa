"""The command line: `python -m intro_lm COMMAND`."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module

COMMANDS = {  # each is a module of intro_lm.cli
    "train": "train a language model",
    "sample": "write texts with a trained language model",
    "classify": "train a text classifier",
    "sweep": "search hyperparameters; the same command continues a sweep",
    "data": "list, fetch and look at datasets",
    "doctor": "check versions, device, threads, disk and git branch",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status: 1 after an error, 130 after Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog="python -m intro_lm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    parsers = {name: commands.add_parser(name, help=COMMANDS[name]) for name in COMMANDS}
    # Only the chosen module is imported: the doctor must run where packages are missing.
    chosen = next((name for name in arguments[:1] if name in COMMANDS), "doctor")
    try:
        command = import_module(f"intro_lm.cli.{chosen}")
    except ImportError as error:
        print(f"{error}; for a remedy run: {sys.executable} -m intro_lm doctor", file=sys.stderr)
        return 1
    command.add_flags(parsers[chosen])
    options = parser.parse_args(arguments)
    try:
        return command.run(options)
    except (ValueError, KeyError, OSError, ArithmeticError, KeyboardInterrupt) as error:
        # Not at the top: an old Python can't read it, but must run the doctor.
        from intro_lm.cli.flags import in_flags

        print(in_flags(error, parsers[chosen].format_usage()), file=sys.stderr)
        return 130 if isinstance(error, KeyboardInterrupt) else 1


if __name__ == "__main__":
    sys.exit(main())
