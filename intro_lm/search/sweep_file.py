"""A sweep as a TOML file, for `python -m intro_lm sweep`; docs/command-line.md shows one."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from intro_lm.search.experiment import Experiment
from intro_lm.search.space import Space

KEYS: dict[str, type] = {
    "dataset": str, "model": str, "sampler": str, "pruner": str, "seed": int, "fixed": dict,
    "space": dict,
}  # fmt: skip


@dataclass(frozen=True)
class SweepFile:
    """What the file says: the experiment, its space, and how to search it."""

    experiment: Experiment
    space: Space
    sampler: str = "tpe"
    pruner: str = "none"
    seed: int = 0


def read_sweep(path: str | Path) -> SweepFile:
    """Read a sweep's file; a `ValueError` says what is wrong with it."""
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a TOML file: {error}") from error
    for key, value in {"space": None, **entries}.items():
        if type(value) is not KEYS.get(key):
            known = ", ".join(f"{name} ({kind.__name__})" for name, kind in KEYS.items())
            raise ValueError(f"{path}: {key} is {value!r}; a sweep's file has {known}")
    search = {key: entries.pop(key) for key in ("space", "sampler", "pruner") if key in entries}
    experiment = Experiment(**entries)
    return SweepFile(experiment, seed=experiment.seed, **search)
