"""Fetching a dataset of the Hugging Face Hub, and keeping it so that it can be trusted.

The Hub's own client does the work. Here it gets less patience, and what it fetched gets a record
with the SHA-256 of its files, from which it is read ever after with no network asked. The client
heeds `HF_ENDPOINT` (another server), `HF_HOME` (where data is kept) and `HF_HUB_OFFLINE` (ask
nobody); it reads them when it is first imported.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intro_lm.data.downloads import PROBE_SECONDS, DatasetUnavailableError, first_line, in_time

if TYPE_CHECKING:
    import httpx2
    from datasets import Dataset

STALL_SECONDS = 4  # a connection that has been silent for this long is given up
TRIES = 2  # how often a thing is asked for that does not come
WHOLE = 1 << 24  # bytes; a longer answer is read bit by bit, and resumed where it breaks off
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


def problem_with(repository: Repository) -> str | None:
    """None if the Hub answers for the dataset in time, else what is wrong."""
    return _ask(repository)[0]


def _ask(repository: Repository) -> tuple[str | None, str | None]:
    """What is wrong, or else the commit."""
    from huggingface_hub import HfApi

    api, errors = HfApi(), _network_errors()
    commit: list[str | None] = [None]

    def ask() -> str | None:
        try:
            info = api.dataset_info(
                repository.path, revision=repository.revision, timeout=PROBE_SECONDS
            )
        except errors as error:
            return first_line(error)
        commit[0] = info.sha
        return None

    return in_time(ask), commit[0]


def fetch_repository(
    repository: Repository, name: str, instead: str, streaming: bool
) -> dict[str, Any]:
    """The dataset's own splits, from the Hub, or where streaming the way to them.

    Raises:
        DatasetUnavailableError: it cannot be had, or the cache cannot be written; the message
            names the dataset `name` and the bundled one that serves `instead`.
    """
    import huggingface_hub

    commit = repository.revision
    problem = None
    # Offline, `datasets` may still find what it prepared itself some day.
    if not huggingface_hub.is_offline_mode():
        problem, commit = _ask(repository)
    if problem is None:
        problem, parts, damaged = _download(repository, commit, streaming)
        if damaged:  # it may have lain in the client's cache: once more, without it
            problem, parts, damaged = _download(repository, commit, streaming)
        if parts and not problem:
            if not streaming:
                _record(repository, commit, parts)
            return parts
    address = f"{huggingface_hub.constants.ENDPOINT}/datasets/{repository.path}"
    raise DatasetUnavailableError(
        f"the dataset {name!r} could not be fetched from {address} ({problem}). Check the network "
        "or proxy and the disk, unset HF_HUB_OFFLINE, or set HF_ENDPOINT to a mirror or HF_HOME to "
        f"a folder that holds the dataset; the bundled dataset {instead!r} needs no download"
    )


def _download(
    repository: Repository, commit: str | None, streaming: bool
) -> tuple[str | None, dict[str, Any], bool]:
    """What is wrong, the splits, and whether damaged files had to be removed."""
    import huggingface_hub
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    problem, parts = None, {}
    with _patience(streaming):
        try:
            found = load_dataset(
                repository.path, repository.config, revision=commit, streaming=streaming
            )
            parts = {str(split): rows for split, rows in found.items()}
        except (*_network_errors(), DatasetsError) as error:
            cause: BaseException = error
            while cause.__cause__ is not None:
                cause = cause.__cause__
            problem = first_line(cause)
        if streaming or commit is None or huggingface_hub.is_offline_mode():
            return problem, parts, False
        damaged = _remove_damaged(repository.path, commit)
    if damaged:
        problem = f"the SHA-256 of {', '.join(damaged)} differs from the Hub's"
        if parts:
            shutil.rmtree(_folder_of(parts), ignore_errors=True)
    return problem, parts, bool(damaged)


def _network_errors() -> tuple[type[Exception], ...]:
    import httpx2

    # ValueError: what came is not what was asked for, such as a portal's log-in page.
    return (OSError, ValueError, httpx2.HTTPError)


@contextmanager
def _patience(streaming: bool) -> Iterator[None]:
    """Make the client give up within half a minute, and show its progress in a notebook too."""
    import datasets
    from huggingface_hub import constants, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    set_client_factory(_client_that_gives_up)
    # The Hub's second way of sending files goes past that client.
    xet, constants.HF_HUB_DISABLE_XET = constants.HF_HUB_DISABLE_XET, True
    if streaming:  # 20 tries, 5 seconds apart, else
        datasets.config.STREAMING_READ_MAX_RETRIES = datasets.config.STREAMING_OPEN_MAX_RETRIES = 1
        datasets.config.STREAMING_READ_RETRY_INTERVAL = 1
        datasets.config.STREAMING_READ_SERVER_UNAVAILABLE_RETRY_INTERVAL = 1
    # The client shows no bar where the output is no terminal, unless this is set.
    position = os.environ.get("TQDM_POSITION")
    os.environ["TQDM_POSITION"] = "-1"
    try:
        yield
    finally:
        if not streaming:  # a stream is read later, so for it all this stays
            set_client_factory(default_client_factory)
            constants.HF_HUB_DISABLE_XET = xet
        if position is None:
            del os.environ["TQDM_POSITION"]
        else:
            os.environ["TQDM_POSITION"] = position


def _client_that_gives_up() -> httpx2.Client:
    """The Hub's own HTTP client, which asks for a thing twice and not six times."""
    from huggingface_hub.utils._http import default_client_factory

    tries: Counter[tuple[str, ...]] = Counter()

    def key(request: httpx2.Request) -> tuple[str, ...]:
        return request.method, str(request.url), request.headers.get("Range", "")

    def before(request: httpx2.Request) -> None:
        phases = ("connect", "read", "write", "pool")
        request.extensions["timeout"] = dict.fromkeys(phases, STALL_SECONDS)
        tries[key(request)] += 1
        if tries[key(request)] > TRIES:
            tries.clear()
            raise ConnectionError(f"no whole answer to {request.method} {request.url}")

    def after(response: httpx2.Response) -> None:
        if response.status_code < 500:
            if int(response.headers.get("Content-Length") or 0) < WHOLE:
                response.read()  # a body that breaks off is no answer
            del tries[key(response.request)]

    client = default_client_factory()
    client.event_hooks = {
        "request": [*client.event_hooks["request"], before],
        "response": [*client.event_hooks["response"], after],
    }
    return client


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


def _record(repository: Repository, commit: str | None, parts: dict[str, Dataset]) -> None:
    folder = _folder_of(parts)
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


def _folder_of(parts: dict[str, Dataset]) -> Path:
    return Path(next(iter(parts.values())).cache_files[0]["filename"]).parent


def _remove_damaged(path: str, commit: str) -> list[str]:
    """Remove from the client's cache what is not what the Hub says; the names of those files."""
    from huggingface_hub import HfApi

    try:
        found = HfApi().verify_repo_checksums(path, repo_type="dataset", revision=commit)
    except _network_errors():  # no such folder: nothing was fetched
        return []
    for mismatch in found.mismatches:
        link = found.verified_path / mismatch["path"]
        link.resolve().unlink(missing_ok=True)
        link.unlink(missing_ok=True)
    return [mismatch["path"] for mismatch in found.mismatches]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
