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
from typing import TYPE_CHECKING, TypeVar

from intro_lm.data.downloads import (
    PROBE_SECONDS,
    DatasetUnavailableError,
    first_line,
    problem_in_time,
)
from intro_lm.data.labels import class_label
from intro_lm.data.splits import arrange

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

T = TypeVar("T")

# Read by the Hub's client when it is imported: a silent connection is given up after 4 seconds, and
# files come by plain HTTP, since its other way of fetching them heeds no time-out.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "4")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


@dataclass(frozen=True)
class Repository:
    """A dataset on the Hub, and which of its columns are ours.

    `folder` is the one that holds the data, where that is not all of the repository; `regroup`
    makes texts out of rows where a row is less than a text.
    """

    path: str
    revision: str | None = None
    config: str | None = None
    text: str = "text"
    label: str | None = None
    folder: str | None = None
    regroup: Callable[[Iterable[str]], Iterator[str]] | None = None

    def cached(self) -> bool:
        """Whether the dataset was fetched before, whole."""
        from huggingface_hub import get_cached_repo_tree
        from huggingface_hub.errors import CachedRepoTreeNotFoundError, LocalEntryNotFoundError

        try:
            # A snapshot counts as whole only where the list of the revision's files is there too.
            get_cached_repo_tree(self.path, repo_type="dataset", revision=self.revision)
            _snapshot(self, local_files_only=True)
        except (LocalEntryNotFoundError, CachedRepoTreeNotFoundError):
            return False
        return True

    def problem(self) -> str | None:
        """None if the Hub answers for the dataset in time, else what is wrong."""
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

        def ask() -> None:
            info = HfApi().dataset_info(self.path, revision=self.revision, timeout=PROBE_SECONDS)
            file = info.siblings[0].rfilename if info.siblings else "README.md"
            url = hf_hub_url(self.path, file, repo_type="dataset", revision=info.sha)
            get_hf_file_metadata(url, timeout=PROBE_SECONDS)  # files may come another way

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

    def read(path: str, **source: str | None) -> IterableDatasetDict:
        import datasets  # not before it is needed: it takes its time

        datasets.config.STREAMING_READ_MAX_RETRIES = 1  # by default 20, 5 seconds apart
        # As a stream in any case: otherwise `datasets` keeps a second copy, which nothing checks.
        return datasets.load_dataset(
            path, repository.config, data_dir=repository.folder, streaming=True, **source
        )

    row_by_row = streaming and not repository.regroup  # regrouping takes a text's rows together
    if row_by_row and not repository.cached():
        revision = repository.revision
        streams = _reach(repository, name, lambda: read(repository.path, revision=revision))
    else:
        streams = read(str(_fetch(repository, name)))
    for split, rows in streams.items():
        streams[split] = _our_columns(repository, rows)
    if row_by_row:
        return streams
    corpus = arrange(_with_classes({str(s): _table(repository, streams[s]) for s in streams}))
    return as_streams(corpus) if streaming else corpus


def as_streams(corpus: DatasetDict) -> IterableDatasetDict:
    """The same splits, read row by row."""
    from datasets import IterableDatasetDict

    return IterableDatasetDict({name: rows.to_iterable_dataset() for name, rows in corpus.items()})


def _fetch(repository: Repository, name: str) -> Path:
    """The folder of the dataset's files, fetched if they are not here or damaged."""
    if repository.cached() and not _remove_damaged(folder := _snapshot(repository, True)):
        return folder
    for _ in range(2):  # what comes damaged is fetched once more
        folder = _reach(repository, name, lambda: _snapshot(repository, False))
        if not _remove_damaged(folder):
            return folder
    raise _unavailable(repository, name, "its files came damaged: their hashes differ")


def _reach(repository: Repository, name: str, ask: Callable[[], T]) -> T:
    """What `ask` returns, if the Hub answers; whatever goes wrong becomes one clear error."""
    problem = repository.problem()
    if problem is None:
        try:
            return ask()
        except Exception as error:  # the client raises errors of many kinds
            problem = first_line(error)
    raise _unavailable(repository, name, problem)


def _unavailable(repository: Repository, name: str, problem: str) -> DatasetUnavailableError:
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
        allow_patterns=f"{repository.folder}/*" if repository.folder else None,
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
        expected, content = link.readlink().name, link.read_bytes() if link.exists() else b""
        digest = hashlib.sha256(content)
        if len(expected) != 64:
            digest = hashlib.sha1(b"blob %d\0" % len(content) + content)
        if digest.hexdigest() != expected:
            link.resolve().unlink(missing_ok=True)
            link.unlink()
            damaged = True
    return damaged


def _our_columns(repository: Repository, rows: IterableDataset) -> IterableDataset:
    """The rows with the columns `text` and perhaps `label`."""
    wanted = {repository.text: "text"}
    if repository.label is not None:
        wanted[repository.label] = "label"
    for column in wanted:
        if rows.column_names and column not in rows.column_names:
            raise ValueError(
                f"{repository.path} has no column {column!r}; it has {', '.join(rows.column_names)}"
            )
    # A stream refuses to rename a column to its own name.
    renamed = {old: new for old, new in wanted.items() if old != new}
    return rows.select_columns(list(wanted)).rename_columns(renamed)


def _table(repository: Repository, rows: IterableDataset) -> Dataset:
    """All rows in memory, as texts."""
    import pyarrow
    from datasets import Dataset, DatasetInfo

    batches = list(rows.with_format("arrow").iter(batch_size=10_000))
    table = pyarrow.concat_tables(batches, promote_options="default")
    if table.schema.field("text").type not in (pyarrow.string(), pyarrow.large_string()):
        raise ValueError(
            f"the column {repository.text!r} of {repository.path} is not text; name another"
        )
    if repository.regroup:
        return Dataset.from_dict({"text": list(repository.regroup(table["text"].to_pylist()))})
    return Dataset(table, DatasetInfo(features=rows.features))


def _with_classes(parts: dict[str, Dataset]) -> dict[str, Dataset]:
    """The labels, if any, as a `ClassLabel`, the same in every split; -1 is a missing one."""
    from datasets import ClassLabel

    feature = next(iter(parts.values())).features.get("label")
    if feature is None or isinstance(feature, ClassLabel):
        return parts
    every = [label for rows in parts.values() for label in rows["label"][:]]
    known = [label for label in every if label not in (None, "", -1)]
    classes = class_label(known, range(len(known)))
    id_of = {label: classes.str2int(str(label)) for label in set(known)}
    return {
        split: rows.remove_columns("label").add_column(
            "label", [id_of.get(label, -1) for label in rows["label"][:]], feature=classes
        )
        for split, rows in parts.items()
    }
