"""How fast the recurrent models are: beside the barest loop, the machine's peak, a loop in Python.

The fraction of the peak counts the matrix products alone, 6 operations a weight and token forward
and backward together, and divides by the fastest square product that this machine was seen to do
in the same run and precision, through PyTorch's own product or oneDNN's.
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
from intro_lm.models import RecurrentLM
from intro_lm.training import TrainingSettings, train
from intro_lm.training.device import cpu_has_bfloat16
from intro_lm.training.optimizers import make_optimizer

VOCABULARY_SIZE = 66
EMBEDDING_SIZE = 64
LENGTH = 64
SHAPES = ((128, 64), (256, 64), (512, 32), (512, 64), (512, 128))  # hidden size, rows
TOKENS = 32_768  # that one measurement trains on, at least
PEAK_SIZES = (512, 1024, 2048)
NAMES = 1000
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


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

    def autocast(self) -> torch.autocast:
        return torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bfloat16")

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
    """Tokens a second forward alone, and forward and backward, without loader and optimiser."""
    parts = list(case.batches().epoch(0))
    seconds = [0.0, 0.0]
    for inputs, targets in parts:
        start = time.perf_counter()
        with case.autocast():
            loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
        seconds[0] += time.perf_counter() - start
        loss.backward()
        seconds[1] += time.perf_counter() - start
    tokens = sum(targets.numel() for _, targets in parts)
    return tokens / seconds[0], tokens / seconds[1]


def bare_speed(case: Case) -> float:
    """Tokens a second of the barest loop: forward, backward, clipping, optimiser."""
    model, parts = Bare(case.hidden_size), list(case.batches().epoch(0))
    del model.cell
    optimizer = make_optimizer(model, case.settings(len(parts)))

    def loop() -> None:
        for inputs, targets in parts:
            with case.autocast():
                loss = F.cross_entropy(model(inputs).flatten(0, 1), targets.flatten())
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()

    return sum(targets.numel() for _, targets in parts) / seconds_of(loop)


def package_speed(case: Case) -> float:
    """Tokens a second of `train`: the same, with loader, carried state and records."""
    model = RecurrentLM(VOCABULARY_SIZE, "lstm", EMBEDDING_SIZE, case.hidden_size)
    batches = case.batches()
    settings = case.settings(len(batches))
    seconds = seconds_of(lambda: train(model, batches, settings, progress=False))
    return (len(batches.stream) - 1) / seconds


def names_seconds(hidden_size: int) -> float:
    """Seconds for 1000 texts of up to 50 letters, longer than names, from an untrained model."""
    model = RecurrentLM(27, hidden_size=hidden_size)
    vocabulary = Vocabulary("abcdefghijklmnopqrstuvwxyz")
    return seconds_of(lambda: generate(model, vocabulary, NAMES, max_length=50))


def report(repeats: int) -> None:
    """Print the medians of `repeats` interleaved measurements for each shape and precision."""
    precisions = ["float32", "bfloat16"] if cpu_has_bfloat16() else ["float32"]
    peaks = {precision: peak(precision) for precision in precisions}
    print(f"{torch.get_num_threads()} threads; matrix products reach " + peak_line(peaks))
    print("tokens a second      passes, package's model      whole training step")
    print(
        "   H    B precision   forward   both  of peak    bare package ratio of peak  Python loop"
    )
    for hidden_size, rows in SHAPES:
        for precision in precisions:
            print(measured_line(Case(hidden_size, rows, precision), peaks[precision], repeats))
    for hidden_size in (128, 512):
        seconds = statistics.median(names_seconds(hidden_size) for _ in range(repeats))
        print(f"{NAMES} texts generated at hidden size {hidden_size}: {seconds:.2f} s")


def peak_line(peaks: dict[str, float]) -> str:
    return ", ".join(f"{speed / 1e9:.0f} GFLOP/s in {name}" for name, speed in peaks.items())


def measured_line(case: Case, peak: float, repeats: int) -> str:
    model = RecurrentLM(VOCABULARY_SIZE, "lstm", EMBEDDING_SIZE, case.hidden_size)
    in_python = Bare(case.hidden_size, loop=True)
    pass_speeds(case, model)  # the first time, kernels are made
    found = []
    for _ in range(repeats):
        forward, both = pass_speeds(case, model)
        bare, package = bare_speed(case), package_speed(case)
        loop = pass_speeds(case, in_python)[1]
        found.append((forward, both, bare, package, package / bare, loop))
    medians = [statistics.median(column) for column in zip(*found, strict=True)]
    forward, both, bare, package, ratio, loop = medians
    share = case.operations() / peak
    return (
        f"{case.hidden_size:4d} {case.rows:4d} {case.precision:9s} {forward:9.0f}{both:7.0f}"
        f"{both * share:9.0%}{bare:8.0f}{package:8.0f}{ratio:6.2f}{package * share:8.0%}"
        f"{loop:13.0f}"
    )
