"""What checks are written with: comparing values and naming mistakes."""

import math

import numpy as np
import pytest
import torch

from course.exercises.comparing import Mistake, NotYet, call, compare, same
from course.exercises.values import copied, show


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (torch.tensor([1.0, 2]), torch.tensor([1.0, 2.00001])),
        (torch.ones(2).double(), torch.ones(2)),
        (torch.ones(2, requires_grad=True), torch.ones(2)),
        (torch.nn.Parameter(torch.ones(2)), torch.ones(2)),
        (1.0, torch.tensor(1.0)),
        (torch.tensor(1.0), 1.0),
        (1, 1.0),
        (2.0, 2),
        (np.float64(0.5), 0.5),
        ([1, 2], (1, 2)),
        (torch.tensor([[3.0]]).max(1), (torch.tensor([3.0]), torch.tensor([0]))),
        ({"a": 1, "b": [0.1]}, {"b": [0.1], "a": 1}),
        (math.inf, math.inf),
        (math.nan, math.nan),
        (torch.tensor([math.inf, math.nan]), torch.tensor([math.inf, math.nan])),
        ("text", "text"),
        (torch.zeros(0, 3), torch.zeros(0, 3)),
    ],
)
def test_what_a_learner_may_return_is_the_same(got, expected):
    same(got, expected)


@pytest.mark.parametrize(
    ("got", "expected", "words"),
    [
        (torch.ones(2), torch.ones(2, 1), r"shape \(2,\) instead of \(2, 1\)"),
        (torch.ones(1), 1.0, r"tensor of shape \(1,\), and a float"),
        (torch.ones(2).long(), torch.ones(2), "integers, and floats are expected"),
        ([1.0, 2.0], torch.ones(2), r"a list, and a torch\.Tensor is expected"),
        ((1, 2, 3), (1, 2), "3 elements instead of 2"),
        ((1, 5), (1, 2), r"Element \[1\] is 5 instead of 2"),
        ({"a": 1}, {"a": 1, "b": 2}, r"lacks \['b'\]"),
        ({"a": 1, "c": 1}, {"a": 1}, r"has \['c'\]"),
        ({"a": 1}, {"a": 2}, r"\['a'\] is 1 instead of 2"),
        (True, 1, "a bool, and an int"),
        ("1", 1, "a str, and an int"),
        (1.5, 1, "a float, and an int"),
        (None, 1, "None, and an int"),
        (math.inf, 1.0, "inf instead of 1"),
        (1e9, math.inf, "instead of inf"),
    ],
)
def test_what_is_wrong_is_said(got, expected, words):
    with pytest.raises(NotYet, match=words):
        same(got, expected)


def test_the_first_place_that_differs_is_shown():
    got, expected = torch.zeros(2, 2), torch.tensor([[0.0, 0], [0, 7]])
    with pytest.raises(NotYet) as raised:
        same(got, expected, inputs="x = 1", name="the gradient")
    assert raised.value.message == "The gradient has the right shape and the wrong values"
    assert raised.value.case == {
        "inputs": "x = 1",
        "expected": "[[0, 0], [0, 7]] (shape (2, 2), float32)",
        "got": "[[0, 0], [0, 0]] (shape (2, 2), float32)",
        "first difference": "at [1, 1]: expected 7, got 0 (1 of 4 differ)",
    }


def right(x):
    return x * 2


MISTAKES = (
    Mistake(lambda x: x * 2, "this is right"),
    Mistake(lambda x: x + 2, "it adds"),
    Mistake(lambda x: x[5], "it takes the sixth"),
    Mistake(lambda x: None, "never reached"),
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: x + 2, "^it adds"),
        (lambda x: x[5], "^it takes the sixth"),
        (lambda x: x * 3, "^What it returned has the right shape"),
        (lambda x: None, "return"),
        (lambda x: {}, "a dict"),
    ],
)
def test_a_known_mistake_is_named(answer, words):
    with pytest.raises(NotYet, match=words):
        compare(answer, right, (torch.tensor([1.0, 3]),), MISTAKES)


def test_a_mistake_that_gives_the_right_result_here_is_passed_over():
    compare(lambda x: x + 2, right, (torch.tensor(2.0),), MISTAKES)


def test_an_answer_gets_copies_and_may_not_change_them():
    given, inner = torch.ones(2), [torch.ones(1)]

    def changes(x, y):
        y[0] += 1
        return x

    with pytest.raises(NotYet, match="changes its argument `y`"):
        call(changes, given, inner)
    assert inner[0].item() == 1
    call(changes, given, inner, may_change=True)
    assert inner[0].item() == 2


def test_training_a_module_that_was_given_counts_as_changing_it():
    def steps(model):
        model.weight.data += 1
        return 1.0

    with pytest.raises(NotYet, match="changes its argument `model`"):
        call(steps, torch.nn.Linear(1, 1))


def test_generators_and_tensors_inside_a_graph_can_be_given():
    generator = torch.Generator().manual_seed(3)
    graph = torch.ones(2, requires_grad=True) * 2
    result = call(lambda g, x: torch.rand(2, generator=g) + x, generator, graph)
    expected = torch.rand(2, generator=torch.Generator().manual_seed(3)) + 2
    assert torch.equal(result, expected)
    assert torch.equal(copied(graph), graph)


def test_long_values_are_shown_short():
    assert show(torch.zeros(100, 3)) == "a tensor of shape (100, 3), float32"
    assert len(show(list(range(1000)))) <= 160
    assert show(torch.tensor(0.1)) == "tensor(0.1)"
    assert show((1,)) == "(1,)"
