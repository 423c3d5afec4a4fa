"""What checks are written with: calling, comparing values, naming mistakes, showing values."""

import math

import numpy as np
import pytest
import torch

from course.exercises.comparing import Mistake, NotYet, call, compare, same
from course.exercises.values import show


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.tensor([1.0, 2]), torch.tensor([1.0, 2.00001])),
        (torch.ones(2, requires_grad=True).double(), torch.ones(2)),
        (1.0, torch.tensor(1.0)),
        (np.float64(0.5), 0.5),
        ([1, 2], (1, 2)),
        (torch.tensor([[3.0]]).max(1), (torch.tensor([3.0]), torch.tensor([0]))),
        ({"a": 1, "b": [0.1]}, {"b": [0.1], "a": 1}),
        (torch.tensor([math.inf, math.nan]), torch.tensor([math.inf, math.nan])),
    ],
)
def test_values_that_are_the_same(got, expected):
    same(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (torch.ones(2), torch.ones(2, 1), r"shape \(2,\), but a tensor of shape \(2, 1\)"),
        (torch.ones(1), 1.0, r"tensor of shape \(1,\), but a float is expected"),
        (torch.ones(2).long(), torch.ones(2), "of integers, but floats are expected"),
        (np.ones(2), torch.ones(2), r"a NumPy array of shape \(2,\), but a tensor"),
        ((1, np.ones(2)), (1, [1.0, 1]), r"Element \[1\] is a NumPy array of shape \(2,\), but"),
        ((1, 2, 3), (1, 2), "has 3 elements instead of 2"),
        ({"a": 1}, {"a": 1, "b": 2}, r"has the keys \['a'\] instead of \['a', 'b'\]"),
        (True, 1, "a bool, but an int is expected"),
        (1e9, math.inf, "instead of inf"),
    ],
)
def test_what_is_wrong_is_said(got, expected, words):
    with pytest.raises(NotYet, match=words):
        same(got, expected)


def test_the_first_difference_is_shown():
    got, expected = torch.zeros(2, 2), torch.tensor([[0.0, 0], [0, 7]])
    with pytest.raises(NotYet) as raised:
        same(got, expected, inputs="x = 1", name="the gradient")
    assert raised.value.message == (
        "The gradient has the right shape but the wrong values, first at [1, 1]: 0.0 instead of 7.0"
    )
    assert raised.value.case == {
        "inputs": "x = 1",
        "expected": "[[0.0, 0.0], [0.0, 7.0]] (shape (2, 2), float32)",
        "got": "[[0.0, 0.0], [0.0, 0.0]] (shape (2, 2), float32)",
    }


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x + 2, r"^it adds\. "),
        (lambda x: x[5], "^it takes the sixth"),
        (lambda x: x * 3, "^What it returned has the right shape"),
        (lambda x: None, "is the `return` missing"),
        (lambda x: x.add_(x), "changes its argument `x`"),
    ],
)
def test_a_known_mistake_is_named(answer, words):
    mistakes = [
        Mistake(lambda x: x * 2, "this is right here"),
        Mistake(lambda x: x + 2, "it adds"),
        Mistake(lambda x: x[5], "it takes the sixth"),
    ]
    with pytest.raises(NotYet, match=words):
        compare(answer, lambda x: x * 2, (torch.tensor([1.0, 3]),), mistakes)


def test_an_answer_gets_copies_and_may_not_change_them():
    given = [torch.ones(1)]

    def changes(x):
        x[0] += 1
        return x

    with pytest.raises(NotYet, match="changes its argument `x`"):
        call(changes, given)
    assert given[0].item() == 1
    call(changes, given, may_change=True)
    assert given[0].item() == 2


def test_long_values_are_shown_short():
    assert show(torch.zeros(100, 3)) == "a tensor of shape (100, 3), float32"
    assert len(show(list(range(1000)))) <= 160
    assert show((torch.tensor([1 / 3]), 1 / 3)) == "([0.333333], 0.333333)"
