"""Every dataset by name: source, licence, checksum, and how to load it.

`load(name)` gives a `datasets.DatasetDict` with the splits `train`, `validation` and `test` and a
`text` column, and where the dataset is labelled a `ClassLabel` column `label`. Bundled datasets
need no network. Single files are fetched once into the folder that `INTRO_LM_CACHE` names (by
default the user's cache folder). Datasets of the Hugging Face Hub go where `HF_HOME` says, come
from where `HF_ENDPOINT` says, and with `HF_HUB_OFFLINE=1` are only looked for on the disk. Each is
pinned to a revision, but for `yelp-polarity`: no revision of it is known for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from intro_lm.data.bundled import name_origins, names, python_reference, unlabelled_names
from intro_lm.data.downloads import Download
from intro_lm.data.files import articles, read_lines, read_text, speeches
from intro_lm.data.hub import Repository, as_streams, load_repository
from intro_lm.data.splits import split

if TYPE_CHECKING:
    from datasets import DatasetDict, IterableDatasetDict


@dataclass(frozen=True)
class Entry:
    """One dataset: bundled `texts`, with `labels` or without, a `download` or a `repository`."""

    summary: str
    size: str
    licence: str
    source: str = ""  # of what isn't on the Hub
    texts: Callable[[], list[str]] | None = None
    labels: Callable[[], list[str]] | None = None
    download: Download | None = None
    read: Callable[[Path], list[str]] = read_lines
    repository: Repository | None = None


FAKER = "bundled; compiled from the person providers of faker"
KARPATHY = "https://raw.githubusercontent.com/karpathy"

# fmt: off
CATALOGUE: dict[str, Entry] = {
    "names": Entry(
        "given names listed under 45 languages and countries, folded to a–z",
        "18,795 names", "MIT (see names.md)", FAKER, texts=names),
    "name-origins": Entry(
        "given and family names listed for exactly one of 14 languages, labelled by it",
        "23,027 names", "MIT (see names.md)", FAKER,
        texts=lambda: name_origins()[0], labels=lambda: name_origins()[1]),
    "unlabelled-names": Entry(
        "every bundled name but those that name-origins validates and tests on",
        "34,217 names", "MIT (see names.md)", "bundled; to pretrain on before name-origins",
        texts=unlabelled_names),
    "python-reference": Entry(
        "the Python language reference, one text per topic",
        "0.5 MB", "PSF-2.0",
        "the running interpreter (pydoc_data.topics), so it differs between versions",
        texts=python_reference),
    "makemore-names": Entry(
        "the 32,033 names of the makemore lectures",
        "0.2 MB", "MIT", "github.com/karpathy/makemore", download=Download(
            f"{KARPATHY}/makemore/master/names.txt",
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            "makemore-names.txt")),
    "tiny-shakespeare": Entry(
        "40,000 lines of Shakespeare, one text per speech",
        "1.1 MB", "public domain", "github.com/karpathy/char-rnn", read=speeches, download=Download(
            f"{KARPATHY}/char-rnn/master/data/tinyshakespeare/input.txt",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "tiny-shakespeare.txt")),
    "rotten-tomatoes": Entry(
        "sentences of film reviews, positive or negative (Pang and Lee 2005)",
        "10,662 rows", "not stated", repository=Repository(
            "cornell-movie-review-data/rotten_tomatoes",
            "aa13bc287fa6fcab6daf52f0dfb9994269ffea28", label="label")),
    "ag-news": Entry(
        "titles and first lines of news, 4 topics (Zhang et al. 2015)",
        "127,600 rows", "for research, not commercial", repository=Repository(
            "fancyzhx/ag_news", "eb185aade064a813bc0b7f42de02595523103ca4", label="label")),
    "yelp-polarity": Entry(
        "reviews of businesses, positive or negative (Zhang et al. 2015); not pinned",
        "598,000 rows", "Yelp dataset licence", repository=Repository(
            "fancyzhx/yelp_polarity", label="label")),
    "imdb": Entry(
        "film reviews, positive or negative; `unsupervised` to pretrain on (Maas et al. 2011)",
        "100,000 rows", "not stated", repository=Repository(
            "stanfordnlp/imdb", "e6281661ce1c48d982bc483cf8a173c1bbeb5d31", label="label")),
    "enron-spam": Entry(
        "mail, ham or spam (Metsis et al. 2006)",
        "33,716 rows", "not stated", repository=Repository(
            "SetFit/enron_spam", "1916f66c89d52221ae33eb57d44498b4f3a5df22", label="label_text")),
    "wikitext-2": Entry(
        "articles of Wikipedia, one text per article (Merity et al. 2016)",
        "13 MB", "CC BY-SA 3.0", repository=Repository(
            "Salesforce/wikitext", "b08601e04326c79dfdd32d625aee71d232d685c3",
            folder="wikitext-2-raw-v1", regroup=articles)),
    "tiny-stories": Entry(
        "short stories in a small child's words, made by GPT (Eldan and Li 2023)",
        "2 GB, better streamed", "CDLA-Sharing-1.0", repository=Repository(
            "roneneldan/TinyStories", "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64", folder="data")),
}
# fmt: on


def load(name: str, *, streaming: bool = False) -> DatasetDict | IterableDatasetDict:
    """The dataset `name` with the splits `train`, `validation` and `test`.

    Args:
        name: one of those that `describe()` lists.
        streaming: rows come one by one, those of a Hub dataset over the network when asked for.

    Returns:
        A `DatasetDict` whose splits have a column `text` and, where the dataset is labelled, a
        `ClassLabel` column `label`. The test split of a source that has one is kept. A split that
        is missing is made by a seeded shuffle, a tenth of the texts. No text is in two splits.
        When streaming, an `IterableDatasetDict`; one of the Hub has the source's own splits.

    Raises:
        KeyError: `name` is not in the catalogue.
        DatasetUnavailableError: it has to be downloaded and can't be.
    """
    entry = _entry(name)
    if entry.repository:
        return load_repository(entry.repository, name, streaming)
    corpus = split(texts(name), labels=entry.labels() if entry.labels else None)
    return as_streams(corpus) if streaming else corpus


def texts(name: str) -> list[str]:
    """The texts of the dataset `name` as its source has them, repeats and all.

    Those of a Hub dataset are the texts of `load(name)`, split after split.
    """
    entry = _entry(name)
    if entry.texts:
        return entry.texts()
    if entry.download:
        return entry.read(entry.download.fetch(name))
    return [text for rows in load(name).values() for text in rows["text"][:]]


def running_text(name: str) -> str:
    """The dataset `name` as one text: its file as it is, or its texts with blank lines between.

    For models that read on from text to text: `load` shuffles the texts and drops the repeats.
    """
    entry = _entry(name)
    if entry.download:
        return read_text(entry.download.fetch(name)).replace("\r\n", "\n")
    return "\n\n".join(texts(name))


def available(name: str) -> bool:
    """Whether `load(name)` can work: bundled, cached, or its server answers (within 3 seconds)."""
    origin = _entry(name).download or _entry(name).repository
    return origin is None or origin.cached() or origin.problem() is None


def describe() -> list[dict[str, str]]:
    """One row per dataset: name, summary, size, licence, source, and whether it is here already."""
    rows = []
    for name, entry in CATALOGUE.items():
        origin = entry.download or entry.repository
        here = "yes" if origin is None or origin.cached() else "no"
        source = f"Hub: {entry.repository.path}" if entry.repository else entry.source
        about = {"summary": entry.summary, "size": entry.size, "licence": entry.licence}
        rows.append({"name": name, **about, "source": source, "here": here})
    return rows


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        raise KeyError(f"no dataset {name!r} in the catalogue; it has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
