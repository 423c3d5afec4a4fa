"""Where to compute, and in which precision."""

from __future__ import annotations

import torch


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
