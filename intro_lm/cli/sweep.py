"""`python -m intro_lm sweep`: search hyperparameters; the same command continues a sweep."""

import argparse
from pathlib import Path

from intro_lm import data
from intro_lm.search.study import sweep
from intro_lm.search.sweep_file import read_sweep


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("space", metavar="SPACE.toml", help="see docs/command-line.md")
    parser.add_argument(
        "--study", default="runs/sweep.db", help="a file or a database's URL (%(default)s)"
    )
    parser.add_argument("--name", default="sweep", help="which study of a database (%(default)s)")
    parser.add_argument("--trials", type=int, default=40, help="trials in the end (%(default)s)")


def run(options: argparse.Namespace) -> int:
    """Run or continue a sweep and print its best trial."""
    experiment, how = read_sweep(options.space)
    data.load(experiment.dataset)  # so a missing dataset fails before any trial
    how |= {name: getattr(options, name) for name in ("study", "name", "trials")}
    in_database = "://" in options.study
    runs = Path(f"runs/{options.name}") if in_database else Path(options.study).with_suffix("")
    try:
        study = sweep(experiment, runs=runs, **how)
    except KeyboardInterrupt:
        raise KeyboardInterrupt("stopped; the same command continues") from None
    best = study.best_trial  # a ValueError if no trial is complete
    print(f"best: trial {best.number}, validation loss {best.value:.4f}")
    for name, value in best.params.items():
        print(f"  {name} = {value}")
    print(f"every trial's curves: tensorboard --logdir {runs}")
    return 0
