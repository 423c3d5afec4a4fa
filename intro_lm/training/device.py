"""Where to compute, in which precision, and the random state there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


def choose_device(name: str) -> torch.device:
    """The device of that name; for `auto`, CUDA before MPS before the CPU.

    Raises:
        ValueError: PyTorch knows no such device, or this machine has none.
    """
    if name == "auto":
        mps = "mps" if torch.backends.mps.is_available() else "cpu"
        return torch.device("cuda" if torch.cuda.is_available() else mps)
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"device is {name!r}, which can't be used: {reason}; try 'auto'") from None


def choose_precision(name: str, device: torch.device) -> str:
    """The precision of that name; for `auto`, bfloat16 on CUDA devices that have it.

    A CPU is float32 unless bfloat16 is asked for by name: some CPUs multiply bfloat16 numbers in
    hardware and some don't, and two laptops should train to the same numbers.
    """
    if name != "auto":
        return name
    bfloat16 = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if bfloat16 else "float32"


@contextlib.contextmanager
def random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's generators for the run, and give the caller's state back afterwards."""
    others = [] if device.type == "cpu" else [device.index or 0]
    kind = "cuda" if device.type == "cpu" else device.type
    with torch.random.fork_rng(others, device_type=kind):
        torch.manual_seed(seed)
        yield
