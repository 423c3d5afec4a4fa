"""Datasets from the network: fetched once, checked each time they are read.

Single files come through `pooch` into the folder that `INTRO_LM_CACHE` names, by default the user's
cache folder. The Hugging Face Hub's own client keeps what comes from there; it heeds `HF_ENDPOINT`
(another server), `HF_HOME` (where data is kept) and `HF_HUB_OFFLINE` (ask nobody).
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import pooch
import requests
from tqdm import tqdm

from intro_lm.data.files import read_lines
from intro_lm.data.splits import arrange

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

T = TypeVar("T")
PROBE_SECONDS = 3.0  # how long the network may take to answer before it counts as absent
PATIENCE, LEAST = 30.0, 1 << 16  # a fetch is ended when so many seconds bring fewer bytes

# Read by the Hub's client when it is imported: a silent connection is given up after 4 seconds, and
# files come by plain HTTP, since its other way of fetching them heeds no time-out.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "4")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")

# What helps against an error that has these words.
REMEDIES = {
    "Config name is missing": "choose one of them with config=",
    "BuilderConfig": "choose one of them with config=",
    "data files found": "programs are not run; try revision='refs/convert/parquet'",
    "Couldn't cast": "its files have different columns; choose some of them with config=",
    "while parsing": "its card, README.md, is broken; choose another revision=",
    "Repository Not Found": "check the name, or if it is private, `hf auth login` or set HF_TOKEN",
    "401": "run `hf auth login` or set HF_TOKEN",
    "403": "ask for access on its page, then `hf auth login` or set HF_TOKEN",
}


class DatasetUnavailableError(OSError):
    """A dataset is not in the cache and can't be had over the network, or can't be read."""


@dataclass(frozen=True)
class Download:
    """One file on the web: address, bytes, SHA-256, its name in the cache, and how it is read."""

    address: str
    size: int
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
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
                request = {"url": self.address, "known_hash": self.sha256, "path": folder}
                _fetch(request | {"fname": self.filename}, Path(folder), self.size)
                Path(folder, self.filename).replace(self.path)

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
    remedy = "unset HF_HUB_OFFLINE, or set HF_ENDPOINT to a mirror or HF_HOME to a full cache"

    @property
    def address(self) -> str:
        return f"{os.environ.get('HF_ENDPOINT', 'https://huggingface.co')}/datasets/{self.path}"

    @property
    def request(self) -> dict[str, Any]:
        """The arguments of `snapshot_download`."""
        patterns = f"{self.folder}/*" if self.folder else None
        about = {"repo_id": self.path, "repo_type": "dataset", "revision": self.revision}
        return about | {"allow_patterns": patterns, "etag_timeout": 4}

    def snapshot(self) -> Path | None:
        """The folder of the dataset's files, if the cache holds it."""
        from huggingface_hub import errors, get_cached_repo_tree, snapshot_download

        try:
            # A snapshot counts as whole only where the list of the revision's files is there too.
            get_cached_repo_tree(self.path, repo_type="dataset", revision=self.revision)
            return Path(snapshot_download(**self.request, local_files_only=True))
        except (errors.LocalEntryNotFoundError, errors.CachedRepoTreeNotFoundError):
            return None

    def cached(self) -> bool:
        return self.snapshot() is not None

    def ask(self) -> None:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

        card = hf_hub_url(self.path, "README.md", repo_type="dataset", revision=self.revision)
        with contextlib.suppress(errors.RemoteEntryNotFoundError):  # one without a card answers too
            get_hf_file_metadata(card, timeout=PROBE_SECONDS)

    def fetch(self, name: str) -> Path:
        """The folder of the dataset's files, fetched if they are not here or damaged."""

        def get() -> Path:
            from huggingface_hub.constants import HF_HUB_CACHE

            for _ in range(2):  # what is damaged is fetched once more
                _fetch(
                    self.request, Path(HF_HUB_CACHE, f"datasets--{self.path.replace('/', '--')}")
                )
                if (folder := self.snapshot()) and not _remove_damaged(folder):
                    return folder
            raise OSError("its files came damaged: their hashes differ")

        if (folder := self.snapshot()) and not _remove_damaged(folder):
            return folder
        return _reach(self, name, get)


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
        options = {"data_dir": repository.folder, "revision": revision}
        builder = datasets.load_dataset_builder(path, repository.config, **options)
        if hasattr(builder.config, "keep_default_na"):
            builder.config.keep_default_na = False  # in a CSV file "NA" and "None" are texts
        # As a stream in any case: otherwise `datasets` keeps a second copy, which nothing checks.
        return builder.as_streaming_dataset()

    if streaming and not repository.cached():
        streams = _reach(repository, name, lambda: read(repository.path, repository.revision))
    else:
        folder = str(repository.fetch(name))
        streams = _attempt(repository, name, lambda: read(folder))
    ours = {repository.text: "text"} | ({repository.label: "label"} if repository.label else {})
    renamed = {old: new for old, new in ours.items() if old != new}  # to its own name is refused
    rows = next(iter(streams.values()))
    names = _attempt(repository, name, lambda: rows.column_names or list(next(iter(rows))))
    for column in ours:
        if column not in names:
            raise ValueError(f"no column {column!r}; it has {', '.join(names)}")
    streams = streams.select_columns(list(ours)).rename_columns(renamed)
    if streaming:
        return type(streams)({part: _with_text(rows, part) for part, rows in streams.items()})
    parts = {str(part): rows for part, rows in streams.items()}
    return arrange(_attempt(repository, name, lambda: {p: _table(r) for p, r in parts.items()}))


