"""Measure the package against the plainest code that does the same.

    python tools/benchmark.py time-to-loss    seconds to a validation loss: lecture's loop, package
    python tools/benchmark.py loop-overhead   steps a second: the barest loop, package
    python tools/benchmark.py data            text to batches: MB a second, peak memory
    python tools/benchmark.py sweep           the part of a sweep outside its trials, two processes
    python tools/benchmark.py lstm            tokens a second of an LSTM, bare loop, peak

The rivals run in turn in one process, several times over, and medians are quoted, because the
machine may be shared. Nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from functools import partial
from itertools import chain, count, islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

sys.path.insert(0, str(Path(__file__).parent.parent))
from intro_lm import data
from intro_lm.data import WindowBatches
from intro_lm.models import MLP
from intro_lm.training import TrainingSettings, train
from tools import benchmark_data, benchmark_lstm, benchmark_sweep

CONTEXT_LENGTH = 3
LECTURE_STEPS = 200_000
EVALUATE_LECTURE_EVERY = 1000
PACKAGE = TrainingSettings(
    device="cpu", steps=300, learning_rate=0.03, evaluate_every=50, log_every=50
)


def windows(name: str) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """The lecture's own split for its own names, repeats and all; else the package's split."""
    texts = data.texts(name)
    corpus = data.split(texts, keep_repeats=name == "makemore-names")
    vocabulary = data.Vocabulary.from_texts(texts)
    return {
        part: data.context_windows(vocabulary, corpus[part]["text"], CONTEXT_LENGTH)
        for part in ("train", "validation")
    }


def lecture_seconds(task: dict[str, Any], target: float, seed: int) -> tuple[float, float]:
    """Seconds until the lecture's loop reaches the target, and the loss it then has.

    Its evaluations are not counted. A seed may end a little above the target; the seconds of all
    its steps are then a lower bound.
    """
    inputs, targets = task["train"]
    generator = torch.Generator().manual_seed(seed)
    parameters = [
        torch.randn(shape, generator=generator)
        for shape in ((27, 10), (30, 200), (200,), (200, 27), (27,))
    ]
    for parameter in parameters:
        parameter.requires_grad = True
    C, W1, b1, W2, b2 = parameters

    def logits(x: torch.Tensor) -> torch.Tensor:
        return torch.tanh(C[x].view(-1, 30) @ W1 + b1) @ W2 + b2

    seconds, start, checked = 0.0, time.perf_counter(), task["validation"]
    for step in range(LECTURE_STEPS):
        chosen = torch.randint(0, len(inputs), (32,), generator=generator)
        loss = F.cross_entropy(logits(inputs[chosen]), targets[chosen])
        for parameter in parameters:
            parameter.grad = None
        loss.backward()
        rate = 0.1 if step < LECTURE_STEPS // 2 else 0.01
        for parameter in parameters:
            parameter.data += -rate * parameter.grad
        if (step + 1) % EVALUATE_LECTURE_EVERY == 0:
            seconds += time.perf_counter() - start
            with torch.no_grad():
                reached = F.cross_entropy(logits(checked[0]), checked[1]).item()
            if reached <= target:
                break
            start = time.perf_counter()
    return seconds, reached


class Stopwatch:
    """A logger that notes when the validation loss first reached the target."""

    def __init__(self, target: float) -> None:
        self.target, self.begin, self.seconds = target, time.perf_counter(), float("inf")

    def start(self, step: int) -> None:
        pass

    def log(self, step: int, scalars: dict[str, float]) -> None:
        if scalars.get("loss/validation", float("inf")) <= self.target:
            self.seconds = min(self.seconds, time.perf_counter() - self.begin)


def package_seconds(task: dict[str, Any], target: float, seed: int) -> float:
    """Seconds until the package reaches the target, building the model and evaluations included."""
    watch = Stopwatch(target)
    model = MLP(27, CONTEXT_LENGTH, generator=torch.Generator().manual_seed(seed))
    batches = WindowBatches(*task["train"], batch_size=1024, seed=seed)
    validation = WindowBatches(*task["validation"], batch_size=8192, shuffle=False)
    history = train(model, batches, PACKAGE, validation=validation, tracker=watch, progress=False)
    if watch.seconds == float("inf"):
        sys.exit(f"the package did not reach {target}: {history.validation_loss:.4f}")
    return watch.seconds


def time_to_loss(repeats: int) -> None:
    there = data.available("makemore-names")
    name, target = ("makemore-names", 2.17) if there else ("names", 2.37)
    print(f"{name}: seconds to validation loss {target}, MLP of 11,897 parameters")
    task, ratios = windows(name), []
    for seed in range(repeats):
        lecture, ended = lecture_seconds(task, target, seed)
        package = package_seconds(task, target, seed)
        ratios.append(lecture / package)
        missed = f" (never reached: ended at {ended:.4f})" if ended > target else ""
        both = f"  lecture {lecture:7.2f} s   package {package:6.2f} s"
        print(f"{both}   {ratios[-1]:5.1f} times{missed}", flush=True)
    print(f"median ratio {statistics.median(ratios):.1f}")


def loop_overhead(repeats: int) -> None:
    names = windows("names")
    for batch_size, steps in ((32, 4000), (1024, 400)):
        batches = WindowBatches(*names["train"], batch_size=batch_size)
        settings = TrainingSettings(device="cpu", steps=steps)
        ratios = []
        for _ in range(repeats):
            endless = chain.from_iterable(batches.epoch(epoch) for epoch in count())
            model = MLP(27, CONTEXT_LENGTH)
            bare = steps / benchmark_lstm.bare_seconds(model, islice(endless, steps), settings)
            quiet = partial(train, MLP(27, CONTEXT_LENGTH), batches, settings, progress=False)
            package = steps / benchmark_lstm.seconds_of(quiet)
            ratios.append(package / bare)
            print(f"  batches of {batch_size}: bare {bare:7.0f}   package {package:7.0f} steps/s")
        print(f"batches of {batch_size}: median ratio {statistics.median(ratios):.3f}")


BENCHMARKS = {  # what measures it, and how often
    "time-to-loss": (time_to_loss, 3),
    "loop-overhead": (loop_overhead, 7),
    "data": (benchmark_data.report, 3),
    "sweep": (benchmark_sweep.report, 3),
    "lstm": (benchmark_lstm.report, 5),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=BENCHMARKS)
    parser.add_argument("--repeats", type=int, help="how often (3; 7 for the loop, 5 for lstm)")
    options = parser.parse_args()
    # Chosen, so that small models have as many in the package as in a bare loop.
    os.environ.setdefault("OMP_NUM_THREADS", str(torch.get_num_threads()))
    report, repeats = BENCHMARKS[options.what]
    report(options.repeats or repeats)


if __name__ == "__main__":
    main()
