from collections import Counter, defaultdict

import pytest
import torch

from intro_lm.data import Vocabulary, context_windows
from intro_lm.models import Bigram, KneserNey

TEXTS = ["abba", "abab", "baa", "aab", "b", "abc", "cab", "cc", "aabba"]


def kneser_ney_by_hand(texts, vocabulary, order, modified):
    """The textbook's recursion with dictionaries; contexts stop at the beginning of a text."""
    grams = [Counter() for _ in range(order)]
    for text in texts:
        tokens = [0, *vocabulary.encode(text).tolist(), 0]
        for end in range(1, len(tokens)):
            for length in range(min(order, end + 1)):
                grams[length][tuple(tokens[end - length : end + 1])] += 1
    counts = []
    for length in range(order):
        if length + 1 == order:
            counts.append(grams[length])
            continue
        left = defaultdict(set)
        for gram in grams[length + 1]:
            left[gram[1:]].add(gram[0])
        # A gram that begins with the boundary, and has a context, has nothing to its left.
        counts.append(
            {g: n if length and g[0] == 0 else len(left[g]) for g, n in grams[length].items()}
        )

    def probability(context, token):
        result = 1 / len(vocabulary)
        for length in range(order):
            if length > len(context):
                break
            suffix = context[len(context) - length :]
            seen = {g: n for g, n in counts[length].items() if g[:-1] == suffix}
            if not seen:
                break
            n = [sum(count == k for count in counts[length].values()) for k in range(1, 5)]
            single = n[0] / (n[0] + 2 * n[1]) if n[0] else 0.5
            discounts = [single] * 3
            if modified and all(n):
                discounts = [
                    1 - 2 * single * n[1] / n[0],
                    2 - 3 * single * n[2] / n[1],
                    3 - 4 * single * n[3] / n[2],
                ]
            taken = {g: max(discounts[min(count, 3) - 1], 0) for g, count in seen.items()}
            gram = (*suffix, token)
            kept = seen.get(gram, 0) - taken.get(gram, 0)
            result = (kept + sum(taken.values()) * result) / sum(seen.values())
        return result

    return probability


@pytest.mark.parametrize("texts", [TEXTS, ["a"]])  # no context of "a" is as long as order 5
@pytest.mark.parametrize("order", [1, 2, 3, 5])
@pytest.mark.parametrize("modified", [False, True])
def test_kneser_ney_equals_the_textbook_recursion(order, texts, modified):
    vocabulary = Vocabulary("abcd")
    inputs, targets = context_windows(vocabulary, texts, 4)
    model = KneserNey(len(vocabulary), order, modified).fit(inputs, targets)
    by_hand = kneser_ney_by_hand(texts, vocabulary, order, modified)
    queries, _ = context_windows(vocabulary, [*TEXTS, "abcdab", "ddd", "cabb"], 4)
    got = model(queries).exp()
    assert got.sum(1).tolist() == pytest.approx([1] * len(got), abs=1e-5)
    for row, query in zip(got, queries.tolist(), strict=True):
        tokens = [t for t in query if t]
        context = (0, *tokens)[-(order - 1) :] if order > 1 else ()
        if len(tokens) == 4:  # the window is full: its boundary is out of sight
            context = tuple(tokens)[-(order - 1) :] if order > 1 else ()
        expected = [by_hand(context, token) for token in range(len(vocabulary))]
        assert row.tolist() == pytest.approx(expected, abs=1e-6)


def test_bigram_counts_pairs_and_smooths_them():
    vocabulary = Vocabulary("ab")
    model = Bigram(3, smoothing=1).fit(*context_windows(vocabulary, ["ab", "aa"], 1))
    assert model.counts.tolist() == [[0, 2, 0], [1, 1, 1], [1, 0, 0]]
    assert model(torch.tensor([[0], [2]])).exp().tolist() == [
        pytest.approx([1 / 5, 3 / 5, 1 / 5]),
        pytest.approx([2 / 4, 1 / 4, 1 / 4]),
    ]


def test_bad_arguments_are_refused():
    with pytest.raises(ValueError, match="order is 0"):
        KneserNey(5, 0)
    with pytest.raises(ValueError, match="smoothing is -1"):
        Bigram(5, smoothing=-1)
    with pytest.raises(ValueError, match="needs contexts of 3 tokens, and the windows hold 2"):
        KneserNey(5, 4).fit(torch.zeros(3, 2, dtype=torch.long), torch.zeros(3, dtype=torch.long))
    with pytest.raises(RuntimeError, match="call fit"):
        KneserNey(5, 2)(torch.zeros(1, 2, dtype=torch.long))