def problem_of(ask: Callable[[], None]) -> str | None:
    """None if `ask` returns in time, else its error, or that no answer came."""
    # Asked on a daemon thread, because looking up a host name obeys no time-out.
    answer: list[str | None] = [f"no answer within {PROBE_SECONDS:.0f} seconds"]

    def run() -> None:
        try:
            ask()
            answer[0] = None
        except Exception as error:  # whatever went wrong, the answer is no
            answer[0] = _reason(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def _reach(origin: Download | Repository, name: str, get: Callable[[], T]) -> T:
    """What `get` returns, if the server answers; whatever goes wrong becomes one clear error."""
    if (problem := problem_of(origin.ask)) is not None:
        raise _unavailable(origin, name, problem)
    return _attempt(origin, name, get)


def _attempt(origin: Download | Repository, name: str, get: Callable[[], T]) -> T:
    try:
        return get()
    except Exception as error:  # the clients raise errors of many kinds
        raise _unavailable(origin, name, _reason(error)) from None


def _unavailable(origin: Download | Repository, name: str, problem: str) -> DatasetUnavailableError:
    remedy = next((remedy for words, remedy in REMEDIES.items() if words in problem), None)
    return DatasetUnavailableError(
        f"the dataset {name!r} could not be had from {origin.address} ({problem}). "
        + (remedy or f"Check the network or proxy and the disk, or {origin.remedy}")
        + "; the bundled datasets 'names' and 'name-origins' need no download"
    )


def _reason(error: BaseException) -> str:
    """An error, or what it came from, in one line."""
    while error.__cause__ is not None and not any(words in str(error) for words in REMEDIES):
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]


def _fetch(request: dict[str, Any], folder: Path, largest: float = math.inf) -> None:
    """Run `fetch.py`, and end it when it makes no progress or writes more than `largest` bytes."""
    command = [sys.executable, str(Path(__file__).with_name("fetch.py")), json.dumps(request)]
    # In a session of its own, so that Ctrl-C comes to this process alone.
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        with tqdm(unit="B", unit_scale=True) as bar:
            seen, since = 0, time.monotonic()
            while process.poll() is None:
                time.sleep(0.05)
                size = sum(map(_size, folder.rglob("*")))
                bar.update(size - bar.n)
                if size > largest:
                    raise OSError(f"it has more than the {largest:,} bytes it should have")
                if size >= seen + LEAST:
                    seen, since = size, time.monotonic()
                if time.monotonic() > since + PATIENCE:
                    raise TimeoutError(f"under {LEAST:,} bytes came in {PATIENCE:.0f} seconds")
        if process.returncode:
            raise OSError(process.communicate()[0].strip())
    finally:
        process.kill()
        process.communicate()


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):  # it may be moved at this moment
        return path.lstat().st_size
    return 0


def _with_text(rows: IterableDataset, part: str) -> IterableDataset:
    """The rows of a stream that have a text; how many have none is printed at 1, 10, 100, …"""
    left_out = 0

    def has_text(text: object) -> bool:
        nonlocal left_out
        if text is not None and not isinstance(text, str):
            raise ValueError(f"the column of texts holds {text!r:.40}, not text; name another")
        if text and text.strip():
            return True
        left_out += 1
        if str(left_out).strip("0") == "1":
            print(f"{part}: {left_out} so far of the rows are left out: they have no text")
        return False

    return rows.filter(has_text, input_columns=["text"])


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


def _table(rows: IterableDataset) -> Dataset:
    """All rows in memory, as texts."""
    import pyarrow
    from datasets import Dataset, DatasetInfo

    batches = list(rows.with_format("arrow").iter(batch_size=10_000))
    table = pyarrow.concat_tables(batches, promote_options="default")
    return Dataset(table, DatasetInfo(features=rows.features))
