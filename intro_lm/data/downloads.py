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
    """A dataset is not in the cache and can't be had over the network."""


@dataclass(frozen=True)
class Download:
    """One file on the web: its address, its SHA-256, and its name in the cache."""

    url: str
    sha256: str
    filename: str

    @property
    def path(self) -> Path:
        """Where the file is kept."""
        cache = os.environ.get("INTRO_LM_CACHE") or pooch.os_cache("intro_lm")
        return Path(cache).expanduser() / self.filename

    def cached(self) -> bool:
        """Whether the cache holds the right file."""
        return self.path.is_file() and pooch.file_hash(str(self.path)) == self.sha256

    def problem(self) -> str | None:
        """None if the server answers in time, else what is wrong."""

        def ask() -> None:
            answer = requests.head(self.url, timeout=PROBE_SECONDS, allow_redirects=True)
            answer.raise_for_status()

        return problem_in_time(ask)

    def fetch(self, name: str) -> Path:
        """The path of the file, fetched first if it is not in the cache.

        If it can't be had, a `DatasetUnavailableError` names the dataset `name`.
        """
        path = self.path
        if self.cached():
            return path
        problem = self.problem()
        if problem is None:
            pooch.get_logger().setLevel("WARNING")  # it would print where on this machine it goes
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=PROBE_SECONDS)
            try:
                pooch.retrieve(
                    self.url, f"sha256:{self.sha256}", path.name, path.parent, downloader=downloader
                )
                return path
            except (requests.RequestException, ValueError, OSError) as error:
                problem = first_line(error)
        unfit = f", and {path} is another file: its SHA-256 differs" if path.exists() else ""
        raise DatasetUnavailableError(
            f"the dataset {name!r} could not be fetched from {self.url} ({problem}){unfit}. Check "
            f"the network or proxy, or put the file there as {path} (INTRO_LM_CACHE names another "
            "folder); the bundled dataset 'names' needs no download"
        )


def problem_in_time(ask: Callable[[], None]) -> str | None:
    """None if `ask` returns in time, else its error, or that nothing came.

    The question is asked on a daemon thread, because looking up a host name obeys no time-out.
    """
    answer: list[str | None] = [f"no answer within {PROBE_SECONDS:.0f} seconds"]

    def run() -> None:
        try:
            ask()
            answer[0] = None
        except Exception as error:  # whatever went wrong, the answer is no
            answer[0] = first_line(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def first_line(error: BaseException) -> str:
    """An error, or what it came from, as one short line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
