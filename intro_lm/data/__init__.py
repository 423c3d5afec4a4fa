"""Where text comes from, and how it becomes tensors."""

from intro_lm.data.batches import IGNORED, Batches, StreamBatches, WindowBatches, context_windows
from intro_lm.data.bundled import names, unlabelled_names
from intro_lm.data.catalogue import available, describe, load, running_text, texts
from intro_lm.data.downloads import DatasetUnavailableError
from intro_lm.data.files import load_file
from intro_lm.data.hub import load_hub
from intro_lm.data.padded import PaddedBatches, labelled_batches
from intro_lm.data.splits import class_names, few_labels, split, split_in_order, without_held_out
from intro_lm.data.subwords import AnyVocabulary, Subwords
from intro_lm.data.vocabulary import BOUNDARY, Vocabulary

__all__ = [
    "BOUNDARY", "IGNORED", "AnyVocabulary", "Batches", "DatasetUnavailableError",
    "PaddedBatches", "StreamBatches", "Subwords", "Vocabulary",
    "WindowBatches", "available", "class_names", "context_windows", "describe", "few_labels",
    "labelled_batches", "load", "load_file", "load_hub", "names", "running_text", "split",
    "split_in_order", "texts", "unlabelled_names", "without_held_out",
]  # fmt: skip
