"""Measure the full-length runs: `python -m intro_lm train …` over several seeds.

    python tools/measure_runs.py                     every run below, about 30 minutes
    python tools/measure_runs.py full.shakespeare    this one, the others' entries stay

These runs are too long for a notebook. Each is a command that anyone can type; here it is run once
a seed, one after the other, and the losses that it writes go into expected.toml with the seconds
that a run took (the median) and the command. A band is what it is in tools/measure_bands.py. A gain
is one run's validation loss less another's, with the 95% interval of the difference.
"""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from course.notebooks.execute import ROOT
from intro_lm.evaluation import difference_interval
from tools.measure_bands import entry, parse, write

LSTM = (
    "--model lstm --layers 2 --hidden-size 192 --embedding-size 48 --token-dropout 0.12 "
    "--batch-size 256 --learning-rate 0.02 --weight-decay 0.2 --clip-norm 1 --precision bfloat16"
)
RUNS = {
    "full.names.mlp": (
        "--data names --model mlp --context-length 8 --hidden-size 1717 --embedding-size 32 "
        "--batch-size 1024 --learning-rate 0.007 --weight-decay 0.2 --steps 2000"
    ),
    "full.names.lstm": f"--data names {LSTM} --dropout 0.3 --steps 3500",
    "full.makemore": f"--data makemore-names {LSTM} --dropout 0.25 --steps 6500",
    "full.shakespeare": (
        "--data tiny-shakespeare --length 64 --model lstm --hidden-size 512 --embedding-size 64 "
        "--dropout 0.2 --learning-rate 0.01 --clip-norm 1 --steps 2000 --precision bfloat16"
    ),
}
GAINS = {"full.names.gain": ("full.names.mlp", "full.names.lstm")}  # how much lower the second is


def run(flags: str, seed: int) -> dict[str, Any]:
    """What one run found: its `result.json`."""
    with tempfile.TemporaryDirectory() as folder:
        more = ["--seed", str(seed), "--folder", folder]
        command = [sys.executable, "-m", "intro_lm", "train", *shlex.split(flags), *more]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{shlex.join(command)} failed:\n{done.stderr}")
        result: dict[str, Any] = json.loads((Path(folder) / "result.json").read_text("utf-8"))
    return result


def entries_of(name: str, flags: str, results: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The entries of expected.toml for one run: each loss, with the seconds."""
    command = f"python -m intro_lm train {flags}"
    entries = {f"{name}.parameters": entry([r["parameters"] for r in results], command)}
    for loss in ("validation_loss", "test_loss"):
        if loss in results[0]:
            measured = entry([r[loss] for r in results], command)
            seconds = round(statistics.median(r["seconds"] for r in results))
            entries[f"{name}.{loss}"] = {**measured, "seconds": seconds}
    return entries


def gain(worse: list[float], better: list[float]) -> dict[str, Any]:
    """The entry of a difference between two runs, with its interval."""
    command = "python tools/measure_runs.py"
    differences = [first - second for first, second in zip(worse, better, strict=True)]
    low, high = difference_interval(worse, better)
    return {**entry(differences, command), "interval": [round(low, 4), round(high, 4)]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", help="which; all if none")
    options, entries = parse(parser, seeds=5)
    if unknown := [name for name in options.runs if name not in RUNS]:
        parser.error(f"no run is called {unknown[0]}; there are {', '.join(RUNS)}")
    losses = {}
    for name in options.runs or RUNS:
        results = []
        for seed in range(options.seeds):
            results.append(run(RUNS[name], seed))
            print(name, seed, json.dumps(results[-1]), flush=True)
        losses[name] = [result["validation_loss"] for result in results]
        entries |= entries_of(name, RUNS[name], results)
        write(entries, options.output)
    for name, (worse, better) in GAINS.items():
        if worse in losses and better in losses:
            entries[name] = gain(losses[worse], losses[better])
            write(entries, options.output)


if __name__ == "__main__":
    main()
