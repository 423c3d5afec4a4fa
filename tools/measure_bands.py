"""Measure the numbers that the notebooks promise, over several seeds, and write expected.toml.

    python tools/measure_bands.py                    every notebook, about an hour
    python tools/measure_bands.py notebooks/01*      these, the others' entries stay

Each notebook is executed once a seed, with its line `SEED = 0` changed, while `expect` collects
its values and checks none: with one thread, and the first seed once more with two, whose sums
differ in the last digits, as they do between machines. Whole numbers must be the same every time
and are promised exactly. Any other number is promised as a band: the mean, and six standard
deviations to each side (over 8 seeds that is about the 99.9% prediction interval of a normally
distributed value), at least 0.004: twice what a solver that stops at a tolerance gave otherwise in
a container, whose C library is another. Narrower bands in the file were laid before that was seen.
A band ends where the number does: no correlation is above 1, no loss below 0.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import itertools
import json
import math
import multiprocessing
import os
import re
import statistics
import sys
import tempfile
import tomllib
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))
from course.expected import RECORD_TO
from course.notebooks.execute import ANSI, ROOT, SOURCE, execute, read

EXPECTED = ROOT / "course" / "expected.toml"
SEED_LINE = re.compile(r"^SEED = 0\b", re.MULTILINE)
STANDARD_DEVIATIONS = 6
LEAST_HALF_WIDTH = 0.004
# Where a number ends, by its name; the first row that fits counts. Differences end nowhere.
LIMITS = (
    (re.compile("correlation|cosine"), -1.0, 1.0),
    (re.compile("gain|ahead|gap|luck|optimism|reset|exponent|log10"), -math.inf, math.inf),
    (re.compile(r"^05\.parts\.(?!whole)"), -math.inf, math.inf),
    (re.compile("accuracy|probability|saturated|different|training_names|samples"), 0.0, 1.0),
    (re.compile(r"^04\.cells|^05\.(?!language_model|saved)"), 0.0, 1.0),
    (re.compile(""), 0.0, math.inf),  # losses, ratios, sizes
)
HEADER = (
    "# Written by tools/measure_bands.py and, where a name begins with full, by\n"
    "# tools/measure_runs.py; do not edit by hand. See the first one's head for what a band is.\n"
)


def with_seed(path: Path, seed: int) -> Any:
    """The notebook with its one line `SEED = 0` changed."""
    notebook, changed = read(path), 0
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source, number = SEED_LINE.subn(f"SEED = {seed}", cell.source)
            changed += number
    if changed != 1:
        sys.exit(f"{path.name} has {changed} lines 'SEED = 0'; it needs exactly one to be measured")
    return notebook


def run_seed(path: Path, seed: int, timeout: int, threads: int = 1) -> list[tuple[str, float]]:
    """Every number that the notebook expects, as it comes out with one seed."""
    os.environ["OMP_NUM_THREADS"] = str(threads)  # for the kernel; this process does nothing else
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.jsonl"
        file.touch()
        os.environ[RECORD_TO] = str(file)
        with contextlib.redirect_stdout(io.StringIO()):
            done = execute(path, timeout, with_seed(path, seed))
        if done.error:
            raise RuntimeError(f"{path.name} with seed {seed}:\n{ANSI.sub('', done.error)}")
        print(f"{path.name} with seed {seed}: {done.seconds:.0f} s", flush=True)
        values = [tuple(json.loads(line)) for line in file.read_text("utf-8").splitlines()]
        print(json.dumps(values), flush=True)  # if another seed fails, these are not lost
        return values


def measure(path: Path, seeds: int, timeout: int, jobs: int) -> dict[str, list[float]]:
    """Every number that the notebook expects: a value a seed, and that of two threads."""
    values: dict[str, list[float]] = {}
    fresh = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=fresh) as pool:
        runs = [
            *pool.map(run_seed, itertools.repeat(path), range(seeds), itertools.repeat(timeout)),
            pool.submit(run_seed, path, 0, timeout, threads=2).result(),
        ]
    for name, value in itertools.chain(*runs):
        values.setdefault(name, []).append(value)
    odd = [name for name, measured in values.items() if len(measured) != len(runs)]
    if odd:
        sys.exit(f"{path.name} expects {odd[0]} {len(values[odd[0]])} times in {len(runs)} runs")
    return values


def entry(measured: list[float], command: str, seeds: int | None = None) -> dict[str, Any]:
    """What expected.toml holds of one number; of as many seeds as values, where none is named."""
    if all(isinstance(value, int) for value in measured):
        if len(set(measured)) > 1:
            sys.exit(f"a whole number differs between seeds: {measured}; make it a float")
        return {"value": measured[0], "command": command}
    mean, std = statistics.fmean(measured), statistics.stdev(measured)
    half = max(STANDARD_DEVIATIONS * std, LEAST_HALF_WIDTH)
    low, high = math.floor((mean - half) * 1e4) / 1e4, math.ceil((mean + half) * 1e4) / 1e4
    return {
        "mean": round(mean, 5),
        "std": round(std, 5),
        "low": low,
        "high": high,
        "seeds": seeds or len(measured),
        "command": command,
    }


def limited(name: str, found: dict[str, Any]) -> dict[str, Any]:
    """The entry, with a band that ends where the number does."""
    least, most = next((low, high) for words, low, high in LIMITS if words.search(name))
    low, high = found.get("low", least), found.get("high", most)
    cut = {"low": least} if low < least else {}
    return found | cut | ({"high": most} if high > most else {})


def write(entries: dict[str, dict[str, Any]], path: Path) -> None:
    text = HEADER
    for name in sorted(entries):
        text += f'\n["{name}"]\n'
        found = limited(name, entries[name])
        text += "".join(f"{key} = {json.dumps(value)}\n" for key, value in found.items())
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def parse(parser: argparse.ArgumentParser, seeds: int) -> tuple[argparse.Namespace, dict[str, Any]]:
    """The options, among them `seeds` and `output`, and the entries that the output has already."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--seeds", type=int, default=seeds, help="at least 5 (%(default)s)")
    parser.add_argument("--output", type=Path, default=EXPECTED, help="where to write")
    options = parser.parse_args()
    if options.seeds < 5:
        parser.error(f"--seeds is {options.seeds}; a band needs at least 5")
    output = options.output
    return options, tomllib.loads(output.read_text("utf-8")) if output.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("notebooks", nargs="*", type=Path, help="which; all of notebooks/ if none")
    parser.add_argument("--jobs", type=int, default=2, help="seeds at once, a thread each (2)")
    parser.add_argument("--timeout", type=int, default=600, help="seconds a cell may take (600)")
    options, entries = parse(parser, seeds=8)
    for path in options.notebooks or sorted(SOURCE.glob("[0-9]*.ipynb")):
        command = f"python tools/measure_bands.py notebooks/{path.name} --seeds {options.seeds}"
        measured = measure(path, options.seeds, options.timeout, options.jobs)
        for name in [n for n in entries if n.startswith(path.name[:2]) and n not in measured]:
            print(f"{name} was not measured and its entry stays; delete it if nothing uses it")
        entries |= {
            name: entry(values, command, options.seeds) for name, values in measured.items()
        }
        write(entries, options.output)


if __name__ == "__main__":
    main()
