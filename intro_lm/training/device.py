"""Where to compute, in which precision, and the random state there."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


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


def choose_precision(name: str, device: torch.device, model: nn.Module) -> str:
    """The precision of that name; for `auto`, bfloat16 where it pays.

    That is on CUDA devices that have it, and for models that say `prefers_bfloat16` also on CPUs
    with instructions for it.
    """
    if name != "auto":
        return name
    if device.type == "cuda":
        bfloat16 = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        wanted = getattr(model, "prefers_bfloat16", False)
        bfloat16 = wanted and device.type == "cpu" and cpu_has_bfloat16()
    return "bfloat16" if bfloat16 else "float32"


def cpu_has_bfloat16() -> bool:
    """Whether the CPU multiplies bfloat16 numbers in hardware (AMX or AVX512-BF16)."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))


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


@contextlib.contextmanager
def random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Seed PyTorch's own generators for the run, and give the caller's state back afterwards."""
    devices = [torch.device("cpu")] if device.type == "cpu" else [torch.device("cpu"), device]
    before = [(each, get_random_state(each)) for each in devices]
    torch.manual_seed(seed)
    try:
        yield
    finally:
        for each, state in before:
            set_random_state(each, state)
