"""Every dataset by name: source, licence, and how to load it.

Bundled datasets need no network. The others are fetched once (see `hub.py`), each pinned by a
checksum or a revision, except `yelp-polarity`, whose revision isn't known for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from intro_lm.data.bundled import name_origins, names, torch_docs, unlabelled_names
from intro_lm.data.downloads import Download, problem_of
from intro_lm.data.files import read_text, speeches
from intro_lm.data.hub import Repository, load_repository
from intro_lm.data.splits import split

if TYPE_CHECKING:
    from datasets import DatasetDict, IterableDatasetDict


@dataclass(frozen=True)
class Entry:
    """One dataset: bundled `texts`, with or without `labels`, or a file or repository to fetch."""

    summary: str
    size: str
    licence: str
    source: str = ""  # if it isn't on the Hub
    texts: Callable[[], list[str]] | None = None
    labels: Callable[[], list[str]] | None = None
    origin: Download | Repository | None = None


FAKER = "bundled; compiled from the person providers of faker"
KARPATHY = "https://raw.githubusercontent.com/karpathy"

# fmt: off
CATALOGUE: dict[str, Entry] = {
    "names": Entry("given names listed under 45 languages and countries, folded to a–z",
        "18,795 names", "MIT (see names.md)", FAKER, texts=names),
    "name-origins": Entry("given and family names of exactly one of 14 languages, labelled by it",
        "23,027 names", "MIT (see names.md)", FAKER,
        texts=lambda: name_origins()[0], labels=lambda: name_origins()[1]),
    "unlabelled-names": Entry("every bundled name that name-origins does not validate or test on",
        "34,217 names", "MIT (see names.md)", FAKER, texts=unlabelled_names),
    "torch-docs": Entry("the docstrings of PyTorch's torch.nn, one text per file",
        "0.7 MB", "BSD-3-Clause", "the installed torch", texts=torch_docs),
    "makemore-names": Entry("the 32,033 names of the makemore lectures",
        "0.2 MB", "MIT", "github.com/karpathy/makemore", origin=Download(
            f"{KARPATHY}/makemore/master/names.txt", 228_145,
            "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
            "makemore-names.txt")),
    "tiny-shakespeare": Entry("40,000 lines of Shakespeare, one text per speech",
        "1.1 MB", "public domain", "github.com/karpathy/char-rnn", origin=Download(
            f"{KARPATHY}/char-rnn/master/data/tinyshakespeare/input.txt", 1_115_394,
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
            "tiny-shakespeare.txt", speeches)),
    "rotten-tomatoes": Entry("sentences of film reviews, positive or negative (Pang and Lee 2005)",
        "10,662 rows", "not stated", origin=Repository("cornell-movie-review-data/rotten_tomatoes",
            "aa13bc287fa6fcab6daf52f0dfb9994269ffea28", "label")),
    "ag-news": Entry("titles and first lines of news, 4 topics (Zhang et al. 2015)",
        "127,600 rows", "for research, not commercial", origin=Repository("fancyzhx/ag_news",
            "eb185aade064a813bc0b7f42de02595523103ca4", "label")),
    "yelp-polarity": Entry("reviews of businesses, positive or negative (Zhang et al. 2015)",
        "598,000 rows", "Yelp dataset licence", origin=Repository("fancyzhx/yelp_polarity",
            None, "label")),
    "imdb": Entry("film reviews, positive or negative, half without a label (Maas et al. 2011)",
        "100,000 rows", "not stated", origin=Repository("stanfordnlp/imdb",
            "e6281661ce1c48d982bc483cf8a173c1bbeb5d31", "label")),
    "enron-spam": Entry("mail, ham or spam (Metsis et al. 2006)",
        "33,716 rows", "not stated", origin=Repository("SetFit/enron_spam",
            "1916f66c89d52221ae33eb57d44498b4f3a5df22", "label_text")),
    "wikitext-2": Entry("lines of Wikipedia's articles, headings among them (Merity et al. 2016)",
        "13 MB", "CC BY-SA 3.0", origin=Repository("Salesforce/wikitext",
            "b08601e04326c79dfdd32d625aee71d232d685c3", folder="wikitext-2-raw-v1")),
    "tiny-stories": Entry("stories in a small child's words, made by GPT (Eldan and Li 2023)",
        "2 GB, better streamed", "CDLA-Sharing-1.0", origin=Repository("roneneldan/TinyStories",
            "f54c09fd23315a6f9c86f9dc80f725de7d8f9c64", folder="data")),
}
# fmt: on


def load(name: str, *, streaming: bool = False) -> DatasetDict | IterableDatasetDict:
    """The dataset `name` with the splits `train`, `validation` and `test`.

    Each split has a column `text` and, if the dataset is labelled, a `ClassLabel` column `label`.
    If the source has a test split, it is kept. A missing split is a tenth of the texts, drawn by a
    seeded shuffle. No text is in two splits.

    With `streaming`, rows come one by one. Those of a Hub dataset come over the network when asked
    for, in the source's own splits. A dataset that can't be downloaded raises a
    `DatasetUnavailableError`.
    """
    from datasets import DatasetDict, IterableDatasetDict

    entry = _entry(name)
    if isinstance(entry.origin, Repository):
        corpus = load_repository(entry.origin, name, streaming)
    else:
        corpus = split(texts(name), labels=entry.labels() if entry.labels else None)
    if streaming and isinstance(corpus, DatasetDict):
        return IterableDatasetDict({k: rows.to_iterable_dataset() for k, rows in corpus.items()})
    return corpus


def texts(name: str) -> list[str]:
    """The texts of the dataset `name` as its source has them, repeats and all.

    For a Hub dataset, they are the texts of `load(name)`, split by split.
    """
    entry = _entry(name)
    if entry.texts:
        return entry.texts()
    if isinstance(entry.origin, Download):
        return entry.origin.read(entry.origin.fetch(name))
    return [text for rows in load(name).values() for text in rows["text"][:]]


def running_text(name: str) -> str:
    """The dataset `name` as one text: its file as it is, or its texts with blank lines between.

    For models that read on from text to text: `load` shuffles the texts and drops the repeats.
    """
    origin = _entry(name).origin
    return (
        read_text(origin.fetch(name)) if isinstance(origin, Download) else "\n\n".join(texts(name))
    )


def available(name: str) -> bool:
    """Whether `load(name)` can work: bundled, cached, or its server answers (within 3 seconds)."""
    origin = _entry(name).origin
    return origin is None or origin.cached() or problem_of(origin.ask) is None


def describe() -> list[dict[str, str]]:
    """One row per dataset: name, summary, size, licence, source, and whether it is here already."""
    rows = []
    for name, entry in CATALOGUE.items():
        source = entry.source
        if isinstance(entry.origin, Repository):
            source = f"Hub: {entry.origin.path}"
        here = "yes" if entry.origin is None or entry.origin.cached() else "no"
        about = {"name": name, "summary": entry.summary, "size": entry.size}
        rows.append(about | {"licence": entry.licence, "source": source, "here": here})
    return rows


def _entry(name: str) -> Entry:
    if name not in CATALOGUE:
        raise KeyError(f"no dataset {name!r} in the catalogue; it has {', '.join(CATALOGUE)}")
    return CATALOGUE[name]
