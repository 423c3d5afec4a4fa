"""Exercise 02.own: a dataset of your own, and a network trained on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch._dynamo  # the first optimizer imports it, which takes seconds

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call
from course.exercises.notebook_02.corpora import demand_corpus, demand_encodes, parts_of
from course.exercises.values import show
from intro_lm import data
from intro_lm.evaluation import evaluate_bits
from intro_lm.models import MLP, KneserNey
from intro_lm.training import TrainingSettings, train

if TYPE_CHECKING:
    import datasets


def swap_in() -> tuple[datasets.DatasetDict, data.AnyVocabulary, torch.nn.Module]:
    """A dataset of one's own, and a network trained on it.

    Returns:
        The corpus, with the splits `train`, `validation` and `test` and a column `text`: 200 texts
        or more, 20,000 to 300,000 characters. The vocabulary. And the trained network, from ids
        (B, T) to the logits (B, V) of the next token.
    """
    import unicodedata

    names = [unicodedata.name(chr(point), "").lower() for point in range(0x1000)]
    corpus = data.split([name for name in names if name])
    texts = [text for part in corpus.values() for text in part["text"]]
    vocabulary = data.Vocabulary.from_texts(texts)
    windows = data.context_windows(vocabulary, corpus["train"]["text"], 8)
    batches = data.WindowBatches(*windows, batch_size=512, seed=0)
    generator = torch.Generator().manual_seed(0)
    model = MLP(len(vocabulary), 8, hidden_size=100, generator=generator)
    train(model, batches, TrainingSettings(steps=300, device="cpu"), progress=False)
    return corpus, vocabulary, model


STRETCH = 40  # characters, as in the notebook
MOST_SHARED = 0.25  # of the validation stretches may be in training texts too
GOAL = 0.95  # of the 3-gram's bits per character


def demand_size(parts: dict[str, list[str]]) -> None:
    """Require enough texts and characters for a meaningful score, and few enough to check."""
    texts = sum(map(len, parts.values()))
    characters = sum(len(text) for part in parts.values() for text in part)
    case = {"got": f"{texts:,} texts, {characters:,} characters"}
    if texts < 200 or characters < 20_000:
        raise NotYet(
            "That is too small for a meaningful score: use at least 200 texts and 20,000 "
            "characters",
            case,
        )
    if characters > 300_000:
        raise NotYet("That takes too long to check: use at most 300,000 characters", case)
    if len(parts["validation"]) < texts / 20:
        raise NotYet("Validation should hold at least a twentieth of the texts", case)


def demand_network(model: Any) -> None:
    """Require a module with weights."""
    if not isinstance(model, torch.nn.Module):
        raise NotYet("The third thing should be the trained network", {"got": show(model)})
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise NotYet("The model has no weights that are trained; return a network")


def demand_no_leak(parts: dict[str, list[str]]) -> None:
    """Require new texts in validation and test, apart from white space and capitals."""
    split_of: dict[str, str] = {}
    for name, part in parts.items():
        for text in part:
            other = split_of.setdefault(" ".join(text.split()).lower(), name)
            if other != name:
                raise NotYet(
                    f"A text leaks: it is in {other} and in {name}, apart from white space and "
                    "capitals. Drop repeats before you split",
                    {"text": show(text)},
                )
    learned = set(_stretches(parts["train"], 1))
    asked = _stretches(parts["validation"] + parts["test"], 7)
    known = sum(stretch in learned for stretch in asked) / max(len(asked), 1)
    if known > MOST_SHARED:
        raise NotYet(
            f"{known:.0%} of the stretches of {STRETCH} characters in validation and test are in "
            f"training texts too; the limit is {MOST_SHARED:.0%}. Do texts quote each other, or do "
            "the pieces overlap? Cut smaller and drop repeats, or split by document"
        )


def _stretches(texts: list[str], step: int) -> list[str]:
    return [text[n : n + STRETCH] for text in texts for n in range(0, len(text) - STRETCH, step)]


def demand_score(
    model: Any, vocabulary: Any, learn: list[str], check: list[str], counted: float
) -> None:
    """Require that the network beats the 3-gram's bits per character on the validation texts."""
    try:
        bits, learned = (evaluate_bits(model, vocabulary, texts) for texts in (check, learn))
    except (ValueError, RuntimeError, IndexError, TypeError, AttributeError) as error:
        raise NotYet(
            "The network could not be measured with this vocabulary: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}"
        ) from None
    if not bits <= GOAL * counted:
        if learned < bits * GOAL:
            why = (
                "It is much better on training texts: it learned them by heart. Try fewer steps, "
                "a smaller network or more data"
            )
        else:
            why = (
                "It is no better on training texts, so it can still learn. Try more steps, "
                "another learning rate or a longer context"
            )
        raise NotYet(
            f"The network has {bits:.2f} bits per character; reach {GOAL * counted:.2f}. {why}",
            {
                "3-gram": f"{counted:.2f} bits per character",
                "network": f"{bits:.2f}",
                "on training texts": f"{learned:.2f}",
            },
        )


LAST: list[Any] = []  # what the answer gave in the first check, for those after it


def own_corpus(answer: Answer) -> None:
    """that the corpus has three splits, a suitable size, and a vocabulary that can encode it"""
    got = call(answer)
    if not isinstance(got, tuple | list) or len(got) != 3:
        raise NotYet("It should return three things: corpus, vocabulary and network")
    corpus, vocabulary, model = got
    parts = parts_of(corpus, {}, "The corpus")
    demand_corpus(corpus, parts, {})
    demand_size(parts)
    demand_encodes(vocabulary, parts, {})
    demand_network(model)
    LAST[:] = [parts, vocabulary, model]


def own_splits(answer: Answer) -> None:
    """that nothing leaks: no text in two splits, and few stretches of 40 characters"""
    demand_no_leak(LAST[0])


def own_score(answer: Answer) -> None:
    """that the network is 5% better than a 3-gram of characters on the validation texts"""
    parts, vocabulary, model = LAST
    learn, check = parts["train"], parts["validation"]
    characters = data.Vocabulary.from_texts(text for part in parts.values() for text in part)
    table = KneserNey(len(characters), 3).fit(*data.context_windows(characters, learn, 2))
    counted = evaluate_bits(table, characters, check)
    demand_score(model, vocabulary, learn[: len(check)], check, counted)


OWN = Exercise(
    name="02.own",
    solved_by=swap_in,
    why=(
        "Ours are the names of Unicode characters up to U+0FFF, which every Python holds: "
        "*armenian small letter zhe*. They use few words, but long ones, so two letters of "
        "context tell the 3-gram little, and eight tell the network much; 300 steps are enough. "
        "On given names the same network gains far less, because names are harder to predict. "
        "Always look at the data first: how many texts, how long, which characters, which "
        "repeats."
    ),
    hints=(
        "Take texts that you can look through: lines or paragraphs of a file, read with "
        "`load_own` or `data.load_file`. Print a few, count the repeats, then split.",
        "Train as `train_mlp` does, in a cell of your own, and let the function return what that "
        "cell made. Try a longer context first, then more steps.",
        "If the network is much better on training texts than on validation texts, it learns by "
        "heart: try early stopping, fewer hidden units, or more data.",
    ),
    checks=(own_corpus, own_splits, own_score),
)
