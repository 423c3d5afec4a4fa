"""The numbers that the notebooks promise, as bands, and the check that a run keeps them.

`expected.toml` holds them. An entry is either exact (`value`), or a band from `low` to `high` that
was laid around the mean over several seeds, with the command that measured it.
"""

from __future__ import annotations

import json
import math
import os
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import intro_lm
from course import display

RECORD_TO = "INTRO_LM_RECORD_EXPECTED"  # a file that collects values instead of checking them


class UnexpectedNumberError(AssertionError):
    """A measured number lies outside the band that the curriculum promises."""


@cache
def bands() -> dict[str, dict[str, Any]]:
    """Every entry of `expected.toml` by its name."""
    text = (resources.files("course") / "expected.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def expect(name: str, value: float) -> None:
    """Check a number against its band and say so in a line that is the same on every machine.

    A notebook stores the number itself as metadata of that line, for the mentor's report.

    >>> expect("01.lecture.parameters", 11897)
    01.lecture.parameters: 11897, as expected

    Args:
        name: the entry in `expected.toml`.
        value: what was measured.

    Raises:
        KeyError: there is no such entry.
        UnexpectedNumberError: the value is not the one expected, or outside its band.
    """
    if RECORD_TO in os.environ:
        with Path(os.environ[RECORD_TO]).open("a", encoding="utf-8") as file:
            file.write(json.dumps([name, value]) + "\n")
        return
    if name not in bands():
        raise KeyError(
            f"no entry {name!r} in expected.toml; measure it with tools/measure_bands.py"
        )
    entry = bands()[name]
    if "value" in entry:
        promise = f"{entry['value']}"
        kept = value == entry["value"]
    else:
        low, high = entry.get("low", -math.inf), entry.get("high", math.inf)
        promise = f"between {low:g} and {high:g}"
        kept = low <= value <= high
    if not kept:
        raise UnexpectedNumberError(
            f"{name} is {value:.6g}, and the curriculum expects {promise}. If you changed the "
            f"code above, that is your finding; if not, something is wrong with the run "
            f"(measured by: {entry['command']})"
        )
    stored = value if "value" in entry else float(f"{value:.6g}")
    metadata = {"number": name, "value": stored, "version": intro_lm.__version__}
    display.publish(f"{name}: {promise}, as expected", metadata)
