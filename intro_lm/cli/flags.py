"""Flags for the arguments of functions, models and settings, with their names and types."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any

from intro_lm.checks import arguments_of


def defaults_of(function: Callable) -> dict[str, Any]:
    """The defaults of the arguments that have a flag."""
    return {name: default for name, (_, default) in arguments_of(function).items()}


def given(options: argparse.Namespace, *functions: Callable) -> dict[str, Any]:
    """The arguments of the functions whose flags were given."""
    known = arguments_of(*functions)
    return {name: value for name, value in vars(options).items() if name in known}


def add_argument_flags(parser: Any, *functions: Callable, show_defaults: bool = True) -> None:
    """Add a flag for each argument. The options hold only those given."""
    for name, (kind, default) in arguments_of(*functions).items():
        how: dict[str, Any] = {"action": argparse.BooleanOptionalAction}
        if kind is not bool:
            how = {"type": kind, "metavar": kind.__name__.upper()}
        shown = f"({'none' if default in (None, '') else default})" if show_defaults else None
        parser.add_argument(flag_of(name), default=argparse.SUPPRESS, help=shown, **how)


def flag_of(name: str) -> str:
    """The flag of an argument: `--learning-rate` of `learning_rate`."""
    return f"--{name.replace('_', '-')}"


def in_flags(error: BaseException, usage: str) -> str:
    """An error's message, with a command's flags in place of the arguments that they set."""
    message = str(error.args[0] if isinstance(error, KeyError) else error) or "stopped"
    message = message.replace(", resume=True", " --resume").replace("resume=True", "--resume")
    message = message.replace("checkpoint_dir", "--folder")

    def flag(match: re.Match[str]) -> str:
        return flag_of(match[0]) if f"[{flag_of(match[0])}" in usage else match[0]

    # Words such as "steps" are also plain English, unless a message begins "steps is".
    return re.sub(r"(?<![\w/-])([a-z]+(_[a-z]+)+|^[a-z]+(?= is ))\b", flag, message)
