"""How fast the LSTM is, next to the barest loop and the machine's peak.

The fraction of the peak counts the matrix products alone, 6 operations per weight and token for
forward and backward together, and divides by the fastest square product that this machine did in
the same run and precision, through PyTorch's own product or oneDNN's.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm.data import StreamBatches
from intro_lm.models import MODELS
from intro_lm.training import TrainingSettings, train

VOCABULARY_SIZE = 66
EMBEDDING_SIZE = 64
LENGTH = 64
SHAPES = ((128, 64), (256, 64), (512, 32), (512, 64), (512, 128))  # hidden size, rows
TOKENS = 32_768  # that one measurement trains on, at least
PEAK_SIZES = (512, 1024, 2048)
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD = "tokens a second:\n   H    B precision    bare package ratio of peak"


class Bare(nn.Module):
    """The same layers with nothing around them."""

    def __init__(self, hidden_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, EMBEDDING_SIZE)
        self.lstm = nn.LSTM(EMBEDDING_SIZE, hidden_size, batch_first=True)
        self.output = nn.Linear(hidden_size, VOCABULARY_SIZE)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.output(self.lstm(self.embedding(inputs))[0])


@dataclass(frozen=True)
class Case:
    """One shape and precision, and the batches of one measurement."""

    hidden_size: int
    rows: int
    precision: str

    def model(self) -> nn.Module:
        return MODELS["lstm"](
            VOCABULARY_SIZE, embedding_size=EMBEDDING_SIZE, hidden_size=self.hidden_size
        )

    def batches(self) -> StreamBatches:
        tokens = max(TOKENS // (self.rows * LENGTH), 2) * self.rows * LENGTH
        stream = torch.randint(1, VOCABULARY_SIZE, (tokens + 1,), dtype=torch.int32)
        return StreamBatches(stream, torch.tensor([0, tokens]), self.rows, LENGTH)

    def settings(self, steps: int) -> TrainingSettings:
        return TrainingSettings(
            device="cpu",
            steps=steps,
            clip_norm=1.0,
            log_every=steps,
            evaluate_every=steps,
            precision=self.precision,
        )

    def operations(self) -> int:
        """Of the matrix products for one token, forward and backward."""
        gates = 4 * self.hidden_size * (EMBEDDING_SIZE + self.hidden_size)
        return 6 * (gates + self.hidden_size * VOCABULARY_SIZE)


def peak(precision: str) -> float:
    """Operations a second of the fastest square matrix product found."""
    dtype, fastest = DTYPES[precision], 0.0
    for size in PEAK_SIZES:
        a, b = torch.randn(2, size, size).to(dtype)
        x, w = a.to_mkldnn(), b.to_mkldnn()
        for product in (lambda a=a, b=b: a @ b, lambda x=x, w=w: F.linear(x, w)):
            with torch.no_grad():
                seconds = min(seconds_of(product) for _ in range(8))
            fastest = max(fastest, 2 * size**3 / seconds)
    return fastest


def seconds_of(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def bare_seconds(
    model: nn.Module, batches: Iterable[tuple[Tensor, Tensor]], settings: TrainingSettings
) -> float:
    """Seconds of the barest loop with the package's operations, a step for each batch."""
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.99), weight_decay=0, fused=True)
    start = time.perf_counter()
    for step, (inputs, targets) in enumerate(batches):
        optimizer.param_groups[0]["lr"] = settings.learning_rate_at(step)
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bfloat16"):
            loss = F.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        if settings.clip_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), settings.clip_norm)
        optimizer.step()
    return time.perf_counter() - start


def bare_speed(case: Case) -> float:
    """Tokens a second of the barest loop."""
    parts = list(case.batches().epoch(0))
    seconds = bare_seconds(Bare(case.hidden_size), parts, case.settings(len(parts)))
    return sum(targets.numel() for _, targets in parts) / seconds


def package_speed(case: Case) -> float:
    """Tokens a second of `train`: the same, with loader, carried state and history."""
    model, batches = case.model(), case.batches()
    settings = case.settings(len(batches))
    seconds = seconds_of(lambda: train(model, batches, settings, progress=False))
    return (len(batches.stream) - 1) / seconds


def report(repeats: int) -> None:
    """Print the medians of `repeats` interleaved measurements for each shape and precision."""
    found = torch.cpu.get_capabilities()
    has_bfloat16 = found.get("amx_bf16") or found.get("avx512_bf16")  # elsewhere it is emulated
    peaks = {name: peak(name) for name in DTYPES if has_bfloat16 or name == "float32"}
    reached = ", ".join(f"{speed / 1e9:.0f} GFLOP/s in {name}" for name, speed in peaks.items())
    print(f"{torch.get_num_threads()} threads; matrix products reach {reached}\n{HEAD}")
    for (hidden_size, rows), precision in itertools.product(SHAPES, peaks):
        case = Case(hidden_size, rows, precision)
        package_speed(case)  # the first time, kernels are made
        speeds = [(bare_speed(case), package_speed(case)) for _ in range(repeats)]
        bare, package = (statistics.median(column) for column in zip(*speeds, strict=True))
        ratio = statistics.median(package / bare for bare, package in speeds)
        fraction = package * case.operations() / peaks[precision]
        case_columns = f"{hidden_size:4d} {rows:4d} {precision:9s}"
        print(f"{case_columns}{bare:8.0f}{package:8.0f}{ratio:6.2f}{fraction:8.0%}", flush=True)
