"""What was fetched from the Hub: kept with the SHA-256 of its files, not read when damaged."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

RECORD = "intro_lm.json"  # beside a dataset's Arrow files: which they are, and their SHA-256


@dataclass(frozen=True)
class Repository:
    """A dataset on the Hub, and which of its columns are ours.

    `classes` names the values 0, 1, … of a label column that holds bare numbers; `regroup` makes
    texts out of rows where a row is less than a text.
    """

    path: str
    config: str | None = None
    revision: str | None = None
    text: str = "text"
    label: str | None = None
    classes: tuple[str, ...] = ()
    regroup: Callable[[Iterable[str]], Iterator[str]] | None = None


def here(repository: Repository) -> bool:
    """Whether the dataset was fetched before and its files still have their sizes."""
    return any(
        all(
            (folder / file).is_file() and (folder / file).stat().st_size == size
            for files in record["files"].values()
            for file, size, _ in files
        )
        for folder, record in _records(repository)
    )


def _datasets_cache() -> Path:
    """Where `datasets` keeps what it prepared; known without importing it."""
    from huggingface_hub import constants

    return Path(os.environ.get("HF_DATASETS_CACHE") or Path(constants.HF_HOME) / "datasets")


def _records(repository: Repository) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The folders that hold the dataset, newest first, each with its record."""
    paths = _datasets_cache().expanduser().glob(f"*/*/*/*/{RECORD}")
    for path in sorted(paths, key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(ValueError):  # a record that is no JSON is none
            record = json.loads(path.read_text(encoding="utf-8"))
            same = (record["path"], record["config"]) == (repository.path, repository.config)
            if same and repository.revision in (None, record["revision"]):
                yield path.parent, record


def kept(repository: Repository) -> dict[str, Dataset] | None:
    """The dataset as it was fetched before; a damaged copy is removed, so that nothing reads it."""
    from datasets import Dataset, concatenate_datasets

    for folder, record in _records(repository):
        if any(
            not (folder / file).is_file() or _sha256(folder / file) != digest
            for files in record["files"].values()
            for file, _, digest in files
        ):
            shutil.rmtree(folder)
            continue
        return {
            split: concatenate_datasets([Dataset.from_file(str(folder / f)) for f, _, _ in files])
            for split, files in record["files"].items()
        }
    return None


def keep(repository: Repository, commit: str | None, parts: dict[str, Dataset]) -> None:
    """Write the record of a dataset that was just fetched and checked."""
    folder = folder_of(parts)
    files = {
        str(split): [
            (path.name, path.stat().st_size, _sha256(path))
            for path in (Path(file["filename"]) for file in rows.cache_files)
        ]
        for split, rows in parts.items()
    }
    record = {"path": repository.path, "config": repository.config, "revision": commit}
    temporary = folder / f"{RECORD}.{os.getpid()}"
    with suppress(OSError):  # a cache that others filled and nobody may write serves as well
        temporary.write_text(json.dumps({**record, "files": files}), encoding="utf-8")
        temporary.replace(folder / RECORD)


def folder_of(parts: dict[str, Dataset]) -> Path:
    """Where the client keeps what it prepared of a dataset."""
    return Path(next(iter(parts.values())).cache_files[0]["filename"]).parent


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
