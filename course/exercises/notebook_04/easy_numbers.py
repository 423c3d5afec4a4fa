"""Random numbers that are easy to read in a failing case, and weights made of them."""

from __future__ import annotations

import torch


def two_digits(*shape: int, seed: int) -> torch.Tensor:
    """Numbers with two digits, which are easy to read in a failing case."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*shape, generator=generator) * 100).round() / 100


def stacked_weights(gates: int, inputs: int, units: int) -> tuple[torch.Tensor, ...]:
    """Weights and biases of the gates, stacked as PyTorch keeps them."""
    shapes = (inputs,), (units,), (), ()
    return tuple(two_digits(gates * units, *shape, seed=n) for n, shape in enumerate(shapes, 1))
