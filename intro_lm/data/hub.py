"""Datasets of the Hugging Face Hub, as train, validation and test with our columns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from intro_lm.data.classes import class_label
from intro_lm.data.hub_cache import Repository, kept
from intro_lm.data.hub_client import fetch_repository
from intro_lm.data.splits import arrange, arrange_stream

if TYPE_CHECKING:
    from datasets import Dataset, DatasetDict, IterableDataset, IterableDatasetDict


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
        An `IterableDatasetDict` when streaming; its labels are as the source holds them.

    Raises:
        ValueError: `path` is not `owner/name`, a column is missing or no text, or as `split`.
        DatasetUnavailableError: it is not here and can't be fetched.
    """
    if path.count("/") != 1 or not all(path.split("/")):
        raise ValueError(f"the dataset is {path!r}; it must be 'owner/name'")
    repository = Repository(path, config, revision, text, label)
    instead = "names" if label is None else "name-origins"
    return load_repository(repository, path, instead, streaming)


def load_repository(
    repository: Repository, name: str, instead: str, streaming: bool = False
) -> DatasetDict | IterableDatasetDict:
    """`load_hub` for an entry of the catalogue, whose errors speak of `name` and `instead`."""
    parts: dict[str, Any] | None = kept(repository)
    if parts is None:
        parts = fetch_repository(repository, name, instead, streaming)
    elif streaming:
        parts = {split: rows.to_iterable_dataset() for split, rows in parts.items()}
    if streaming:
        return arrange_stream({key: _stream_columns(p, repository) for key, p in parts.items()})
    return arrange(_columns(parts, repository))


def _wanted(repository: Repository, columns: Iterable[str] | None) -> dict[str, str]:
    """Our columns by the source's names."""
    wanted = {repository.text: "text"}
    if repository.label is not None:
        wanted[repository.label] = "label"
    for column in wanted:
        if columns is not None and column not in columns:
            raise ValueError(
                f"{repository.path} has no column {column!r}; it has {', '.join(columns)}"
            )
    return wanted


def _columns(parts: dict[str, Dataset], repository: Repository) -> dict[str, Dataset]:
    from datasets import Dataset

    for split, rows in parts.items():
        wanted = _wanted(repository, rows.column_names)
        parts[split] = rows.select_columns(list(wanted)).rename_columns(wanted)
        kind = getattr(parts[split].features["text"], "dtype", "a list")
        if kind not in ("string", "large_string"):
            raise ValueError(
                f"the column {repository.text!r} of {repository.path} holds {kind} and no text"
            )
    if repository.regroup:
        regroup = repository.regroup
        return {
            key: Dataset.from_dict({"text": list(regroup(p["text"]))}) for key, p in parts.items()
        }
    return parts if repository.label is None else _with_classes(parts, repository)


def _with_classes(parts: dict[str, Dataset], repository: Repository) -> dict[str, Dataset]:
    """The labels as a `ClassLabel`, the same in every split; -1 is no label, as on the Hub."""
    from datasets import ClassLabel

    feature = next(iter(parts.values())).features["label"]
    if isinstance(feature, ClassLabel):
        return parts
    if repository.classes:
        feature = ClassLabel(names=list(repository.classes))
        numbers: dict[Any, int] = {number: number for number in range(len(repository.classes))}
    else:
        every = [label for rows in parts.values() for label in rows["label"]]
        given = [label for label in every if label not in (None, "", -1)]
        if not given:
            raise ValueError(f"the column {repository.label!r} of {repository.path} holds no label")
        feature = class_label(given)
        numbers = {label: feature.str2int(str(label)) for label in set(given)}
    return {
        split: rows.remove_columns("label").add_column(
            "label", [numbers.get(label, -1) for label in rows["label"]], feature=feature
        )
        for split, rows in parts.items()
    }


def _stream_columns(rows: IterableDataset, repository: Repository) -> IterableDataset:
    from datasets import ClassLabel, IterableDataset

    wanted = _wanted(repository, rows.column_names)
    rows = rows.select_columns(list(wanted))
    # A stream refuses to rename a column to its own name.
    rows = rows.rename_columns({old: new for old, new in wanted.items() if old != new})
    if repository.regroup:
        regroup = repository.regroup
        return IterableDataset.from_generator(_regrouped, gen_kwargs={"of": (rows, regroup)})
    if repository.label is not None and repository.classes:
        rows = rows.cast_column("label", ClassLabel(names=list(repository.classes)))
    return rows


def _regrouped(of: tuple[IterableDataset, Callable[..., Iterator[str]]]) -> Iterator[dict]:
    rows, regroup = of
    for text in regroup(row["text"] for row in rows):
        yield {"text": text}
