"""Datasets from the network: fetched once, checked each time they are read.

Single files come through `pooch` into the folder that `INTRO_LM_CACHE` names, by default the user's
cache folder. The Hugging Face Hub's own client keeps what comes from there; it heeds `HF_ENDPOINT`
(another server), `HF_HOME` (where data is kept) and `HF_HUB_OFFLINE` (ask nobody).
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pooch
import requests

from intro_lm.data.files import read_lines
from intro_lm.data.splits import arrange

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

T = TypeVar("T")
PROBE_SECONDS = 3.0  # how long the network may take to answer before it counts as absent

# Read by the Hub's client when it is imported: a silent connection is given up after 4 seconds, and
# files come by plain HTTP, since its other way of fetching them heeds no time-out.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "4")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


class DatasetUnavailableError(OSError):
    """A dataset is not in the cache and can't be had over the network."""


@dataclass(frozen=True)
class Download:
    """One file on the web: its address, its SHA-256, its name in the cache, and how it is read."""

    address: str
    sha256: str
    filename: str
    read: Callable[[Path], list[str]] = read_lines

    @property
    def path(self) -> Path:
        cache = os.environ.get("INTRO_LM_CACHE") or pooch.os_cache("intro_lm")
        return Path(cache).expanduser() / self.filename

    @property
    def remedy(self) -> str:
        return f"put it (SHA-256 {self.sha256}) at {self.path}; INTRO_LM_CACHE moves the folder"

    def cached(self) -> bool:
        return self.path.is_file() and pooch.file_hash(str(self.path)) == self.sha256

    def ask(self) -> None:
        response = requests.head(self.address, timeout=PROBE_SECONDS, allow_redirects=True)
        response.raise_for_status()

    def fetch(self, name: str) -> Path:
        """The path of the file, fetched first if the cache doesn't hold it whole."""

        def get() -> None:
            pooch.get_logger().setLevel("WARNING")  # it would print where on this machine it goes
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=PROBE_SECONDS)
            where = {"fname": self.filename, "path": self.path.parent}
            pooch.retrieve(self.address, self.sha256, **where, downloader=downloader)

        if not self.cached():
            _reach(self, name, get)
        return self.path


@dataclass(frozen=True)
class Repository:
    """A dataset on the Hub, and which of its columns are ours."""

    path: str
    revision: str | None = None
    label: str | None = None
    text: str = "text"
    config: str | None = None
    folder: str | None = None  # that holds the data, where that is not all of the repository
    regroup: Callable[[Iterable[str]], Iterator[str]] | None = None  # rows that are parts of texts
    remedy = "unset HF_HUB_OFFLINE, or set HF_ENDPOINT to a mirror or HF_HOME to a full cache"

    @property
    def address(self) -> str:
        return f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co')}/datasets/{self.path}"

    def cached(self) -> bool:
        from huggingface_hub import errors, get_cached_repo_tree

        try:
            # A snapshot counts as whole only where the list of the revision's files is there too.
            get_cached_repo_tree(self.path, repo_type="dataset", revision=self.revision)
            self._snapshot(local_files_only=True)
        except (errors.LocalEntryNotFoundError, errors.CachedRepoTreeNotFoundError):
            return False
        return True

    def ask(self) -> None:
        from huggingface_hub import HfApi, get_hf_file_metadata, hf_hub_url

        info = HfApi().dataset_info(self.path, revision=self.revision, timeout=PROBE_SECONDS)
        file = info.siblings[0].rfilename if info.siblings else "README.md"
        url = hf_hub_url(self.path, file, repo_type="dataset", revision=info.sha)
        get_hf_file_metadata(url, timeout=PROBE_SECONDS)  # files may come another way

    def fetch(self, name: str) -> Path:
        """The folder of the dataset's files, fetched if they are not here or damaged."""

        def get() -> Path:
            for _ in range(2):  # what is damaged is fetched once more
                folder = self._snapshot()
                if not _remove_damaged(folder):
                    return folder
            raise OSError("its files came damaged: their hashes differ")

        if self.cached() and not _remove_damaged(folder := self._snapshot(local_files_only=True)):
            return folder
        return _reach(self, name, get)

    def _snapshot(self, local_files_only: bool = False) -> Path:
        from huggingface_hub import snapshot_download
        from tqdm import tqdm

        folder = snapshot_download(
            self.path,
            repo_type="dataset",
            revision=self.revision,
            allow_patterns=f"{self.folder}/*" if self.folder else None,
            etag_timeout=4,
            tqdm_class=tqdm,  # the Hub's own bar is not shown in notebooks
            local_files_only=local_files_only,
        )
        return Path(folder)


