"""Datasets of the Hugging Face Hub: fetched once, checked each time they are read.

The Hub's own client keeps them and heeds `HF_ENDPOINT` (another server), `HF_HOME` (where data is
kept) and `HF_HUB_OFFLINE` (ask nobody).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from intro_lm.data.downloads import (
    PROBE_SECONDS,
    DatasetUnavailableError,
    first_line,
    problem_in_time,
)
from intro_lm.data.labels import class_label
from intro_lm.data.splits import arrange

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDatasetDict

# Read by the Hub's client when it is imported: a silent connection is given up after 4 seconds, and
# files come by plain HTTP, since its other way of fetching them heeds no time-out.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "4")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


@dataclass(frozen=True)
class Repository:
    """A dataset on the Hub, and which of its columns are ours.

    `files` are patterns of the files to fetch; `regroup` makes texts out of rows where a row is
    less than a text.
    """

    path: str
    revision: str | None = None
    config: str | None = None
    text: str = "text"
    label: str | None = None
    files: tuple[str, ...] = ("*",)
    regroup: Callable[[Iterable[str]], Iterator[str]] | None = None

    def cached(self) -> bool:
        """Whether the dataset was fetched before, whole."""
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError, LocalEntryNotFoundError

        try:
            _snapshot(self, local_files_only=True)  # refuses a folder that lacks one of …
            get_cached_repo_tree(self.path, repo_type="dataset", revision=self.revision)  # … these
        except (LocalEntryNotFoundError, CachedRepoTreeNotFoundError):
            return False
        return True

    def problem(self) -> str | None:
        """None if the Hub answers for the dataset in time, else what is wrong."""
        from huggingface_hub import HfApi

        def ask() -> object:
            return HfApi().dataset_info(self.path, revision=self.revision, timeout=PROBE_SECONDS)

        return problem_in_time(ask)


def load_hub(
    path: str,
    config: str | None = None,
    *,
    text: str = "text",
    label: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
) -> DatasetDict | IterableDatasetDict:
    """Any dataset of the Hugging Face Hub, split as `load` does.

    Args:
        path: `"owner/name"`.
        config: which part, where a dataset has several.
        text: the column with the texts.
        label: the column with the labels, if any.
        revision: a commit; by default the newest when it is first fetched.
        streaming: read rows over the network as they are asked for, and keep nothing.

    Returns:
        A `DatasetDict` with a column `text` and, where asked for, a `ClassLabel` column `label`.
        When streaming, an `IterableDatasetDict` with the splits, rows and labels of the source.

    Raises:
        ValueError: `path` is not `owner/name`, a column is missing or isn't text, or as `split`.
        DatasetUnavailableError: it is not in the cache and can't be fetched.
    """
    if path.count("/") != 1 or not all(path.split("/")):
        raise ValueError(f"the dataset is {path!r}; it must be 'owner/name'")
    return load_repository(Repository(path, revision, config, text, label), path, streaming)


def load_repository(
    repository: Repository, name: str, streaming: bool = False
) -> DatasetDict | IterableDatasetDict:
    """`load_hub` for an entry of the catalogue, whose errors speak of the dataset `name`."""
    if not streaming or repository.regroup:
        corpus = arrange(_read(repository, _fetch(repository, name)))
        return as_streams(corpus) if streaming else corpus
    streams = _open(repository, name)
    for split, rows in streams.items():
        wanted = _wanted(repository, rows.column_names)
        # A stream refuses to rename a column to its own name.
        renamed = {old: new for old, new in wanted.items() if old != new}
        streams[split] = rows.select_columns(list(wanted)).rename_columns(renamed)
    return streams


def as_streams(corpus: DatasetDict) -> IterableDatasetDict:
    """The same splits, read row by row."""
    from datasets import IterableDatasetDict

    return IterableDatasetDict({name: rows.to_iterable_dataset() for name, rows in corpus.items()})


def _fetch(repository: Repository, name: str) -> Path:
    """The folder of the dataset's files, fetched where they are not here or damaged."""
    here = repository.cached()
    for _ in range(3):  # those that are here, and two tries to fetch them
        problem = None if here else repository.problem()
        if problem:
            break
        try:
            folder = _snapshot(repository, local_files_only=here)
        except Exception as error:  # the client raises errors of many kinds
            problem = first_line(error)
            break
        if not _remove_damaged(folder):
            return folder
        here, problem = False, "its files came damaged: their hashes are not those of the Hub"
    raise _unavailable(repository, name, problem)


