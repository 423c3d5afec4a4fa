"""How fast the LSTM is: next to the barest loop, the machine's peak, and a loop in Python.

The fraction of the peak counts the matrix products alone, 6 operations per weight and token for
forward and backward together, and divides by the fastest square product that this machine did in
the same run and precision, through PyTorch's own product or oneDNN's.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from intro_lm.data import StreamBatches, Vocabulary
from intro_lm.generation import generate
from intro_lm.models import MODELS
from intro_lm.training import TrainingSettings, train

VOCABULARY_SIZE = 66
EMBEDDING_SIZE = 64
LENGTH = 64
SHAPES = ((128, 64), (256, 64), (512, 32), (512, 64), (512, 128))  # hidden size, rows
TOKENS = 32_768  # that one measurement trains on, at least
PEAK_SIZES = (512, 1024, 2048)
NAMES = 1000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
HEAD = """\
tokens a second      passes, package's model      whole training step
   H    B precision   forward   both  of peak    bare package ratio of peak  Python loop"""


class Bare(nn.Module):
    """The same layers with nothing around them; `loop` steps through time in Python instead."""

    def __init__(self, hidden_size: int, loop: bool = False) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY_SIZE, EMBEDDING_SIZE)
        self.lstm = nn.LSTM(EMBEDDING_SIZE, hidden_size, batch_first=True)
        self.cell = nn.LSTMCell(EMBEDDING_SIZE, hidden_size)
        self.output = nn.Linear(hidden_size, VOCABULARY_SIZE)
        self.loop = loop

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.embedding(inputs)  # (B, T, E)
        if not self.loop:
            return self.output(self.lstm(x)[0])
        state, hidden = None, []
        for step in x.unbind(1):  # as makemore's RNN does
            state = self.cell(step, state)
            hidden.append(state[0])
        return self.output(torch.stack(hidden, 1))


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

    def loss(self, model: nn.Module, inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16"):
            return F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())

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


def pass_speeds(case: Case, model: nn.Module) -> tuple[float, float]:
    """Tokens a second forward alone, and forward and backward, without loader and optimizer."""
    parts = list(case.batches().epoch(0))
    forward = both = 0.0
    for inputs, targets in parts:
        start = time.perf_counter()
        loss = case.loss(model, inputs, targets)
        forward += time.perf_counter() - start
        loss.backward()
        both += time.perf_counter() - start
    tokens = sum(targets.numel() for _, targets in parts)
    return tokens / forward, tokens / both


def bare_speed(case: Case) -> float:
    """Tokens a second of the barest loop: forward, backward, clipping, optimizer."""
    model, parts = Bare(case.hidden_size), list(case.batches().epoch(0))
    del model.cell
    optimizer = torch.optim.AdamW(model.parameters(), 0.02, betas=(0.9, 0.99), fused=True)

    def loop() -> None:
        for inputs, targets in parts:
            loss = case.loss(model, inputs, targets)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return sum(targets.numel() for _, targets in parts) / seconds_of(loop)


def package_speed(case: Case) -> float:
    """Tokens a second of `train`: the same, with loader, carried state and history."""
    model, batches = case.model(), case.batches()
    steps = len(batches)
    settings = TrainingSettings(
        device="cpu",
        steps=steps,
        clip_norm=1.0,
        log_every=steps,
        evaluate_every=steps,
        precision=case.precision,
    )
    seconds = seconds_of(lambda: train(model, batches, settings, progress=False))
    return (len(batches.stream) - 1) / seconds


def names_seconds(hidden_size: int) -> float:
    """Seconds for 1000 texts of up to 50 letters, longer than names, from an untrained model."""
    model = MODELS["lstm"](27, hidden_size=hidden_size)
    vocabulary = Vocabulary("abcdefghijklmnopqrstuvwxyz")
    return seconds_of(lambda: generate(model, vocabulary, NAMES, max_length=50))


def report(repeats: int) -> None:
    """Print the medians of `repeats` interleaved measurements for each shape and precision."""
    found = torch.cpu.get_capabilities()
    has_bfloat16 = found.get("amx_bf16") or found.get("avx512_bf16")  # elsewhere it is emulated
    peaks = {name: peak(name) for name in DTYPES if has_bfloat16 or name == "float32"}
    reached = ", ".join(f"{speed / 1e9:.0f} GFLOP/s in {name}" for name, speed in peaks.items())
    print(f"{torch.get_num_threads()} threads; matrix products reach {reached}\n{HEAD}")
    for hidden_size, rows in SHAPES:
        for precision, fastest in peaks.items():
            print(measured_line(Case(hidden_size, rows, precision), fastest, repeats))
    for hidden_size in (128, 512):
        seconds = statistics.median(names_seconds(hidden_size) for _ in range(repeats))
        print(f"{NAMES} texts generated at hidden size {hidden_size}: {seconds:.2f} s")


def measured_line(case: Case, peak: float, repeats: int) -> str:
    model, in_python = case.model(), Bare(case.hidden_size, loop=True)
    pass_speeds(case, model)  # the first time, kernels are made
    found = []
    for _ in range(repeats):
        forward, both = pass_speeds(case, model)
        bare, package = bare_speed(case), package_speed(case)
        loop = pass_speeds(case, in_python)[1]
        found.append((forward, both, bare, package, package / bare, loop))
    medians = [statistics.median(column) for column in zip(*found, strict=True)]
    forward, both, bare, package, ratio, loop = medians
    fraction = case.operations() / peak
    return (
        f"{case.hidden_size:4d} {case.rows:4d} {case.precision:9s} {forward:9.0f}{both:7.0f}"
        f"{both * fraction:9.0%}{bare:8.0f}{package:8.0f}{ratio:6.2f}{package * fraction:8.0%}"
        f"{loop:13.0f}"
    )
