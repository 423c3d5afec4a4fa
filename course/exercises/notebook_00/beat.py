"""Exercise 00.beat: predict the next letter better than our table of pairs."""

from __future__ import annotations

from functools import cache

import torch
import torch.nn.functional as F

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call, same
from intro_lm import data

Pairs = tuple[torch.Tensor, torch.Tensor]
GOAL = 2.3  # nats per letter on the validation names


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
    for length, weight in ((1, 0.14), (2, 0.35), (3, 0.5)):
        digits = 27 ** torch.arange(length)  # 1, 27, 729: reads the last letters as one number
        rows = inputs[:, -length:] @ digits  # (N,)
        counts = torch.bincount(rows * 27 + targets, minlength=27 ** (length + 1)).view(-1, 27)
        fractions = (counts + 0.01) / (counts + 0.01).sum(1, keepdim=True)
        mixture += weight * fractions[contexts[:, -length:] @ digits]  # (M, 27)
    return mixture.log()


@cache
def _names() -> tuple[data.Vocabulary, Pairs, Pairs]:
    """The vocabulary, and the windows of the training names and of the validation names."""
    corpus = data.load("names")
    vocabulary = data.Vocabulary.from_texts(corpus["train"]["text"])
    train, validation = (
        data.context_windows(vocabulary, corpus[split]["text"], 3)
        for split in ("train", "validation")
    )
    return vocabulary, train, validation


def loss_on_validation_names(answer: Answer) -> None:
    """the loss on the validation names, which must be below 2.3 nats per letter"""
    vocabulary, (inputs, targets), (contexts, following) = _names()
    loss = _loss(answer, vocabulary, inputs, targets, contexts, following)
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
    other = torch.tensor([0, *range(26, 0, -1)])  # a is z, b is y, …: just as hard
    again = _loss(answer, vocabulary, *(other[t] for t in (inputs, targets, contexts, following)))
    if not again < loss + 0.03:
        raise NotYet(
            "It works only for these names. With the letters swapped in all its inputs, a for z, "
            "b for y and so on, the loss is higher. Learn only from `inputs` and `targets`",
            {"got": f"{loss:.3f}", "with letters swapped": f"{again:.3f}"},
        )


def _loss(
    answer: Answer,
    vocabulary: data.Vocabulary,
    inputs: torch.Tensor,
    targets: torch.Tensor,
    contexts: torch.Tensor,
    following: torch.Tensor,
) -> float:
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
            "These are probabilities, but we need logits. The logarithms of probabilities are "
            "logits: add `.log()`"
        )
    losses = F.cross_entropy(logits, following, reduction="none")
    if losses.isinf().any():
        count = int(losses.isinf().sum())
        raise NotYet(
            f"In {count:,} of {len(losses):,} cases the next letter got probability 0, which "
            "makes the loss infinite. Leave a little for what was never seen"
        )
    return losses.mean().item()


def _advice(loss: float, own: float) -> str:
    if loss > own + 0.02:
        return (
            "That is worse than our table of pairs. Did you take the latest letter from the "
            "right end, `contexts[:, -1]`? A table far too large for the data does this as well"
        )
    if loss > own - 0.02:
        return "That is what our table of pairs reaches. Use the earlier letters too"
    return (
        "It beats our table of pairs. Long contexts are precise but rare, short ones vague but "
        "frequent: try several lengths together"
    )


BEAT = Exercise(
    name="00.beat",
    solved_by=predict_next,
    why=(
        "A table for three letters of context is precise for a context it has seen often, and "
        "knows nothing about the others. A table of pairs is vague, but always has an answer. A "
        "mixture is wrong less often than either. The weights add up to 1, and the small share "
        "for all letters alike keeps every probability above 0. Language models were built like "
        "this for decades; the Kneser–Ney models of notebook 01 do it with more care."
    ),
    hints=(
        "Count with two letters of context first: there are 27 × 27 rows, and "
        "`inputs[:, -2] * 27 + inputs[:, -1]` is the row's number. Add something to each "
        "count. How much is best?",
        "Three letters, with 27 × 27 × 27 rows, do better where the context was seen often, "
        "and worse elsewhere. Compute the probabilities for one, two and three letters, each "
        "(M, 27).",
        "Add up the three with weights that sum to nearly 1, say 0.14, 0.35 and 0.5. Add 0.01 "
        "spread over all 27 letters, and return the logarithm.",
    ),
    checks=(loss_on_validation_names,),
)
