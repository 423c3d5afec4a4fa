import pytest
import torch

from intro_lm.data import Vocabulary, WindowBatches, context_windows


@pytest.mark.parametrize("context_length", [1, 2, 7])
@pytest.mark.parametrize("texts", [["abc"], ["", "", "a", ""], ["cab", "b", "", "abcabc"]])
def test_windows_equal_those_cut_by_hand(texts, context_length):
    vocabulary = Vocabulary("abc")
    inputs, targets = [], []
    for text in texts:
        context = [0] * context_length
        for token in [*vocabulary.encode(text).tolist(), 0]:
            inputs.append(context)
            targets.append(token)
            context = [*context[1:], token]
    found = context_windows(vocabulary, texts, context_length)
    assert (found[0].tolist(), found[1].tolist()) == (inputs, targets)
    assert found[0].dtype == found[1].dtype == torch.int64


def test_counts_below_one_and_empty_corpora_are_refused():
    for wrong in (0, 2.5):
        with pytest.raises(ValueError, match=f"context_length is {wrong}"):
            context_windows(Vocabulary("a"), ["a"], wrong)
        with pytest.raises(ValueError, match=f"batch_size is {wrong}"):
            WindowBatches(torch.zeros(5, 3), torch.zeros(5), batch_size=wrong)
    with pytest.raises(ValueError, match="corpus is empty"):
        context_windows(Vocabulary("a"), [], 3)
    for inputs, targets in ((0, 0), (5, 4)):
        with pytest.raises(ValueError, match=f"{inputs} inputs and {targets} targets"):
            WindowBatches(torch.zeros(inputs, 3), torch.zeros(targets))


@pytest.mark.parametrize(("examples", "batch_size"), [(1, 1), (50, 7), (50, 60), (12, 4)])
def test_an_epoch_holds_each_example_once_with_its_target(examples, batch_size):
    inputs = torch.arange(examples)
    batches = WindowBatches(inputs, inputs * 10, batch_size=batch_size, seed=5)
    parts = list(batches.epoch(2))
    assert len(parts) == len(batches)
    seen = torch.cat([part for part, _ in parts])
    assert seen.sort().values.equal(inputs)
    assert torch.cat([targets for _, targets in parts]).equal(seen * 10)


def test_without_shuffling_the_order_is_as_given():
    batches = WindowBatches(torch.arange(10), torch.arange(10), batch_size=3, shuffle=False)
    assert torch.cat([x for x, _ in batches.epoch(4)]).tolist() == list(range(10))
