"""The exercises of notebook 00, the warm-up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from intro_lm import data
from intro_lm.exercises.checking import Exercise
from intro_lm.exercises.comparing import Answer, NotYet, call, compare, same
from intro_lm.exercises.mistakes_00 import CROSS_ENTROPY, DERIVATIVE, LENGTHS
from intro_lm.exercises.values import show

GOAL = 2.3  # nats per letter on the validation names


class Watch(TorchFunctionMode):
    """Notes whether one of these functions of PyTorch is called."""

    def __init__(self, *functions: Callable[..., Any]) -> None:
        super().__init__()
        self.functions, self.seen = functions, False

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        self.seen = self.seen or any(func is function for function in self.functions)
        return func(*args, **(kwargs or {}))


def name_lengths(batch: torch.Tensor) -> torch.Tensor:
    """Count the letters of each name.

    Args:
        batch: (B, T) LongTensor, one name a row: ids of letters, filled up with 0 on the right.

    Returns:
        (B,) LongTensor, how many letters each name has.
    """
    return (batch != 0).sum(1)


def lengths_of_two(answer: Answer) -> None:
    """the lengths of *anna* and *bob*"""
    compare(answer, name_lengths, (torch.tensor([[1, 14, 14, 1], [2, 15, 2, 0]]),), LENGTHS)


def lengths_at_the_edges(answer: Answer) -> None:
    """a square of names, a single name, and a row without letters"""
    for rows in ([[1, 0, 0], [2, 3, 4], [5, 6, 0]], [[3, 1, 0, 0, 0]], [[0, 0], [26, 0]]):
        compare(answer, name_lengths, (torch.tensor(rows),), LENGTHS)


def gradient(
    w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of the loss (tanh(w·x + b) - y)², from formulas.

    Args:
        w, b: the parameters, tensors without dimensions.
        x, y: the input and what the output should be, tensors without dimensions.

    Returns:
        The derivative of the loss with respect to w, and the one with respect to b.
    """
    prediction = torch.tanh(w * x + b)
    db = 2 * (prediction - y) * (1 - prediction**2)
    return db * x, db


def _numbers(*values: float) -> tuple[torch.Tensor, ...]:
    return tuple(torch.tensor(value, dtype=torch.float64) for value in values)


def gradient_at_a_point(answer: Answer) -> None:
    """the gradient at w = 0.5, b = -0.5 for x = 2, y = -1"""
    compare(answer, gradient, _numbers(0.5, -0.5, 2, -1), DERIVATIVE, tolerance=1e-5)


def gradient_elsewhere(answer: Answer) -> None:
    """other parameters, a negative x, and a point where the loss is 0"""
    for point in ((-1.0, 0.3, 0.5, 0.2), (0.4, 0.1, -3.0, 1.0), (0.7, 0.0, 0.0, 0.0)):
        compare(answer, gradient, _numbers(*point), DERIVATIVE, tolerance=1e-5)


def gradient_from_formulas(answer: Answer) -> None:
    """that the gradient comes from formulas, without autograd"""
    point = _numbers(0.5, -0.5, 2, -1)
    with Watch(torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad) as watch:
        call(answer, *point)
    if watch.seen:
        raise NotYet(
            "The numbers are right, and autograd found them. Write the two formulas here, and "
            "keep autograd to compare them with"
        )