def _open(repository: Repository, name: str) -> IterableDatasetDict:
    """The dataset's own splits, row by row over the network, or from here if it was fetched."""
    import datasets

    datasets.config.STREAMING_READ_MAX_RETRIES = 1  # by default 20, 5 seconds apart
    if repository.cached():
        folder = _fetch(repository, name)
        return datasets.load_dataset(str(folder), repository.config, streaming=True)
    problem = repository.problem()
    if not problem:
        try:
            return datasets.load_dataset(
                repository.path, repository.config, revision=repository.revision, streaming=True
            )
        except Exception as error:  # as above
            problem = first_line(error)
    raise _unavailable(repository, name, problem)


def _unavailable(repository: Repository, name: str, problem: str | None) -> DatasetUnavailableError:
    from huggingface_hub import constants

    instead = "names" if repository.label is None else "name-origins"
    return DatasetUnavailableError(
        f"the dataset {name!r} could not be fetched from {constants.ENDPOINT}/datasets/"
        f"{repository.path} ({problem}). Check the network or proxy and the disk, unset "
        "HF_HUB_OFFLINE, or set HF_ENDPOINT to a mirror or HF_HOME to a folder that holds the "
        f"dataset; the bundled dataset {instead!r} needs no download"
    )


def _snapshot(repository: Repository, local_files_only: bool) -> Path:
    from huggingface_hub import snapshot_download
    from tqdm import tqdm

    folder = snapshot_download(
        repository.path,
        repo_type="dataset",
        revision=repository.revision,
        allow_patterns=list(repository.files),
        etag_timeout=4,
        tqdm_class=tqdm,  # the Hub's own bar is not shown in notebooks
        local_files_only=local_files_only,
    )
    return Path(folder)


def _remove_damaged(folder: Path) -> bool:
    """Remove the files that are not what the Hub sent; whether there were any."""
    damaged = False
    for link in filter(Path.is_symlink, folder.rglob("*")):
        # The client names what a link points to by its hash: SHA-256, or for small files Git's.
        expected, file = link.readlink().name, link.resolve()
        digest = hashlib.sha256()
        if len(expected) != 64:
            digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size)
        digest.update(file.read_bytes())
        if digest.hexdigest() != expected:
            file.unlink()
            link.unlink()
            damaged = True
    return damaged


def _read(repository: Repository, folder: Path) -> dict[str, Dataset]:
    """The dataset's own splits with our columns."""
    import pyarrow
    from datasets import ClassLabel, Dataset, DatasetInfo, load_dataset

    parts = {}
    # Read as a stream, since `datasets` would keep a second copy, which nothing checks.
    for split, rows in load_dataset(str(folder), repository.config, streaming=True).items():
        batches = list(rows.with_format("arrow").iter(batch_size=10_000))
        table = pyarrow.concat_tables(batches, promote_options="default")
        part = Dataset(table, DatasetInfo(features=rows.features))
        wanted = _wanted(repository, part.column_names)
        part = part.select_columns(list(wanted)).rename_columns(wanted)
        kind = getattr(part.features["text"], "dtype", "a list")
        if kind not in ("string", "large_string"):
            raise ValueError(
                f"the column {repository.text!r} of {repository.path} holds {kind} and not text"
            )
        if repository.regroup:
            part = Dataset.from_dict({"text": list(repository.regroup(part["text"][:]))})
        parts[str(split)] = part
    if repository.label is None or isinstance(part.features["label"], ClassLabel):
        return parts
    missing = (None, "", -1)  # as on the Hub
    given = [label for rows in parts.values() for label in rows["label"][:] if label not in missing]
    feature = class_label(given, range(len(given)))
    for split, rows in parts.items():
        ids = [-1 if x in missing else feature.str2int(str(x)) for x in rows["label"][:]]
        parts[split] = rows.remove_columns("label").add_column("label", ids, feature=feature)
    return parts


def _wanted(repository: Repository, columns: Iterable[str] | None) -> dict[str, str]:
    """Our columns by the source's names."""
    wanted = {repository.text: "text"}
    if repository.label is not None:
        wanted[repository.label] = "label"
    for column in wanted:
        if columns is not None and column not in columns:
            raise ValueError(
                f"{repository.path} has no column {column!r}; it has {', '.join(columns)}"
            )
    return wanted
