"""Every dataset by name: source, licence, checksum, and how to load it.

`load(name)` gives a `datasets.DatasetDict` with the splits `train`, `validation` and `test` and a
`text` column. Bundled datasets need no network; the others are fetched once through `pooch` and
kept in the folder that `INTRO_LM_CACHE` names (by default the user's cache folder).
"""

from __future__ import annotations

import csv
import os
import random
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import pooch
import requests

if TYPE_CHECKING:
    from datasets import DatasetDict

SPLIT_SEED = 42  # the seed of the makemore lectures, so that the same list gives the same splits
PROBE_SECONDS = 3.0  # how long the network may take to answer before it counts as absent


class DatasetUnavailableError(OSError):
    """A dataset is neither in the cache nor to be had over the network."""


@dataclass(frozen=True)
class Download:
    """One file on the web: its address, its SHA-256, and its name in the cache."""

    url: str
    sha256: str
    filename: str


@dataclass(frozen=True)
class Entry:
    """One dataset of the catalogue."""

    summary: str
    licence: str
    source: str
    read: Callable[[], list[str]]
    download: Download | None = None


def names(kind: str = "given") -> list[str]:
    """Distinct bundled names of one kind (`given` or `family`), in alphabetical order."""
    if kind not in ("given", "family"):
        raise ValueError(f"kind is {kind!r}; use 'given' or 'family'")
    table = resources.files("intro_lm.data") / "names.csv"
    with table.open(encoding="utf-8") as file:
        return sorted({row["name"] for row in csv.DictReader(file) if row["kind"] == kind})


def _python_reference() -> list[str]:
    from pydoc_data.topics import topics

    return [topics[topic] for topic in sorted(topics)]


def _makemore_names() -> list[str]:
    return _read_lines(_fetch("makemore-names"))


CATALOGUE: dict[str, Entry] = {
    "names": Entry(
        summary="given names listed under 45 languages and countries, folded to a–z",
        licence="MIT (see names.md)",
        source="bundled; compiled from the person providers of faker",
        read=names,
    ),
    "python-reference": Entry(
        summary="the Python language reference, a text a topic",
        licence="PSF-2.0",
        source="the running interpreter (pydoc_data.topics), so it differs between versions",
        read=_python_reference,
    ),
    "makemore-names": Entry(
        summary="the 32,033 names of the makemore lectures",
        licence="MIT",
        source="github.com/karpathy/makemore",
        read=_makemore_names,
        download=Download(
            url="https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
            sha256="0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            filename="makemore-names.txt",
        ),
    ),
}


def load(name: str) -> DatasetDict:
    """The dataset `name` with the splits `train`, `validation` and `test`.

    Args:
        name: one of the names that `describe()` lists.

    Returns:
        A `DatasetDict` whose splits have one column, `text`. The splits hold 80, 10 and 10 per
        cent of the distinct texts and no text stands in two of them.

    Raises:
        KeyError: `name` is not in the catalogue.
        DatasetUnavailableError: it has to be downloaded and can't be.
    """
    return split(texts(name))


def texts(name: str) -> list[str]:
    """The texts of the dataset `name` as they stand in its source, repeats and all.

    Raises: as `load` does.
    """
    return _entry(name).read()


def available(name: str) -> bool:
    """Whether `load(name)` can work: bundled, cached, or its server answers (within 3 seconds)."""
    download = _entry(name).download
    return download is None or _cached(download) or _reachable(download.url) is None


def describe() -> list[dict[str, str]]:
    """One row a dataset: name, summary, licence, source, and whether it is here already."""
    return [
        {
            "name": name,
            "summary": entry.summary,
            "licence": entry.licence,
            "source": entry.source,
            "here": "yes" if entry.download is None or _cached(entry.download) else "no",
        }
        for name, entry in CATALOGUE.items()
    ]


def load_file(path: str | Path) -> DatasetDict:
    """A text file of your own, one text a line (blank lines are skipped), split as `load` does.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not UTF-8, or holds too few distinct lines to split.
    """
    return split(_read_lines(Path(path)))


def split(
    texts: Sequence[str], seed: int = SPLIT_SEED, *, keep_repeats: bool = False
) -> DatasetDict:
    """Shuffle a copy of the texts and split it 80/10/10 into train, validation and test.

    The result depends on the arguments and nothing else. A repeated text is kept once, since in
    two splits it would be tested on what it was trained on.

    Args:
        texts: what to split.
        seed: which shuffle.
        keep_repeats: split as others did, to compare with their numbers; the splits then leak.

    Raises:
        ValueError: there are no texts, or a split would be empty.
    """
    from datasets import Dataset, DatasetDict

    shuffled = list(texts) if keep_repeats else list(dict.fromkeys(texts))
    if not shuffled:
        raise ValueError("the corpus is empty: there is no text to split; give at least 10 texts")
    random.Random(seed).shuffle(shuffled)
    first, second = int(0.8 * len(shuffled)), int(0.9 * len(shuffled))
    parts = {
        "train": shuffled[:first],
        "validation": shuffled[first:second],
        "test": shuffled[second:],
    }
    empty = [name for name, part in parts.items() if not part]
    if empty:
        raise ValueError(
            f"{len(shuffled)} texts are too few to split: {', '.join(empty)} would be "
            "empty; give at least 10 texts"
        )
    return DatasetDict({name: Dataset.from_dict({"text": part}) for name, part in parts.items()})


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        raise KeyError(f"no dataset {name!r} in the catalogue; it has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]


def _read_lines(path: Path) -> list[str]:
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path.name} is not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start}; "
            "save the file as UTF-8 and load it again"
        ) from None
    lines = text.replace("\r\n", "\n").split("\n")  # splitlines would cut at U+2028 and others too
    return [line for line in lines if line.strip()]


def cache_folder() -> Path:
    """Where downloaded files are kept: `INTRO_LM_CACHE`, or the user's cache folder."""
    return Path(os.environ.get("INTRO_LM_CACHE") or pooch.os_cache("intro_lm")).expanduser()


def _cached(download: Download) -> bool:
    path = cache_folder() / download.filename
    return path.is_file() and pooch.file_hash(str(path)) == download.sha256


def _fetch(name: str) -> Path:
    """The path of a downloaded file, fetched first where it is not in the cache."""
    download = CATALOGUE[name].download
    assert download is not None
    path = cache_folder() / download.filename
    if _cached(download):
        return path
    problem = _reachable(download.url)
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
            problem = _first_line(error)
    unfit = f", and {path} is another file: its SHA-256 differs" if path.exists() else ""
    raise DatasetUnavailableError(
        f"the dataset {name!r} could not be fetched from {download.url} ({problem}){unfit}. Check "
        f"the network or proxy, or put the file there as {path} (INTRO_LM_CACHE names another "
        "folder); the bundled dataset 'names' needs no download"
    )


def _reachable(url: str) -> str | None:
    """None if the server answers for `url` in time, else what went wrong.

    The question is asked on a daemon thread, because looking up a host name obeys no time-out.
    """
    answer: list[str | None] = [f"no answer within {PROBE_SECONDS:.0f} seconds"]

    def ask() -> None:
        try:
            response = requests.head(url, timeout=PROBE_SECONDS, allow_redirects=True)
            answer[0] = None if response.ok else f"HTTP status {response.status_code}"
        except requests.RequestException as error:
            answer[0] = _first_line(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PROBE_SECONDS)
    return answer[0]


def _first_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"[:200]
