"""Padded, labelled and streamed batches: what each token's fate is in an epoch."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import psutil
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from intro_lm.data import (
    BOUNDARY,
    IGNORED,
    LabelledBatches,
    PaddedBatches,
    StreamBatches,
    Subwords,
    Vocabulary,
    WindowBatches,
    context_windows,
)
from intro_lm.evaluation import cross_entropy, evaluate
from tests.data.odd_texts import ODD_TEXTS

LETTERS = Vocabulary("abc")
some_texts = st.lists(st.text("abc", max_size=9), min_size=1, max_size=12)


def every_kind(texts, vocabulary=LETTERS, **options):
    """All four kinds of batches of the same texts."""
    return [
        WindowBatches(*context_windows(vocabulary, texts, 2), **options),
        PaddedBatches.from_texts(vocabulary, texts, **options),
        LabelledBatches.from_texts(vocabulary, texts, [len(t) % 3 for t in texts], **options),
        StreamBatches.from_texts(vocabulary, texts, length=4, **options),
    ]


def pairs_of(texts):
    """Each text's (token before, token) pairs, its end among them."""
    return [list(pairwise([BOUNDARY, *LETTERS.encode(text).tolist(), BOUNDARY])) for text in texts]


@given(some_texts, st.integers(1, 5), st.booleans(), st.integers(0, 3))
def test_padded_rows_are_whole_texts_each_once_an_epoch(texts, batch_size, shuffle, epoch):
    batches = PaddedBatches.from_texts(LETTERS, texts, batch_size=batch_size, shuffle=shuffle)
    parts = list(batches.epoch(epoch))
    assert len(parts) == len(batches)
    found = []
    for inputs, targets in parts:
        assert inputs.dtype == targets.dtype == torch.int64
        assert inputs.shape == targets.shape
        counts = targets != IGNORED
        assert counts.any(0).all()  # as wide as its longest text and no wider
        assert (inputs[~counts] == BOUNDARY).all()
        for row, wanted, counted in zip(inputs, targets, counts, strict=True):
            assert counted.sum() == counted.cumprod(0).sum()  # all padding is on the right
            found.append(list(zip(row[counted].tolist(), wanted[counted].tolist(), strict=True)))
    expected = pairs_of(texts)
    assert sorted(found) == sorted(expected)
    if not shuffle:
        assert found == expected


