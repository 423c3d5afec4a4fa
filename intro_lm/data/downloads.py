"""Single files from the web: fetched once through `pooch`, checked by SHA-256, kept in a cache.

The cache is the folder that `INTRO_LM_CACHE` names, by default the user's cache folder.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pooch
import requests

PROBE_SECONDS = 3.0  # how long the network may take to answer before it counts as absent


class DatasetUnavailableError(OSError):
    """A dataset is neither in the cache nor to be had over the network."""


@dataclass(frozen=True)
class Download:
    """One file on the web: its address, its SHA-256, and its name in the cache."""

    url: str
    sha256: str
    filename: str


def cache_folder() -> Path:
    """Where downloaded files are kept: `INTRO_LM_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("INTRO_LM_CACHE") or pooch.os_cache("intro_lm")).expanduser()


def cached(download: Download) -> bool:
    """Whether the cache holds the right file."""
    path = cache_folder() / download.filename
    return path.is_file() and pooch.file_hash(str(path)) == download.sha256


def fetch(download: Download, name: str, instead: str) -> Path:
    """The path of a downloaded file, fetched first where it is not in the cache.

    Raises:
        DatasetUnavailableError: it cannot be had, or the cache cannot be written; the message
            names the dataset `name` and the bundled one that serves `instead`.
    """
    if cached(download):
        return cache_folder() / download.filename
    path = cache_folder() / download.filename
    problem = reachable(download.url)
    if problem is None:
        pooch.get_logger().setLevel("WARNING")  # it would say where on this machine the file goes
        try:
            pooch.retrieve(
                download.url,
                known_hash=f"sha256:{download.sha256}",
                fname=download.filename,
                path=cache_folder(),
                downloader=pooch.HTTPDownloader(progressbar=True, timeout=PROBE_SECONDS),
            )
            return path
        except (requests.RequestException, ValueError, OSError) as error:
            problem = first_line(error)
    unfit = f", and {path} is another file: its SHA-256 differs" if path.exists() else ""
    raise DatasetUnavailableError(
        f"the dataset {name!r} could not be fetched from {download.url} ({problem}){unfit}. Check "
        f"the network or proxy, or put the file there as {path} (INTRO_LM_CACHE names another "
        f"folder); the bundled dataset {instead!r} needs no download"
    )


def reachable(url: str) -> str | None:
    """None if the server answers for `url` in time, else what went wrong."""

    def ask() -> str | None:
        try:
            response = requests.head(url, timeout=PROBE_SECONDS, allow_redirects=True)
            return None if response.ok else f"HTTP status {response.status_code}"
        except requests.RequestException as error:
            return first_line(error)

    return in_time(ask)


def in_time(ask: Callable[[], str | None]) -> str | None:
    """What `ask` returns, or that nothing came in time.

    The question is asked on a daemon thread, because looking up a host name obeys no time-out.
    """
    answer: list[str | None] = [f"no answer within {PROBE_SECONDS:.0f} seconds"]

    def run() -> None:
        answer[0] = ask()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def first_line(error: BaseException) -> str:
    """An error as one short line."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
