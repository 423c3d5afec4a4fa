"""Datasets of the Hugging Face Hub: pinned, fetched once, checked each time they are read.

The Hub's own client keeps them. It reads `HF_ENDPOINT` (another server), `HF_HOME` (where data is
kept) and `HF_HUB_OFFLINE` (ask nobody).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from intro_lm.data import downloads
from intro_lm.data.downloads import one_error
from intro_lm.data.splits import arrange

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict

# The Hub's client reads these when imported: it gives up a silent connection after 4 seconds, and
# fetches files by plain HTTP, because its other way ignores time-outs.
os.environ.setdefault("HF_HUB_DOWNLOAD_TIMEOUT", "4")
os.environ.setdefault("HF_HUB_DISABLE_XET", "1")


@dataclass(frozen=True)
class Repository:
    """A dataset on the Hub, and which of its columns are ours."""

    path: str
    revision: str | None = None
    label: str | None = None
    text: str = "text"
    config: str | None = None
    folder: str | None = None  # of the data, if it isn't the whole repository
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
            # A snapshot is complete only if the list of the revision's files is there too.
            get_cached_repo_tree(self.path, repo_type="dataset", revision=self.revision)
            return Path(snapshot_download(**self.request, local_files_only=True))
        except (errors.LocalEntryNotFoundError, errors.CachedRepoTreeNotFoundError):
            return None

    def cached(self) -> bool:
        return self.snapshot() is not None

    def ask(self) -> None:
        from huggingface_hub import errors, get_hf_file_metadata, hf_hub_url

        card = hf_hub_url(self.path, "README.md", repo_type="dataset", revision=self.revision)
        with contextlib.suppress(errors.RemoteEntryNotFoundError):  # it may have no card
            get_hf_file_metadata(card, timeout=downloads.PROBE_SECONDS)

    def fetch(self, name: str) -> Path:
        """The folder of the dataset's files, fetched if missing or damaged."""
        if (folder := self.snapshot()) and not _remove_damaged(folder):
            return folder
        with one_error(self, name):
            from huggingface_hub.constants import HF_HUB_CACHE

            cache = Path(HF_HUB_CACHE, f"datasets--{self.path.replace('/', '--')}")
            for _ in range(2):  # damaged files are fetched once more
                downloads.fetch(self.request, cache)
                if (folder := self.snapshot()) and not _remove_damaged(folder):
                    return folder
            raise OSError("its files are damaged: their hashes differ")


def load_hub(
    path: str,
    config: str | None = None,
    *,
    text: str = "text",
    label: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
) -> DatasetDict | IterableDatasetDict:
    """The Hub's dataset `path`, written `"owner/name"`, loaded as `load` does.

    Args:
        path, config: the dataset, and which part if it has several.
        text, label: the columns with the texts and, if any, the labels.
        revision: a commit; by default the newest when it is first fetched.
        streaming: read rows over the network as they are asked for, and keep nothing.
    """
    return load_repository(Repository(path, revision, label, text, config), path, streaming)


def load_repository(
    repository: Repository, name: str, streaming: bool = False
) -> DatasetDict | IterableDatasetDict:
    """`load_hub` for a catalogue entry; its errors name the dataset `name`."""
    online = streaming and not repository.cached()
    path = repository.path if online else str(repository.fetch(name))
    ours = {repository.text: "text"} | ({repository.label: "label"} if repository.label else {})
    with one_error(repository, name, ask=online):
        streams = _read(repository, path, repository.revision if online else None)
        rows = next(iter(streams.values()))
        names = rows.column_names or list(next(iter(rows)))
    for column in ours:
        if column not in names:
            raise ValueError(f"no column {column!r}; it has {', '.join(names)}")
    renamed = {old: new for old, new in ours.items() if old != new}  # not to the same name
    streams = streams.select_columns(list(ours)).rename_columns(renamed)
    if streaming:
        return type(streams)({part: _with_text(rows, part) for part, rows in streams.items()})
    with one_error(repository, name, ask=False):
        parts = {str(part): _table(rows) for part, rows in streams.items()}
    return arrange(parts)


def _read(repository: Repository, path: str, revision: str | None) -> IterableDatasetDict:
    import datasets  # imported late, because it is slow

    datasets.config.STREAMING_READ_MAX_RETRIES = 1  # by default 20, 5 seconds apart
    options = {"data_dir": repository.folder, "revision": revision}
    builder = datasets.load_dataset_builder(path, repository.config, **options)
    if hasattr(builder.config, "keep_default_na"):
        builder.config.keep_default_na = False  # in a CSV file "NA" and "None" are texts
    # Always as a stream: otherwise `datasets` keeps a second copy, which nothing checks.
    return builder.as_streaming_dataset()


def _with_text(rows: IterableDataset, part: str) -> IterableDataset:
    """The rows of a stream that have a text; prints how many don't at 1, 10, 100, …"""
    left_out = 0

    def has_text(text: object) -> bool:
        nonlocal left_out
        if text is not None and not isinstance(text, str):
            raise ValueError(f"the column of texts holds {text!r:.40}, not text; name another")
        if text and text.strip():
            return True
        left_out += 1
        if str(left_out).strip("0") == "1":
            print(f"{part}: {left_out} rows so far are left out: they have no text")
        return False

    return rows.filter(has_text, input_columns=["text"])


def _remove_damaged(folder: Path) -> bool:
    """Remove files that differ from what the Hub sent; True if there were any."""
    damaged = [link for link in folder.rglob("*") if link.is_symlink() and not _whole(link)]
    for link in damaged:
        link.resolve().unlink(missing_ok=True)
        link.unlink()
    return bool(damaged)


def _whole(link: Path) -> bool:
    """The client names a link's target by its hash: SHA-256, or for small files Git's."""
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