def cross_entropy(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """The mean negative log-likelihood of the right answers, from logits of any size.

    Args:
        logits: (B, V) floats, a row of scores for each example.
        targets: (B,) LongTensor, which column of each row is the right answer.

    Returns:
        The mean over the B examples, in nats: a tensor without dimensions.
    """
    moved = logits - logits.max(1, keepdim=True).values  # (B, V), none above 0
    log_sums = moved.exp().sum(1).log()  # (B,)
    chosen = moved[torch.arange(len(targets)), targets]  # (B,)
    return (log_sums - chosen).mean()


def _compare_losses(answer: Answer, *cases: tuple[list[list[float]], list[int]]) -> None:
    for logits, targets in cases:
        arguments = (torch.tensor(logits), torch.tensor(targets))
        compare(answer, cross_entropy, arguments, CROSS_ENTROPY)


def loss_of_one_example(answer: Answer) -> None:
    """the loss of one example with three logits"""
    _compare_losses(answer, ([[1.0, 2.0, 0.5]], [0]))


def loss_of_a_batch(answer: Answer) -> None:
    """the mean over a batch, also where it has as many rows as columns"""
    square = [[1.0, 2.0, 0.5], [0.0, -1.0, 3.0], [2.0, 2.5, -2.0]]
    _compare_losses(answer, (square, [0, 2, 0]), (square[:2], [1, 1]))


def loss_of_large_logits(answer: Answer) -> None:
    """logits of 1000 and of -1000, alone and in one batch"""
    large, small = [1000.0, 0.0, 0.0], [-1000.0, -1001.0, -1000.0]
    _compare_losses(
        answer,
        ([large], [0]),
        ([large], [1]),
        ([small], [1]),
        ([[1000.0, 999.0, 1.0], small], [1, 0]),
    )


def loss_without_ours(answer: Answer) -> None:
    """that it does the work itself, without `F.cross_entropy`"""
    with Watch(F.cross_entropy) as watch:
        call(answer, torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([0]))
    if watch.seen:
        raise NotYet(
            "`F.cross_entropy` did it. Write it with `exp`, `sum` and `log`, and keep PyTorch's to "
            "compare yours with"
        )


def sgd_step(parameters: list[torch.Tensor], learning_rate: float) -> None:
    """One step of gradient descent, in place, that leaves no gradient behind.

    Args:
        parameters: of any shapes. Each requires a gradient and holds it in `.grad`, or None there
            if the loss did not depend on it: then it stays as it is.
        learning_rate: what the gradients are multiplied by.
    """
    with torch.no_grad():
        for parameter in parameters:
            if parameter.grad is not None:
                parameter -= learning_rate * parameter.grad
                parameter.grad = None


def _step(answer: Answer, parameters: list[torch.Tensor], learning_rate: float) -> None:
    kept = list(parameters)
    try:
        call(answer, parameters, learning_rate, may_change=True)
    except NotYet as reason:
        said = reason.message
        if "leaf Variable" in said or "leaf variable" in said:
            said = (
                "PyTorch would record the step itself as part of the calculation, and refuses. Put "
                f"it under `with torch.no_grad():` ({said})"
            )
        elif "NoneType" in said:
            said = f"A parameter may have no gradient (`.grad` is None): leave it alone ({said})"
        raise NotYet(said, reason.case) from None
    if len(kept) != len(parameters) or any(
        a is not b for a, b in zip(kept, parameters, strict=True)
    ):
        raise NotYet(
            "It puts new tensors into the list, and the model still holds the old ones. Change the "
            "tensors themselves, with `-=`"
        )
    if not all(parameter.requires_grad and parameter.is_leaf for parameter in parameters):
        raise NotYet(
            "After it a parameter no longer asks for a gradient, so that the next `backward()` "
            "passes it over; leave `requires_grad` alone"
        )


def step_of_two_parameters(answer: Answer) -> None:
    """one step of a vector and a number"""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    b = torch.tensor(3.0, requires_grad=True)
    ((w * torch.tensor([2.0, -1.0])).sum() + 4 * b).backward()
    inputs = "w = [1, 2] with gradient [2, -1], b = 3 with gradient 4, learning_rate = 0.5"
    _step(answer, [w, b], 0.5)
    got, expected = [w.tolist(), b.item()], [[0.0, 2.5], 1.0]
    message = {
        "[[1.0, 2.0], 3.0]": "The parameters are what they were. `p = p - …` makes a new tensor "
        "and leaves the old one alone; `p -= …` changes it. (Or were the gradients set back "
        "before they were used?)",
        "[[2.0, 1.5], 5.0]": "It climbs: the gradient points to where the loss grows, so subtract",
        "[[-1.0, 3.0], -1.0]": "The learning rate is missing: subtract learning_rate × gradient",
        "[[0.0, 2.5], 3.0]": "Only the first parameter moved; go through all of them",
        "[[1.0, 2.0], 1.0]": "Only the last parameter moved; go through all of them",
    }.get(str(got))
    if message:
        case = {"inputs": inputs, "expected": show(expected), "got": show(got)}
        raise NotYet(message, case)
    same(got, expected, inputs=inputs, name="[w, b] afterwards")


def gradients_set_back(answer: Answer) -> None:
    """that a second step does not feel the gradient of the first"""
    w = torch.tensor([1.0, 2.0], requires_grad=True)
    for _ in range(2):
        (w * torch.tensor([2.0, -1.0])).sum().backward()
        _step(answer, [w], 0.5)
    inputs = "w = [1, 2]; twice: gradient [2, -1] by backward(), then a step of 0.5"
    if w.tolist() == [-2.0, 3.5]:
        case = {"inputs": inputs, "expected": "[-1, 3]", "got": show(w.tolist())}
        raise NotYet(
            "The second step used the sum of both gradients, since `backward()` adds to what is "
            "there. Set each `.grad` back after using it",
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
    """ten steps on a small model, by its loss on four classes"""
    x, y = torch.randn(20, 3), torch.randint(0, 4, (20,))
    theirs, ours = nn.Linear(3, 4), nn.Linear(3, 4)
    ours.load_state_dict(theirs.state_dict())
    for _ in range(10):
        for model, step in ((theirs, partial(_step, answer)), (ours, sgd_step)):
            F.cross_entropy(model(x), y).backward()
            step(list(model.parameters()), 0.3)
    same(theirs.weight, ours.weight, name="the weight after ten steps")


def predict_next(
    inputs: torch.Tensor, targets: torch.Tensor, contexts: torch.Tensor
) -> torch.Tensor:
    """Learn from examples which letter follows three others, and predict it for new contexts.

    Args:
        inputs: (N, 3) LongTensor, the three letters before each target, the latest on the right.
        targets: (N,) LongTensor, the letter that follows.
        contexts: (M, 3) LongTensor, for which to predict; some are not among `inputs`.

    Returns:
        (M, 27) float logits for the letter that follows each context.
    """
    mixture = torch.full((len(contexts), 27), 0.01 / 27)
    for length, share in ((1, 0.14), (2, 0.35), (3, 0.5)):
        places = 27 ** torch.arange(length)  # 1, 27, 729: reads the last letters as one number
        rows = inputs[:, -length:] @ places  # (N,)
        counts = torch.bincount(rows * 27 + targets, minlength=27 ** (length + 1)).view(-1, 27)
        shares = (counts + 0.01) / (counts + 0.01).sum(1, keepdim=True)
        mixture += share * shares[contexts[:, -length:] @ places]  # (M, 27)
    return mixture.log()


def loss_on_validation_names(answer: Answer) -> None:
    """the loss on the validation names, which must be below 2.3 nats per letter"""
    corpus = data.load("names")
    vocabulary = data.Vocabulary.from_texts(corpus["train"]["text"])
    inputs, targets = data.context_windows(vocabulary, corpus["train"]["text"], 3)
    contexts, following = data.context_windows(vocabulary, corpus["validation"]["text"], 3)
    logits = call(answer, inputs, targets, contexts)
    if not isinstance(logits, torch.Tensor) or logits.shape != (len(contexts), 27):
        same(logits, torch.zeros(len(contexts), 27))
    logits = logits.detach().cpu().double()
    if logits.isnan().any():
        row = contexts[logits.isnan().any(1)][0]
        raise NotYet(
            "Some logits are nan. Most likely these contexts don't occur in the training names: "
            "their counts are a row of zeros, and 0/0 is nan. Add something to each count, or fall "
            "back on a shorter context",
            {"first such context": f"{vocabulary.decode(row)!r}"},
        )
    if (logits >= 0).all() and ((logits.sum(1) - 1).abs() < 1e-3).all():
        raise NotYet(
            "These are probabilities, and logits are asked for. The logarithms of probabilities "
            "are logits that give them back: add `.log()`"
        )
    losses = F.cross_entropy(logits, following, reduction="none")
    if losses.isinf().any():
        count = int(losses.isinf().sum())
        raise NotYet(
            f"At {count:,} of {len(losses):,} places the letter that came got the probability 0, "
            "which makes the loss infinite. Leave a little for what was never seen"
        )
    loss = losses.mean().item()
    if not loss < GOAL:
        table = torch.ones(27, 27).index_put_(
            (inputs[:, -1], targets), torch.tensor(1.0), accumulate=True
        )
        own = F.cross_entropy(table[contexts[:, -1]].log(), following).item()
        raise NotYet(
            f"The loss is {loss:.3f}, which is {loss - GOAL:.3f} above the goal. "
            f"{_advice(loss, own)}",
            {"goal": f"below {GOAL}", "got": f"{loss:.3f}", "our table of pairs": f"{own:.3f}"},
        )


def _advice(loss: float, own: float) -> str:
    if loss > own + 0.02:
        return (
            "That is worse than our table of pairs. Is the latest letter taken from the right end, "
            "`contexts[:, -1]`? A table that is far too large for the data does this as well"
        )
    if loss > own - 0.02:
        return "That is what our table of pairs reaches; use the letters before the last one too"
    return (
        "It beats our table of pairs. Long contexts are precise and rare, short ones vague and "
        "frequent: try to use several lengths together"
    )


EXERCISES = (
    Exercise(
        name="00.lengths",
        title="How long are the names?",
        minutes=5,
        solved_by=name_lengths,
        why=(
            "`batch != 0` has the shape of `batch` and is true where a letter stands. `sum(1)` "
            "adds along direction 1, over the T places of each row, counts every true as 1, and "
            "leaves one number a name. Tables of true and false that say what counts are called "
            "*masks*; wherever names or texts of different lengths share a batch, one is needed."
        ),
        hints=(
            "Which places of the batch hold a letter, and which are filled up? One comparison "
            "answers that for all of them.",
            "`(batch != 0).sum()` counts the letters of all names together. Give `sum` the "
            "direction to add along: `sum(1)` goes along each row.",
        ),
        checks=(lengths_of_two, lengths_at_the_edges),
    ),
    Exercise(
        name="00.derivative",
        title="A gradient by hand",
        minutes=10,
        solved_by=gradient,
        why=(
            "The chain rule multiplies the slopes of three steps: of the square, 2(p - y) with "
            "p = tanh(w·x + b); of tanh, 1 - p²; and of w·x + b, which is x with respect to w and "
            "1 with respect to b. So the two differ by the factor x alone, and what both share is "
            "calculated once. `backward()` saves work in the same way."
        ),
        hints=(
            "The loss is made in three steps: w·x + b, then tanh, then the square of the distance "
            "to y. What is the derivative of each step alone?",
            "With p = tanh(w·x + b): the square gives 2(p - y), tanh gives 1 - p², and the inside "
            "gives x with respect to w and 1 with respect to b.",
            "Multiply the three: `db = 2 * (p - y) * (1 - p**2)`, and `dw` is `db * x`. Return "
            "`dw, db`.",
        ),
        checks=(gradient_at_a_point, gradient_elsewhere, gradient_from_formulas),
    ),
    Exercise(
        name="00.cross_entropy",
        title="Cross-entropy from logits",
        minutes=15,
        solved_by=cross_entropy,
        why=(
            "The logarithm of the softmax is the logit minus the logarithm of the sum of the row's "
            "`exp`, so the loss needs no probability, which could be rounded to 0. Taking the same "
            "number from all logits of a row multiplies numerator and denominator by the same "
            "factor and changes nothing; with the row's largest, the largest `exp` is 1, so that "
            "none overflows and the sum is at least 1. `torch.logsumexp`, `log_softmax` and "
            "`F.cross_entropy` all do this."
        ),
        hints=(
            "Write -log of the softmax as a difference: which part depends on the right answer, "
            "and which on the whole row?",
            "The loss of a row is `log(sum(exp(z))) - z[target]`. "
            "`logits[torch.arange(len(targets)), targets]` picks one logit from each row.",
            "Begin with `moved = logits - logits.max(1, keepdim=True).values`. Then "
            "`moved.exp().sum(1).log()` minus the chosen entries of `moved`, and the mean.",
        ),
        checks=(loss_of_one_example, loss_of_a_batch, loss_of_large_logits, loss_without_ours),
    ),
    Exercise(
        name="00.sgd",
        title="A step for all parameters",
        minutes=20,
        solved_by=sgd_step,
        why=(
            "The model and the list hold the very same tensors, so the step must change these: "
            "`-=` does, and `parameter = parameter - …` makes a new tensor that the model never "
            "sees. Under `torch.no_grad()` the step is not recorded as a part of the loss. And "
            "since `backward()` adds to `.grad`, each gradient is dropped once it was used. The "
            "optimisers of PyTorch do the same, with a cleverer step."
        ),
        hints=(
            "In our step by hand there was one parameter, `model.table.weight`. Which of its lines "
            "go into a loop over `parameters`?",
            "Three things go wrong easily: PyTorch refuses to record the step (`torch.no_grad()`), "
            "`p = p - …` changes nothing outside, and `p.grad` may be None.",
            "Under `with torch.no_grad():`, for each parameter whose `.grad` is not None: "
            "`parameter -= learning_rate * parameter.grad`, then `parameter.grad = None`.",
        ),
        checks=(
            step_of_two_parameters,
            gradients_set_back,
            step_without_gradient,
            steps_of_a_model,
        ),
    ),
    Exercise(
        name="00.beat",
        title="Beat our table of pairs",
        minutes=60,
        solved_by=predict_next,
        why=(
            "A table for contexts of three letters is precise where it has seen the context often, "
            "and knows nothing where it hasn't; a table of pairs is vague and always there. Their "
            "mixture is wrong less often than either. Each share is the weight of one table, the "
            "shares add up to 1, and the bit that is left to all letters alike keeps every "
            "probability above 0. Language models were built like this for decades; the "
            "Kneser–Ney models of notebook 01 do it with more care."
        ),
        hints=(
            "Count with two letters of context first: 27 × 27 rows, and "
            "`inputs[:, -2] * 27 + inputs[:, -1]` is the number of a row. Add something to each "
            "count. How much is best?",
            "Three letters, 27 × 27 × 27 rows, are better where the context was seen often, and "
            "worse elsewhere. Make the probabilities of one, two and three letters, each (M, 27).",
            "Add up the three with shares that sum to nearly 1, say 0.14, 0.35 and 0.5, plus 0.01 "
            "spread over all 27 letters, and return the logarithm.",
        ),
        checks=(loss_on_validation_names,),
    ),
)
