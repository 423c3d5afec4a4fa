"""Fetching a dataset of the Hugging Face Hub, in a way that ends.

The Hub's own client does the work, with less patience. It heeds `HF_ENDPOINT` (another server),
`HF_HOME` (where data is kept) and `HF_HUB_OFFLINE` (ask nobody), and reads them when it is first
imported.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from intro_lm.data.downloads import PROBE_SECONDS, DatasetUnavailableError, first_line, in_time
from intro_lm.data.hub_cache import Repository, folder_of, keep

if TYPE_CHECKING:
    import httpx2

STALL_SECONDS = 4  # a connection that has been silent for this long is given up
TRIES = 2  # how often a thing is asked for that does not come
WHOLE = 1 << 24  # bytes; a longer answer is read bit by bit, and resumed where it breaks off


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
                keep(repository, commit, parts)
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
            shutil.rmtree(folder_of(parts), ignore_errors=True)
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
