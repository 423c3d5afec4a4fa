"""What the tests of training share."""

import pytest

from intro_lm.data import WindowBatches
from intro_lm.evaluation import cross_entropy


@pytest.fixture
def batches(windows):
    return WindowBatches(*windows, batch_size=64)


class LossThat:
    """Cross-entropy that does something else at its n-th call while training."""

    def __init__(self, does, at):
        self.does, self.at, self.calls = does, at, 0

    def __call__(self, logits, targets):
        value = cross_entropy(logits, targets)
        self.calls += logits.requires_grad
        return value if self.calls != self.at else self.does(value)


def dies(value):
    raise RuntimeError("power cut")


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    ours, theirs = weights(first), weights(second)
    return ours.keys() == theirs.keys() and all(ours[name].equal(theirs[name]) for name in ours)
