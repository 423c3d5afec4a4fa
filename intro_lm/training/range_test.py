"""The learning-rate range test (Smith 2017, section 3.3)."""

import copy
import itertools
import math

from torch import nn

from intro_lm.data import Batches
from intro_lm.evaluation import cross_entropy
from intro_lm.models.language_model import threads_for
from intro_lm.training.optimizers import make_optimizer
from intro_lm.training.settings import TrainingSettings, choose_device


def learning_rate_range_test(
    model: nn.Module,
    batches: Batches,
    *,
    lowest: float = 1e-4,
    highest: float = 1.0,
    steps: int = 200,
    optimizer: str = "adamw",
) -> tuple[list[float], list[float]]:
    """Train a copy of the model while the learning rate grows from lowest to highest.

    It grows by the same factor each step. At a good rate the loss still falls fast, well below
    where it blows up; the test ends early once the loss is four times its lowest. Returns the
    rates, and the loss of each step before its update.
    """
    if not 0 < lowest < highest < math.inf:
        raise ValueError(f"rates from {lowest!r} to {highest!r}; give 0 < lowest < highest")
    device = choose_device("auto")
    model, batches = copy.deepcopy(model).to(device).train(), batches.to(device)
    update = make_optimizer(model, TrainingSettings(steps, highest, optimizer))
    rates = [lowest * (highest / lowest) ** (step / max(steps - 1, 1)) for step in range(steps)]
    losses: list[float] = []
    endless = itertools.chain.from_iterable(map(batches.epoch, itertools.count()))
    with threads_for(model):
        for rate, (inputs, targets) in zip(rates, endless, strict=False):
            update.param_groups[0]["lr"] = rate
            batch_loss = cross_entropy(model(inputs), targets)
            update.zero_grad()
            batch_loss.backward()
            update.step()
            losses.append(batch_loss.item())
            if not losses[-1] <= 4 * min(losses):  # also if it is NaN
                break
    return rates[: len(losses)], losses
