"""A sweep as a TOML file, for `python -m intro_lm sweep`; docs/command-line.md shows one."""

import tomllib
from pathlib import Path
from typing import Any

from intro_lm.search.experiment import Experiment

KEYS = {
    "dataset": str, "model": str, "sampler": str, "pruner": str, "seed": int, "fixed": dict,
    "space": dict,
}  # fmt: skip


def read_sweep(path: str | Path) -> tuple[Experiment, dict[str, Any]]:
    """The objective and the other arguments of `sweep` that a file gives.

    A `ValueError` says what is wrong with the file.
    """
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))  # with a BOM or without
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file in UTF-8: {error}") from error
    for key, value in {"space": None, **entries}.items():
        if type(value) is not KEYS.get(key):
            known = ", ".join(f"{name} ({kind.__name__})" for name, kind in KEYS.items())
            raise ValueError(f"{path}: {key} is {value!r}; a sweep's file has {known}")
    how = {key: entries.pop(key) for key in ["space", "sampler", "pruner"] if key in entries}
    experiment = Experiment(**entries)
    return experiment, {**how, "seed": experiment.seed}
