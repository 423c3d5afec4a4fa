"""Where to compute, in which precision, and the random state there."""

from __future__ import annotations

import torch
from torch import Tensor


def choose_device(name: str) -> torch.device:
    """The device of that name; for `auto`, CUDA before MPS before the CPU.

    Raises:
        ValueError: PyTorch knows no such device, or this machine has none.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used: {reason}; try 'auto'") from None
    return device


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of that name; for `auto`, bfloat16 on CUDA devices that have it."""
    if name != "auto":
        return name
    bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if bfloat16 else "float32"


def get_random_state(device: torch.device) -> Tensor:
    """The state of the device's own random generator."""
    if device.type == "cuda":
        return torch.cuda.get_rng_state(device)
    return torch.mps.get_rng_state() if device.type == "mps" else torch.get_rng_state()


def set_random_state(device: torch.device, state: Tensor) -> None:
    """Put back what `get_random_state` gave."""
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        torch.mps.set_rng_state(state)
    else:
        torch.set_rng_state(state)
