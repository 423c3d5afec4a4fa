"""Files from the web: fetched once, checked each time they are read, with one clear error.

`pooch` puts them into the folder that `INTRO_LM_CACHE` names, by default the user's cache.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pooch
import requests
from tqdm import tqdm

from intro_lm.data.files import read_lines

PROBE_SECONDS = 3.0  # how long the network may take to answer before it counts as absent
PATIENCE, LEAST = 30.0, 1 << 16  # seconds, bytes: a fetch that brings fewer is stopped

# Remedies for errors with these words; other errors come from the network or the disk.
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
    """A dataset isn't in the cache and can't be fetched, or can't be read."""


class Origin(Protocol):
    """Where a dataset comes from: its address, how to ask for it, and a remedy."""

    @property
    def address(self) -> str: ...
    @property
    def remedy(self) -> str: ...
    def ask(self) -> None: ...


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
        """The file's path; fetches it first if the cache doesn't hold all of it."""
        if not self.cached():
            with one_error(self, name):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with tempfile.TemporaryDirectory(dir=self.path.parent) as folder:
                    request = {"url": self.address, "known_hash": self.sha256, "path": folder}
                    fetch(request | {"fname": self.filename}, Path(folder), self.size)
                    Path(folder, self.filename).replace(self.path)
        return self.path


@contextlib.contextmanager
def one_error(origin: Origin, name: str, ask: bool = True) -> Iterator[None]:
    """Check that the server answers, and turn whatever goes wrong into one clear error."""
    try:
        if ask and (silence := problem_of(origin.ask)):
            raise ConnectionError(silence)
        yield
    except Exception as error:  # the clients raise errors of many kinds
        problem = _reason(error)
        remedies = [remedy for words, remedy in REMEDIES.items() if words in problem]
        remedies += [f"Check the network or proxy and the disk, or {origin.remedy}"]
        raise DatasetUnavailableError(
            f"the dataset {name!r} could not be fetched from {origin.address} ({problem}). "
            f"{remedies[0]}; the bundled datasets 'names' and 'name-origins' need no download"
        ) from None


def problem_of(ask: Callable[[], None]) -> str | None:
    """None if `ask` returns in time, else its error, or that no answer came."""
    # Asked on a daemon thread, because looking up a host name has no time-out.
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


def fetch(request: dict[str, Any], folder: Path, largest: float = math.inf) -> None:
    """Run `fetch.py`, and stop it if it makes no progress or writes over `largest` bytes."""
    command = [sys.executable, str(Path(__file__).with_name("fetch.py")), json.dumps(request)]
    # In its own session, so that Ctrl-C reaches only this process.
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


def _reason(error: BaseException) -> str:
    """An error, or its cause, in one line."""
    while error.__cause__ is not None and not any(words in str(error) for words in REMEDIES):
        error = error.__cause__
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:400]
