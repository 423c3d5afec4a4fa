"""Exercise 04.temperature: draw the next token at a temperature."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, Mistake, NotYet, call, compare
from course.exercises.values import show


def draw(logits: torch.Tensor, temperature: float, generator: torch.Generator) -> torch.Tensor:
    """Draw the next token of each row at a temperature.

    Args:
        logits: (B, V), any numbers; -inf where a token must not be drawn.
        temperature: at least 0. At 0 each row gets its likeliest token.
        generator: draws, so that the same generator draws the same tokens.

    Returns:
        The ids of the tokens, a LongTensor (B,).
    """
    if temperature == 0:
        return logits.argmax(dim=1)
    probabilities = (logits / temperature).softmax(dim=1)  # (B, V)
    return torch.multinomial(probabilities, 1, generator=generator).squeeze(1)


def _drawing(probabilities: Callable[[Tensor, float], Tensor]) -> Answer:
    """An answer that draws from these probabilities."""

    def answer(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
        if temperature == 0:
            return logits.argmax(dim=1)
        return torch.multinomial(probabilities(logits, temperature), 1, generator=generator)[:, 0]

    return answer


def _likeliest(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    return logits.argmax(dim=1)


def _one_largest(logits: Tensor, temperature: float) -> Tensor:
    powers = ((logits - logits.max()) / temperature).exp()
    return powers / powers.sum(1, keepdim=True)


def _unmoved(logits: Tensor, temperature: float) -> Tensor:
    powers = (logits / temperature).exp()
    return powers / powers.sum(1, keepdim=True)


def _seeded(logits: Tensor, temperature: float, generator: torch.Generator) -> Tensor:
    return draw(logits, temperature, generator.manual_seed(0))


MISTAKES = (
    Mistake(
        _drawing(lambda logits, temperature: (logits * temperature).softmax(1)),
        "The logits are multiplied by the temperature; divide them, so that a low temperature "
        "makes the likely token likelier",
    ),
    Mistake(
        _drawing(lambda logits, temperature: logits.softmax(1)),
        "The temperature has no effect. Divide the logits by it *before* the softmax; dividing all "
        "probabilities by the same number keeps their ratios",
    ),
    Mistake(
        _likeliest,
        "This always takes the likeliest token; draw from the probabilities with "
        "`torch.multinomial` unless the temperature is 0",
    ),
    Mistake(
        _drawing(lambda logits, temperature: (logits / temperature).softmax(1).softmax(1)),
        "The softmax is taken twice, which flattens the probabilities",
    ),
    Mistake(
        _drawing(lambda logits, temperature: (logits / temperature).softmax(0)),
        "The softmax goes down the columns, over the rows. Each row is a distribution: take it "
        "along dimension 1",
    ),
    Mistake(
        _drawing(_one_largest),
        "The same largest logit is subtracted from all rows. A row far below it is all zeros after "
        "`exp`: subtract each row's own largest",
    ),
    Mistake(
        _drawing(_unmoved),
        "`exp` of a large logit is inf, and inf/inf is nan. `softmax` subtracts the row's largest "
        "first",
    ),
    Mistake(
        _seeded,
        "The generator is reseeded at each call, so each draws the same: use it as it is",
    ),
)


DRAWS = 6000
THREE = torch.tensor([0.6, 0.3, 0.1]).log()


def draw_what_is_certain(answer: Answer) -> None:
    """two rows, each with only one token that can be drawn"""
    never = float("-inf")
    logits = torch.tensor([[never, 0.0, never], [0.0, never, never]])
    compare(answer, draw, (logits, 1.0, torch.Generator().manual_seed(0)), MISTAKES)


def _demand_fractions(answer: Answer, temperature: float) -> None:
    logits = THREE.expand(DRAWS, 3).clone()
    got = call(answer, logits, temperature, torch.Generator().manual_seed(0))
    if not isinstance(got, torch.Tensor) or got.shape != (DRAWS,):
        raise NotYet(f"It returned {show(got)} for {DRAWS} rows instead of one token per row")
    expected = (THREE / temperature).softmax(0)
    fractions = _fractions(got)
    if (fractions - expected).abs().max() < 0.035:
        return
    message = "The tokens are not drawn with the right probabilities for this temperature"
    for mistake in MISTAKES:
        wrong = mistake.answer(logits, temperature, torch.Generator().manual_seed(0))
        if (fractions - _fractions(wrong)).abs().max() < 0.035:
            message = mistake.message
            break
    case = {
        "inputs": f"logits = log of [0.6, 0.3, 0.1] in {DRAWS} rows, temperature = {temperature:g}",
        "expected": f"fractions of about {[round(p, 2) for p in expected.tolist()]}",
        "got": f"fractions of {[round(p, 2) for p in fractions.tolist()]}",
    }
    raise NotYet(message, case)


def _fractions(tokens: Tensor) -> Tensor:
    return torch.bincount(tokens, minlength=3) / DRAWS


def draw_at_half(answer: Answer) -> None:
    """how often each of three tokens is drawn at temperature 0.5, in 6000 rows"""
    _demand_fractions(answer, 0.5)


def draw_at_two(answer: Answer) -> None:
    """how often each token is drawn at temperature 2"""
    _demand_fractions(answer, 2.0)


def draw_at_zero(answer: Answer) -> None:
    """the likeliest token at temperature 0, and large logits at a low temperature"""
    logits = torch.tensor([[0.0, 1.0, 0.5], [900.0, 0.0, -900.0], [-1.0, -3.0, -0.9]])
    apart = torch.tensor([[0.0, 60.0], [-140.0, -200.0]])
    for temperature, rows in ((0.0, logits), (0.5, logits[1:2]), (1.0, apart)):
        generator = torch.Generator().manual_seed(0)
        compare(answer, draw, (rows, temperature, generator), MISTAKES)


def draw_with_the_generator(answer: Answer) -> None:
    """that the same seed draws the same tokens"""
    logits = THREE.expand(20, 3).clone()
    one, other = (call(answer, logits, 1.0, torch.Generator().manual_seed(4)) for _ in range(2))
    if show(one) != show(other):
        raise NotYet(
            "The same seed gives other tokens: draw with `generator=generator`",
            {"first": show(one), "second": show(other)},
        )
    generator = torch.Generator().manual_seed(4)
    one, other = (call(answer, logits, 1.0, generator, may_change=True) for _ in range(2))
    if show(one) == show(other):
        raise NotYet(MISTAKES[-1].message, {"first": show(one), "second": show(other)})


TEMPERATURE = Exercise(
    name="04.temperature",
    solved_by=draw,
    why=(
        "Dividing the logits by the temperature raises each probability to the power of one over "
        "the temperature, and the softmax makes them sum to 1 again: at 0.5, probabilities of 0.6 "
        "and 0.3 get the ratio 0.36 to 0.09. Dividing the probabilities themselves changes "
        "nothing, since they are normalised afterwards. As the temperature goes to 0, the "
        "likeliest token takes all. At 0 itself we can't divide, so that is a separate case. "
        "`softmax` subtracts the largest logit first, so large ones don't overflow."
    ),
    hints=(
        "There are three steps: logits, probabilities, tokens. Where does the temperature belong? "
        "And what can't you divide by 0?",
        "`torch.multinomial(probabilities, 1, generator=generator)` draws one token for each row, "
        "as a (B, 1) tensor.",
        "At temperature 0 return `logits.argmax(dim=1)`. Otherwise "
        "`(logits / temperature).softmax(dim=1)` gives the probabilities; draw, then `squeeze(1)`.",
    ),
    checks=(
        draw_what_is_certain,
        draw_at_half,
        draw_at_two,
        draw_at_zero,
        draw_with_the_generator,
    ),
    mistakes=MISTAKES,
)
