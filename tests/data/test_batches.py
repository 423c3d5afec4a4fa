import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intro_lm.data import Vocabulary, WindowBatches, context_windows


def windows_by_hand(vocabulary, texts, context_length):
    """The obvious loop, a character at a time."""
    inputs, targets = [], []
    for text in texts:
        context = [0] * context_length
        for token in [*vocabulary.encode(text).tolist(), 0]:
            inputs.append(context)
            targets.append(token)
            context = [*context[1:], token]
    return inputs, targets


@given(
    st.lists(st.text("abc", max_size=6), min_size=1, max_size=8).filter(any),
    st.integers(min_value=1, max_value=7),
)
def test_windows_equal_those_cut_by_hand(texts, context_length):
    vocabulary = Vocabulary("abc")
    inputs, targets = context_windows(vocabulary, texts, context_length)
    by_hand = windows_by_hand(vocabulary, texts, context_length)
    assert (inputs.tolist(), targets.tolist()) == by_hand
    assert inputs.dtype == targets.dtype == torch.int64


@pytest.mark.parametrize("context_length", [0, -1, 2.5, float("nan")])
def test_a_context_length_that_is_no_count_is_refused(context_length):
    with pytest.raises(ValueError, match=f"context_length is {context_length}"):
        context_windows(Vocabulary("a"), ["a"], context_length)


def test_an_empty_corpus_is_refused():
    with pytest.raises(ValueError, match="corpus is empty"):
        context_windows(Vocabulary("a"), [], 3)
    with pytest.raises(ValueError, match="corpus is empty"):
        WindowBatches(torch.empty(0, 3), torch.empty(0))


@pytest.mark.parametrize("batch_size", [0, -4, float("nan")])
def test_a_batch_size_that_is_no_count_is_refused(batch_size):
    with pytest.raises(ValueError, match=f"batch_size is {batch_size}"):
        WindowBatches(torch.zeros(5, 3), torch.zeros(5), batch_size=batch_size)


@given(st.integers(1, 50), st.integers(1, 60), st.integers(0, 3))
def test_an_epoch_holds_each_example_once_with_its_target(examples, batch_size, epoch):
    inputs = torch.arange(examples)
    batches = WindowBatches(inputs, inputs * 10, batch_size=batch_size, seed=5)
    parts = list(batches.epoch(epoch))
    assert len(parts) == len(batches)
    seen = torch.cat([part for part, _ in parts])
    assert seen.sort().values.equal(inputs)
    assert torch.cat([targets for _, targets in parts]).equal(seen * 10)


def test_epochs_differ_in_order_and_each_can_be_entered_anywhere():
    batches = WindowBatches(torch.arange(100), torch.arange(100), batch_size=7, seed=1)
    first, second = (torch.cat([x for x, _ in batches.epoch(e)]) for e in (0, 1))
    assert not first.equal(second)
    later = torch.cat([x for x, _ in batches.epoch(1, start=3)])
    assert later.equal(second[21:])
    other = WindowBatches(torch.arange(100), torch.arange(100), batch_size=7, seed=2)
    assert not torch.cat([x for x, _ in other.epoch(0)]).equal(first)


def test_without_shuffling_the_order_is_as_given():
    batches = WindowBatches(torch.arange(10), torch.arange(10), batch_size=3, shuffle=False)
    assert torch.cat([x for x, _ in batches.epoch(4)]).tolist() == list(range(10))


def test_the_fingerprint_tells_data_and_order_apart():
    x = torch.arange(10)
    prints = {
        WindowBatches(x, x).fingerprint(),
        WindowBatches(x, x.flip(0)).fingerprint(),
        WindowBatches(x, x, batch_size=5).fingerprint(),
        WindowBatches(x, x, seed=1).fingerprint(),
        WindowBatches(x, x, shuffle=False).fingerprint(),
    }
    assert len(prints) == 5
    assert WindowBatches(x.clone(), x.clone()).fingerprint() in prints
