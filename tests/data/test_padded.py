"""Padded, labelled and streamed batches: what happens to each token in an epoch."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from intro_lm.data import (
    BOUNDARY,
    IGNORED,
    PaddedBatches,
    StreamBatches,
    Vocabulary,
    WindowBatches,
    context_windows,
)

LETTERS = Vocabulary("abc")
TEXTS = ["abc", "", "ba", "cccccaaab", "", "a", "abcabc"]
KINDS = ["windows", "padded", "labelled", "streams"]
shuffled_or_not = pytest.mark.parametrize("shuffle", [True, False])


def batches_of(kind, texts, vocabulary=LETTERS, **options):
    if kind == "windows":
        return WindowBatches(*context_windows(vocabulary, texts, 2), **options)
    if kind == "padded":
        return PaddedBatches.from_texts(vocabulary, texts, **options)
    if kind == "labelled":
        labels = [len(text) % 3 for text in texts]
        return PaddedBatches.from_texts(vocabulary, texts, labels=labels, **options)
    return StreamBatches.from_texts(vocabulary, texts, length=4, **options)


def pairs_of(texts):
    """Each text's (token before, token) pairs, its end among them."""
    return [list(pairwise([BOUNDARY, *LETTERS.encode(text).tolist(), BOUNDARY])) for text in texts]


@shuffled_or_not
@pytest.mark.parametrize("batch_size", [1, 3, 7])
def test_padded_rows_are_whole_texts_each_once_an_epoch(batch_size, shuffle):
    batches = PaddedBatches.from_texts(LETTERS, TEXTS, batch_size=batch_size, shuffle=shuffle)
    parts = list(batches.epoch(1))
    assert len(parts) == len(batches)
    found = []
    for inputs, targets in parts:
        assert inputs.dtype == targets.dtype == torch.int64
        counts = targets != IGNORED
        assert counts.any(0).all()  # as wide as its longest text and no wider
        assert (inputs[~counts] == BOUNDARY).all()
        for row, wanted, counted in zip(inputs, targets, counts, strict=True):
            assert counted.sum() == counted.cumprod(0).sum()  # all padding is on the right
            found.append(list(zip(row[counted].tolist(), wanted[counted].tolist(), strict=True)))
    assert sorted(found) == sorted(pairs_of(TEXTS))
    assert shuffle or found == pairs_of(TEXTS)


@shuffled_or_not
@pytest.mark.parametrize(("batch_size", "length"), [(1, 5), (3, 4), (4, 6), (5, 1)])
def test_a_stream_holds_each_token_once_an_epoch(batch_size, length, shuffle):
    batches = StreamBatches.from_texts(LETTERS, TEXTS, batch_size, length, shuffle=shuffle)
    parts = list(batches.epoch(1))
    assert len(parts) == len(batches)
    assert all(inputs.shape == targets.shape for inputs, targets in parts)
    assert all(inputs.shape == (batch_size, length) for inputs, _ in parts[:-1])
    # Each row goes on in the next batch, and each row where the row above ends.
    inputs = torch.cat([inputs for inputs, _ in parts], 1).flatten()
    targets = torch.cat([targets for _, targets in parts], 1).flatten()
    counts = targets != IGNORED
    assert counts.sum() == counts.cumprod(0).sum()  # all that doesn't count is at the end
    assert (inputs[~counts] == BOUNDARY).all()
    found = list(zip(inputs[counts].tolist(), targets[counts].tolist(), strict=True))
    ends = [at + 1 for at, (_, target) in enumerate(found) if target == BOUNDARY]
    texts = [found[start:end] for start, end in pairwise([0, *ends])]
    assert sorted(texts) == sorted(pairs_of(TEXTS))
    assert shuffle or texts == pairs_of(TEXTS)


@shuffled_or_not
@pytest.mark.parametrize("longest", [None, 1, 4])
def test_labelled_rows_keep_their_label_and_end_in_a_boundary(shuffle, longest):
    labels = [index % 4 for index in range(len(TEXTS))]
    batches = PaddedBatches.from_texts(
        LETTERS, TEXTS, labels=labels, batch_size=3, shuffle=shuffle, max_length=longest
    )
    found = []
    for inputs, targets in batches.epoch(1):
        assert inputs.dtype == targets.dtype == torch.int64
        assert (inputs[:, -1] == BOUNDARY).all()
        assert (inputs[:, :-1] != BOUNDARY).any(0).all()  # no wider than the longest needs
        found += zip(LETTERS.decode_texts(inputs), targets.tolist(), strict=True)
    expected = list(zip((text[:longest] for text in TEXTS), labels, strict=True))
    assert Counter(found) == Counter(expected)
    assert shuffle or found == expected


def test_texts_of_similar_length_share_a_batch_and_the_batches_are_mixed():
    """Padding is at most a tenth, where batches of random texts would hold more than half."""
    texts = ["abc" * (index % 100) for index in range(3000)]
    widths = []
    padding = total = 0
    for _, targets in PaddedBatches.from_texts(LETTERS, texts, batch_size=32).epoch(0):
        padding += int((targets == IGNORED).sum())
        total += targets.numel()
        widths.append(targets.shape[1])
    assert padding < 0.1 * total
    assert max(widths[:10]) > 200 > min(widths[:10])