def load_hub(
    path: str,
    config: str | None = None,
    *,
    text: str = "text",
    label: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
) -> DatasetDict | IterableDatasetDict:
    """Any dataset of the Hugging Face Hub, `path` being `"owner/name"`, loaded as `load` does.

    Args:
        path, config: the dataset, and which part of it where it has several.
        text, label: the columns with the texts and, if any, the labels.
        revision: a commit; by default the newest when it is first fetched.
        streaming: read rows over the network as they are asked for, and keep nothing.
    """
    return load_repository(Repository(path, revision, label, text, config), path, streaming)


def load_repository(
    repository: Repository, name: str, streaming: bool = False
) -> DatasetDict | IterableDatasetDict:
    """`load_hub` for an entry of the catalogue, whose errors speak of the dataset `name`."""

    def read(path: str, revision: str | None = None) -> IterableDatasetDict:
        import datasets  # not before it is needed: it takes its time

        datasets.config.STREAMING_READ_MAX_RETRIES = 1  # by default 20, 5 seconds apart
        # As a stream in any case: otherwise `datasets` keeps a second copy, which nothing checks.
        options = {"data_dir": repository.folder, "revision": revision, "streaming": True}
        return datasets.load_dataset(path, repository.config, **options)

    streaming = streaming and not repository.regroup  # a text's rows are regrouped all together
    if streaming and not repository.cached():
        streams = _reach(repository, name, lambda: read(repository.path, repository.revision))
    else:
        streams = read(str(repository.fetch(name)))
    ours = {repository.text: "text"} | ({repository.label: "label"} if repository.label else {})
    renamed = {old: new for old, new in ours.items() if old != new}  # to its own name is refused
    streams = streams.select_columns(list(ours)).rename_columns(renamed)
    if streaming:
        return streams
    return arrange({str(split): _table(repository, rows) for split, rows in streams.items()})


def problem_of(ask: Callable[[], None]) -> str | None:
    """None if `ask` returns in time, else its error, or that no answer came."""
    # Asked on a daemon thread, because looking up a host name obeys no time-out.
    answer: list[str | None] = [f"no answer within {PROBE_SECONDS:.0f} seconds"]

    def run() -> None:
        try:
            ask()
            answer[0] = None
        except Exception as error:  # whatever went wrong, the answer is no
            answer[0] = _first_line(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def _reach(origin: Download | Repository, name: str, get: Callable[[], T]) -> T:
    """What `get` returns, if the server answers; whatever goes wrong becomes one clear error."""
    problem = problem_of(origin.ask)
    if problem is None:
        try:
            return get()
        except Exception as error:  # the clients raise errors of many kinds
            problem = _first_line(error)
    raise DatasetUnavailableError(
        f"the dataset {name!r} could not be fetched from {origin.address} ({problem}). Check the "
        f"network or proxy and the disk, or {origin.remedy}; the bundled datasets 'names' and "
        "'name-origins' need no download"
    )


def _first_line(error: BaseException) -> str:
    """An error, or what it came from, as one short line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]


def _remove_damaged(folder: Path) -> bool:
    """Remove the files that are not what the Hub sent; whether there were any."""
    damaged = [link for link in folder.rglob("*") if link.is_symlink() and not _whole(link)]
    for link in damaged:
        link.resolve().unlink(missing_ok=True)
        link.unlink()
    return bool(damaged)


def _whole(link: Path) -> bool:
    """The client names what a link points to by its hash: SHA-256, or for small files Git's."""
    name, content = link.readlink().name, link.read_bytes() if link.exists() else b""
    git_hash = hashlib.sha1(b"blob %d\0" % len(content) + content)
    return name in (hashlib.sha256(content).hexdigest(), git_hash.hexdigest())


def _table(repository: Repository, rows: IterableDataset) -> Dataset:
    """All rows in memory, as texts."""
    import pyarrow
    from datasets import Dataset, DatasetInfo

    batches = list(rows.with_format("arrow").iter(batch_size=10_000))
    table = pyarrow.concat_tables(batches, promote_options="default")
    if repository.regroup:
        return Dataset.from_dict({"text": list(repository.regroup(table["text"].to_pylist()))})
    return Dataset(table, DatasetInfo(features=rows.features))
