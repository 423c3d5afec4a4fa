"""How much of a sweep its trials take, and what a second process gains: `tools/benchmark.py sweep`.

The whole command is timed, from its start to its end, with one thread a process.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import optuna

from intro_lm.search import training_seconds

TRIALS = 40
SPACE = """
dataset = "names"
sampler = "random"
[fixed]
steps = 1000
[space]
learning_rate = { log-uniform = [0.005, 0.05] }
"""


def command_seconds(folder: Path, processes: int) -> tuple[float, float]:
    """Seconds of one sweep from a shell's view, and seconds that its trials took."""
    study = f"{processes}.db"
    command = [sys.executable, "-m", "intro_lm", "sweep", "space.toml", "--study", study]
    begin = time.perf_counter()
    started = [
        subprocess.Popen(
            [*command, "--trials", str(TRIALS)],
            cwd=folder,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for _ in range(processes)
    ]
    assert not any(process.wait() for process in started)
    seconds = time.perf_counter() - begin
    kept = optuna.load_study(study_name="sweep", storage=f"sqlite:///{folder / study}")
    assert len(training_seconds(kept)) == TRIALS
    return seconds, sum(training_seconds(kept))


def report(repeats: int) -> None:
    """Print each repeat and the medians."""
    outside, gains = [], []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "space.toml").write_text(SPACE, encoding="utf-8")
            one, inside = command_seconds(folder, 1)
            two, _ = command_seconds(folder, 2)
        outside.append(1 - inside / one)
        gains.append(one / two)
        print(
            f"  one process {one:6.1f} s, {inside / TRIALS:.2f} s a trial, "
            f"{outside[-1]:.1%} outside trials   two processes {two:6.1f} s, "
            f"{gains[-1]:.2f} times as many trials a minute",
            flush=True,
        )
    print(f"median outside trials {statistics.median(outside):.1%}")
    print(f"median gain of a second process {statistics.median(gains):.2f}")