@shuffled_or_not
@pytest.mark.parametrize("kind", KINDS)
def test_an_epoch_depends_on_seed_and_number_alone_and_can_be_entered_anywhere(kind, shuffle):
    texts = ["abcba"[: index % 6] * (index % 4) for index in range(60)]

    def order(number, start=0, seed=5):
        torch.rand(3)  # PyTorch's own generator has no say
        batches = batches_of(kind, texts, batch_size=7, shuffle=shuffle, seed=seed)
        return [(x.tolist(), y.tolist()) for x, y in batches.epoch(number, start)]

    whole = order(1)
    assert len(whole) > 3
    for start in (0, 1, len(whole) - 1, len(whole)):
        assert order(1, start) == whole[start:]
    assert (order(2) == whole) is not shuffle
    assert (order(1, seed=6) == whole) is not shuffle


@pytest.mark.parametrize("kind", KINDS)
def test_the_fingerprint_tells_data_and_order_apart(kind):
    texts = ["abc", "ba", "c"]
    variants = [
        batches_of(kind, texts, batch_size=2),
        batches_of(kind, ["ab", "cba", "c"], batch_size=2),
        batches_of(kind, texts, batch_size=1),
        batches_of(kind, texts, batch_size=2, seed=1),
        batches_of(kind, texts, batch_size=2, shuffle=False),
    ]
    prints = [variant.fingerprint() for variant in variants]
    assert len(set(prints)) == 5
    assert batches_of(kind, list(texts), batch_size=2).to("cpu").fingerprint() == prints[0]


def test_whether_state_is_carried_is_part_of_the_fingerprint():
    stream = StreamBatches.from_texts(LETTERS, ["abc"], 2, 1)
    assert replace(stream, carries_state=False).fingerprint() != stream.fingerprint()


@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_made_where_the_data_is(kind):
    """The meta device computes nothing: what copied a tensor to the CPU would fail on it."""
    batches = batches_of(kind, ["abc", "", "ba", "cccc"], batch_size=2)
    there = list(batches.to("meta").epoch(1))
    assert [x.shape for x, _ in there] == [x.shape for x, _ in batches.epoch(1)]
    assert all(part.device.type == "meta" for both in there for part in both)


@shuffled_or_not
def test_reversed_batches_are_those_of_reversed_texts(shuffle):
    def make(texts):
        return PaddedBatches.from_texts(LETTERS, texts, batch_size=3, shuffle=shuffle)

    backward, by_hand = make(TEXTS).reversed(), make([text[::-1] for text in TEXTS])
    assert backward.fingerprint() == by_hand.fingerprint() != make(TEXTS).fingerprint()


def test_what_makes_no_batch_is_refused():
    with pytest.raises(ValueError, match="has 7 tokens, too few for one batch of 2 × 5"):
        StreamBatches.from_texts(LETTERS, ["abc", "ba"], batch_size=2, length=5)
    with pytest.raises(ValueError, match="length is 0"):
        StreamBatches.from_texts(LETTERS, ["a"], length=0)
    with pytest.raises(ValueError, match="max_length is -3"):
        PaddedBatches.from_texts(LETTERS, ["a"], max_length=-3)
    for kind in ("padded", "labelled", "streams"):
        with pytest.raises(ValueError, match=r"batch_size is 2\.5"):
            batches_of(kind, ["a"], batch_size=2.5)
        with pytest.raises(ValueError, match="corpus is empty"):
            batches_of(kind, [])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "3 texts and 2 labels"),
        ([0, -1, 1], "class ids are whole numbers from 0"),
        ([0.5, 1, 1], "class ids are whole numbers from 0"),
    ],
)
def test_labels_that_are_not_class_ids_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        PaddedBatches.from_texts(LETTERS, ["a", "b", "c"], labels=labels)


def test_a_text_much_longer_than_the_others_is_named_before_any_batch_is_made():
    texts = ["abc"] * 2000 + ["c" * 200_000]
    for labels in (None, [0] * 2001):
        with pytest.raises(
            ValueError, match=r"text 2000 has 200,000 tokens.* of 32 texts; .*max_length"
        ):
            PaddedBatches.from_texts(LETTERS, texts, labels=labels)
    cut = PaddedBatches.from_texts(LETTERS, texts, max_length=50)
    assert max(inputs.shape[1] for inputs, _ in cut.epoch(0)) == 51
    assert len(PaddedBatches.from_texts(LETTERS, texts, batch_size=1)) == 2001


def test_a_text_that_is_read_in_part_is_not_said_to_end_there():
    ((inputs, targets),) = PaddedBatches.from_texts(LETTERS, ["abca", "b"], max_length=2).epoch(0)
    rows = sorted(zip(inputs.tolist(), targets.tolist(), strict=True))
    assert rows == [([0, 1, 2], [1, 2, 3]), ([0, 2, 0], [2, 0, IGNORED])]