@given(some_texts, st.integers(1, 5), st.integers(1, 6), st.booleans(), st.integers(0, 3))
def test_a_stream_holds_each_token_once_an_epoch(texts, batch_size, length, shuffle, epoch):
    columns = -(-sum(len(text) + 1 for text in texts) // batch_size)
    length = min(length, columns)
    batches = StreamBatches.from_texts(
        LETTERS, texts, batch_size=batch_size, length=length, shuffle=shuffle
    )
    parts = list(batches.epoch(epoch))
    assert len(parts) == len(batches)
    assert all(inputs.shape == targets.shape for inputs, targets in parts)
    assert all(inputs.shape == (batch_size, length) for inputs, _ in parts[:-1])
    assert all(part.dtype == torch.int64 for both in parts for part in both)
    # Each row goes on in the next batch, and each row where the row above ends.
    inputs = torch.cat([inputs for inputs, _ in parts], 1).flatten()
    targets = torch.cat([targets for _, targets in parts], 1).flatten()
    counts = targets != IGNORED
    assert counts.sum() == counts.cumprod(0).sum()  # all that doesn't count is at the end
    found = list(zip(inputs[counts].tolist(), targets[counts].tolist(), strict=True))
    assert (inputs[~counts] == BOUNDARY).all()
    expected = pairs_of(texts)
    if shuffle:  # whole texts, in another order
        ends = [at + 1 for at, (_, target) in enumerate(found) if target == BOUNDARY]
        cut = [found[start:end] for start, end in pairwise([0, *ends])]
        assert sorted(cut) == sorted(expected)
    else:
        assert found == [pair for text in expected for pair in text]


@given(some_texts, st.integers(1, 5), st.booleans(), st.sampled_from([None, 1, 4]))
def test_labelled_rows_keep_their_label_and_end_in_a_boundary(texts, batch_size, shuffle, longest):
    labels = [index % 4 for index in range(len(texts))]
    batches = LabelledBatches.from_texts(
        LETTERS, texts, labels, batch_size=batch_size, shuffle=shuffle, max_length=longest
    )
    found = []
    for inputs, targets in batches.epoch(1):
        assert inputs.dtype == targets.dtype == torch.int64
        assert targets.shape == inputs.shape[:1]
        assert (inputs[:, -1] == BOUNDARY).all()
        assert (inputs[:, :-1] != BOUNDARY).any(0).all()  # no wider than the longest needs
        found += zip(LETTERS.decode_texts(inputs), targets.tolist(), strict=True)
    expected = list(zip((text[:longest] for text in texts), labels, strict=True))
    assert Counter(found) == Counter(expected)
    if not shuffle:
        assert found == expected


class Counts(nn.Module):
    """Next-token logits that depend on position and token; (B, T) -> (B, T, V)."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Parameter(torch.randn(4, 4))

    def forward(self, inputs):
        return self.table[inputs]


def test_no_padding_reaches_a_loss():
    """Loss and gradients equal those of the texts one by one, without any padding."""
    texts = ["a", "abcabcabc", "", "cab", "bb"]
    model = Counts()
    total, tokens = 0.0, 0
    for pairs in pairs_of(texts):
        before, after = torch.tensor(pairs).T
        total = total + cross_entropy(model(before), after) * len(pairs)
        tokens += len(pairs)
    expected = (total / tokens).item()
    (by_hand,) = torch.autograd.grad(total / tokens, model.parameters())
    for batches in (
        PaddedBatches.from_texts(LETTERS, texts, batch_size=5),
        StreamBatches.from_texts(LETTERS, texts, batch_size=3, length=7),
    ):
        ((inputs, targets),) = batches.epoch(0)
        assert (targets == IGNORED).any()
        loss = cross_entropy(model(inputs), targets)
        (gradient,) = torch.autograd.grad(loss, model.parameters())
        assert loss.item() == pytest.approx(expected, rel=1e-6)
        torch.testing.assert_close(gradient, by_hand)
    for batch_size in (1, 2, 4):
        batches = PaddedBatches.from_texts(LETTERS, texts, batch_size=batch_size)
        assert evaluate(model, batches.epoch(0)) == pytest.approx(expected, rel=1e-6)


def test_texts_of_like_length_share_a_batch():
    """Padding is at most a tenth, where batches of random texts would hold more than half."""
    generator = torch.Generator().manual_seed(0)
    lengths = (torch.rand(3000, generator=generator) ** 4 * 500).long().tolist()
    texts = ["a" * length for length in lengths]
    share = {}
    for name, batches in {
        "buckets": PaddedBatches.from_texts(LETTERS, texts, batch_size=16),
        "as given": PaddedBatches.from_texts(LETTERS, texts, batch_size=16, shuffle=False),
    }.items():
        places = sum(targets.numel() for _, targets in batches.epoch(0))
        share[name] = 1 - (sum(lengths) + len(texts)) / places
    assert share["buckets"] < 0.1 < 0.5 < share["as given"]


def test_short_and_long_batches_come_mixed():
    texts = ["a" * length for length in range(400)]
    batches = PaddedBatches.from_texts(LETTERS, texts, batch_size=8)
    widths = [inputs.shape[1] for inputs, _ in batches.epoch(0)]
    assert widths not in (sorted(widths), sorted(widths, reverse=True))
    assert max(widths[:10]) > 200 > min(widths[:10])


@pytest.mark.parametrize("kind", range(4), ids=["windows", "padded", "labelled", "streams"])
@pytest.mark.parametrize("shuffle", [True, False])
def test_an_epoch_can_be_entered_anywhere(kind, shuffle):
    texts = ["abc" * (index % 7) for index in range(60)]
    batches = every_kind(texts, batch_size=7, shuffle=shuffle)[kind]
    whole = list(batches.epoch(3))
    assert len(whole) == len(batches) > 3
    for start in (0, 1, len(whole) - 1, len(whole)):
        rest = list(batches.epoch(3, start))
        assert len(rest) == len(whole) - start
        for ours, theirs in zip(rest, whole[start:], strict=True):
            assert ours[0].equal(theirs[0])
            assert ours[1].equal(theirs[1])


@pytest.mark.parametrize("kind", range(4), ids=["windows", "padded", "labelled", "streams"])
def test_the_order_depends_on_seed_and_epoch_alone(kind):
    texts = ["abcba"[: index % 6] * (index % 4) for index in range(60)]

    def order(epoch, **options):
        torch.rand(3)  # PyTorch's own generator has no say
        parts = every_kind(texts, batch_size=7, **options)[kind].epoch(epoch)
        return [(inputs.tolist(), targets.tolist()) for inputs, targets in parts]

    assert order(1, seed=5) == order(1, seed=5)
    assert order(1, seed=5) != order(2, seed=5)
    assert order(1, seed=5) != order(1, seed=6)
    assert order(1, shuffle=False) == order(2, shuffle=False, seed=6)


@pytest.mark.parametrize("kind", range(4), ids=["windows", "padded", "labelled", "streams"])
def test_the_fingerprint_tells_data_and_order_apart(kind):
    texts = ["abc", "ba", "c"]
    variants = [
        every_kind(texts, batch_size=2),
        every_kind(["ab", "cba", "c"], batch_size=2),
        every_kind(texts, batch_size=1),
        every_kind(texts, batch_size=2, seed=1),
        every_kind(texts, batch_size=2, shuffle=False),
    ]
    prints = [variant[kind].fingerprint() for variant in variants]
    assert len(set(prints)) == 5
    assert every_kind(list(texts), batch_size=2)[kind].fingerprint() == prints[0]
    assert variants[0][kind].to("cpu").fingerprint() == prints[0]


def test_labels_and_stream_lengths_are_part_of_the_fingerprint():
    texts = ["abc", "ba"]
    one, other = (LabelledBatches.from_texts(LETTERS, texts, labels) for labels in ([0, 1], [1, 0]))
    assert one.fingerprint() != other.fingerprint()
    short, long = (StreamBatches.from_texts(LETTERS, texts, 2, length) for length in (2, 3))
    assert short.fingerprint() != long.fingerprint()
    assert replace(long, carries_state=False).fingerprint() != long.fingerprint()


def test_a_stream_shorter_than_one_batch_is_refused_with_both_sizes():
    with pytest.raises(ValueError, match="has 7 tokens, too few for one batch of 2 × 5"):
        StreamBatches.from_texts(LETTERS, ["abc", "ba"], batch_size=2, length=5)
    assert len(StreamBatches.from_texts(LETTERS, ["abc", "ba"], batch_size=2, length=4)) == 1


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_batches_are_made_where_the_data_lies(device):
    """The meta device computes nothing: what copied a tensor to the CPU would fail on it."""
    for batches in every_kind(["abc", "", "ba", "cccc"], batch_size=2):
        there = batches.to(device)
        assert len(there) == len(batches)
        for epoch in (0, 1):
            shapes = [tuple(inputs.shape) for inputs, _ in batches.epoch(epoch)]
            parts = list(there.epoch(epoch))
            assert [tuple(inputs.shape) for inputs, _ in parts] == shapes
            assert all(part.device.type == device for both in parts for part in both)


def test_subwords_make_batches_as_characters_do():
    texts = ["a word and a word", "", "words"]
    subwords = Subwords.from_texts(texts, 270)
    tokens = len(subwords.encode_texts(texts))
    for batches in (
        PaddedBatches.from_texts(subwords, texts, batch_size=2),
        StreamBatches.from_texts(subwords, texts, batch_size=2, length=3),
    ):
        assert sum(int((t != IGNORED).sum()) for _, t in batches.epoch(0)) == tokens
    ((inputs, _),) = LabelledBatches.from_texts(subwords, texts, [0, 1, 2], shuffle=False).epoch(0)
    assert subwords.decode_texts(inputs) == texts


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 2.5}, "batch_size is 2.5"),
    ],
)
def test_a_batch_size_that_is_no_count_is_refused(arguments, message):
    for kind in (PaddedBatches, StreamBatches):
        with pytest.raises(ValueError, match=message):
            kind.from_texts(LETTERS, ["a"], **arguments)
    with pytest.raises(ValueError, match=message):
        LabelledBatches.from_texts(LETTERS, ["a"], [0], **arguments)


def test_lengths_that_are_no_counts_are_refused():
    with pytest.raises(ValueError, match="length is 0"):
        StreamBatches.from_texts(LETTERS, ["a"], length=0)
    with pytest.raises(ValueError, match="max_length is -3"):
        LabelledBatches.from_texts(LETTERS, ["a"], [0], max_length=-3)


@pytest.mark.parametrize("make", [PaddedBatches, StreamBatches])
def test_an_empty_corpus_is_refused(make):
    with pytest.raises(ValueError, match="corpus is empty"):
        make.from_texts(LETTERS, [])
    with pytest.raises(ValueError, match="corpus is empty"):
        LabelledBatches.from_texts(LETTERS, [], [])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 1], "3 texts and 2 labels"),
        ([0, -1, 1], "label -1 of text 1"),
        ([0, None, 1], "label None of text 1"),
        ([0, 1, "pos"], "label 'pos' of text 2"),
        ([0.5, 1, 1], "label 0.5 of text 0"),
    ],
)
def test_labels_that_are_no_class_ids_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        LabelledBatches.from_texts(LETTERS, ["a", "b", "c"], labels)


@pytest.mark.parametrize("text", ODD_TEXTS.values(), ids=ODD_TEXTS)
def test_odd_texts_reach_every_kind_of_batch_whole(text):
    texts = [text, "", text + text]
    vocabulary = Vocabulary.from_texts(texts)
    for batches in every_kind(texts, vocabulary, batch_size=2, shuffle=False):
        parts = list(batches.epoch(0))
        if isinstance(batches, LabelledBatches):
            found = [row for inputs, _ in parts for row in vocabulary.decode_texts(inputs)]
            assert found == texts
            continue
        rows = [t[t != IGNORED] for _, t in parts]
        if isinstance(batches, StreamBatches):  # row by row, and not batch by batch
            targets = torch.cat([t for _, t in parts], 1)
            rows = [targets[targets != IGNORED]]
        assert vocabulary.decode(torch.cat(rows), "|") == f"{text}||{text}{text}|"


def test_a_line_of_50_megabytes_is_streamed_in_little_memory():
    """Beside the four bytes a token of the encoded line, an epoch takes next to nothing."""
    line = "all on one line, " * (50_000_000 // 17)
    batches = StreamBatches.from_texts(Vocabulary.from_texts([line]), [line], 64, 4096)
    assert batches.stream.element_size() == 4
    before = psutil.Process().memory_info().rss
    counted, most = 0, 0
    for _, targets in batches.epoch(0):
        counted += int((targets != IGNORED).sum())
        most = max(most, psutil.Process().memory_info().rss)
    assert counted == len(line) + 1
    assert most - before < len(line)


def test_a_vocabulary_of_empty_texts_beside_full_ones_loses_none():
    """Texts without a character are predicted to end at once, in every kind of batch."""
    texts = ["", "", "a", ""]
    inputs, targets = context_windows(LETTERS, texts, 3)
    assert targets.tolist() == [0, 0, 1, 0, 0]
    assert inputs.tolist() == [[0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0]]
    (only,) = PaddedBatches.from_texts(LETTERS, texts, batch_size=4, shuffle=False).epoch(0)
    assert only[1].tolist() == [[0, IGNORED], [0, IGNORED], [1, 0], [0, IGNORED]]
    (only,) = StreamBatches.from_texts(LETTERS, texts, 2, 3, shuffle=False).epoch(0)
    assert only[1].tolist() == [[0, 0, 1], [0, 0, IGNORED]]
