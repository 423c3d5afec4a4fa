"""Exercise 00.sgd: a step of gradient descent for all parameters."""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call, same
from course.exercises.values import show


def sgd_step(parameters: list[torch.Tensor], learning_rate: float) -> None:
    """One step of gradient descent, in place, that leaves no gradient behind.

    Args:
        parameters: tensors of any shape, each with its gradient in `.grad`, or None there
            if the loss did not depend on it: then it stays as it is.
        learning_rate: what the gradients are multiplied by.
    """
    with torch.no_grad():
        for parameter in parameters:
            if parameter.grad is not None:
                parameter -= learning_rate * parameter.grad
                parameter.grad = None


def _step(answer: Answer, parameters: list[torch.Tensor], learning_rate: float) -> None:
    kept, optimizers = list(parameters), []
    watch = register_optimizer_step_pre_hook(lambda optimizer, *_: optimizers.append(optimizer))
    try:
        call(answer, parameters, learning_rate, may_change=True)
    except NotYet as reason:
        said = reason.message
        if "leaf Variable" in said or "leaf variable" in said:
            said = (
                "PyTorch would have to record the step as part of the calculation, and refuses. "
                f"Put it under `with torch.no_grad():`. {said}"
            )
        elif "NoneType" in said:
            said = f"A parameter may have no gradient: if `.grad` is None, leave it alone. {said}"
        raise NotYet(said, reason.case) from None
    finally:
        watch.remove()
        gradients = torch.is_grad_enabled()
        torch.set_grad_enabled(True)
    if optimizers:
        raise NotYet(
            "A PyTorch optimiser took the step. Write it with `-=`, and compare yours with "
            "PyTorch's"
        )
    if not gradients:
        raise NotYet(
            "It leaves gradients off for everything that follows. `with torch.no_grad():` turns "
            "them back on at its end"
        )
    if len(kept) != len(parameters) or any(
        a is not b for a, b in zip(kept, parameters, strict=True)
    ):
        raise NotYet(
            "It puts new tensors into the list, but the model still holds the old ones. Change "
            "the tensors themselves, with `-=`"
        )
    if not all(parameter.requires_grad and parameter.is_leaf for parameter in parameters):
        raise NotYet(
            "Afterwards a parameter no longer requires a gradient, so the next `backward()` "
            "skips it; leave `requires_grad` alone"
        )


def step_of_two_parameters(answer: Answer) -> None:
    """one step for a vector and a number"""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor(3.0, requires_grad=True)
    ((w * torch.tensor([2.0, -1.0])).sum() + 4 * b).backward()
    inputs = "w = [1, 2] with gradient [2, -1], b = 3 with gradient 4, learning_rate = 0.5"
    _step(answer, [w, b], 0.5)
    got, expected = [w.tolist(), b.item()], [[0.0, 2.5], 1.0]
    message = {
        "[[1.0, 2.0], 3.0]": "The parameters haven't changed. `p = p - …` makes a new tensor; "
        "`p -= …` changes the old one. Or did you reset the gradients before you used them?",
        "[[2.0, 1.5], 5.0]": "It climbs: the gradient points uphill, so subtract it",
        "[[-1.0, 3.0], -1.0]": "The learning rate is missing: subtract learning_rate × gradient",
        "[[0.0, 2.5], 3.0]": "Only the first parameter moved; go through all of them",
        "[[1.0, 2.0], 1.0]": "Only the last parameter moved; go through all of them",
    }.get(str(got))
    if message:
        case = {"inputs": inputs, "expected": show(expected), "got": show(got)}
        raise NotYet(message, case)
    same(got, expected, inputs=inputs, name="[w, b] afterwards")


def gradients_reset(answer: Answer) -> None:
    """that a second step doesn't use the first one's gradient"""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * torch.tensor([2.0, -1.0])).sum().backward()
        _step(answer, [w], 0.5)
    inputs = "w = [1, 2]; twice: gradient [2, -1] by backward(), then a step of 0.5"
    if w.tolist() == [-2.0, 3.5]:
        case = {"inputs": inputs, "expected": "[-1, 3]", "got": show(w.tolist())}
        raise NotYet(
            "The second step used the sum of both gradients, because `backward()` adds to what "
            "is there. Reset each `.grad` after using it",
            case,
        )
    same(w.tolist(), [-1.0, 3.0], inputs=inputs, name="w afterwards")


def step_without_gradient(answer: Answer) -> None:
    """that a parameter without a gradient stays as it is"""
    used = torch.tensor([1.0], requires_grad=True)
    unused = torch.tensor([5.0], requires_grad=True)
    (2 * used).sum().backward()
    _step(answer, [unused, used], 0.5)
    got = [unused.tolist(), used.tolist()]
    inputs = "unused = [5] with .grad None, used = [1] with gradient [2], learning_rate = 0.5"
    same(got, [[5.0], [0.0]], inputs=inputs, name="[unused, used] afterwards")


def steps_of_a_model(answer: Answer) -> None:
    """ten steps of a small model with four classes"""
    x, y = torch.randn(20, 3), torch.randint(0, 4, (20,))
    theirs, ours = nn.Linear(3, 4), nn.Linear(3, 4)
    ours.load_state_dict(theirs.state_dict())
    for _ in range(10):
        for model, step in ((theirs, partial(_step, answer)), (ours, sgd_step)):
            F.cross_entropy(model(x), y).backward()
            step(list(model.parameters()), 0.3)
    same(theirs.weight, ours.weight, name="the weight after ten steps")


SGD = Exercise(
    name="00.sgd",
    solved_by=sgd_step,
    why=(
        "The model and the list hold the same tensors, so the step must change those. `-=` does; "
        "`parameter = parameter - …` makes a new tensor that the model never sees. Under "
        "`torch.no_grad()` autograd doesn't record the step as part of the loss. And "
        "`backward()` adds to `.grad`, so we drop each gradient once we have used it. PyTorch's "
        "optimisers do the same, with a cleverer step."
    ),
    hints=(
        "Our step by hand had one parameter, `model.table.weight`. Which of its lines go into a "
        "loop over `parameters`?",
        "Three things easily go wrong. PyTorch refuses to record the step, so use "
        "`torch.no_grad()`; `p = p - …` changes nothing outside; and `p.grad` may be None.",
        "Under `with torch.no_grad():`, for each parameter whose `.grad` is not None: "
        "`parameter -= learning_rate * parameter.grad`, then `parameter.grad = None`.",
    ),
    checks=(
        step_of_two_parameters,
        gradients_reset,
        step_without_gradient,
        steps_of_a_model,
    ),
)
