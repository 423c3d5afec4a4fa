"""Where text comes from, and how it becomes tensors."""

from intro_lm.data.batches import Batches, context_windows
from intro_lm.data.catalogue import (
    DatasetUnavailableError,
    available,
    describe,
    load,
    load_file,
    names,
    split,
    texts,
)
from intro_lm.data.subwords import AnyVocabulary, Subwords
from intro_lm.data.vocabulary import BOUNDARY, Vocabulary

__all__ = [
    "BOUNDARY",
    "AnyVocabulary",
    "Batches",
    "DatasetUnavailableError",
    "Subwords",
    "Vocabulary",
    "available",
    "context_windows",
    "describe",
    "load",
    "load_file",
    "names",
    "split",
    "texts",
]
