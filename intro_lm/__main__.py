"""The command line: `python -m intro_lm COMMAND`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m intro_lm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("doctor", help="check versions, device, threads, disk and git branch")
    dataset = commands.add_parser("data", help="list, fetch and look at datasets")
    actions = dataset.add_subparsers(dest="action", required=True, metavar="ACTION")
    actions.add_parser("list", help="every dataset, its licence and source, and whether it is here")
    for action, purpose in (("fetch", "bring into the cache"), ("show", "rows, lengths, examples")):
        actions.add_parser(action, help=purpose).add_argument("name", metavar="NAME")
    search = commands.add_parser("sweep", help="search hyperparameters; goes on where it stopped")
    search.add_argument(
        "space", metavar="SPACE.toml", help="what to search: see intro_lm.search.sweep_file"
    )
    search.add_argument("--study", required=True, help="the study's file, or a database's URL")
    search.add_argument("--name", default="sweep", help="which study of a database (sweep)")
    search.add_argument("--trials", type=int, default=40, help="trials in the end (40)")
    search.add_argument("--workers", type=int, default=1, help="processes (1)")
    search.add_argument("--runs", help="folder for TensorBoard (the study's, without its ending)")
    with_own_flags = {
        "train": "train a model",
        "sample": "write texts with one",
    }
    for name, purpose in with_own_flags.items():
        commands.add_parser(name, help=purpose, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command in ("train", "sample"):
        from intro_lm.cli.train import run

        return run(chosen.command, rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if chosen.command == "doctor":
        return doctor()
    if chosen.command == "sweep":
        return run_sweep(chosen)
    return list_datasets() if chosen.action == "list" else dataset_named(chosen.name, chosen.action)


def doctor() -> int:
    """Print what the machine has; 1 if something needs a remedy."""
    from intro_lm.cli.doctor import examine, report

    findings = examine()
    print(report(findings))
    return 1 if any(finding.remedy for finding in findings) else 0


def list_datasets() -> int:
    """Print a table of the catalogue."""
    from intro_lm import data

    rows = data.describe()
    columns = ("name", "here", "size", "licence", "source")
    widths = {column: max(len(row[column]) for row in rows) for column in columns}
    for row in [{column: column for column in columns}, *rows]:
        print("  ".join(f"{row[column]:<{widths[column]}}" for column in columns).rstrip())
    return 0


def dataset_named(name: str, action: str) -> int:
    """Fetch one dataset, or show what it holds; 1 if it is unknown or can't be had."""
    from intro_lm import data
    from intro_lm.cli.summary import summarise

    try:
        corpus = data.load(name)
    except KeyError as error:
        print(error.args[0], file=sys.stderr)
        return 1
    except data.DatasetUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    print(summarise(corpus) if action == "show" else f"{name} is here")
    return 0


def run_sweep(chosen: argparse.Namespace) -> int:
    """Run or go on with a sweep and print its best trial; 1 if it can't be run, 130 if stopped."""
    from intro_lm import data
    from intro_lm.search.study import SweepFailedError, sweep
    from intro_lm.search.sweep_file import read_sweep

    in_database = "://" in chosen.study
    study_path = Path(chosen.study)
    if in_database:
        beside = Path("runs") / chosen.name
    elif study_path.suffix:
        beside = study_path.with_suffix("")
    else:
        beside = study_path.with_name(f"{study_path.name}-runs")
    runs = chosen.runs or str(beside)
    try:
        asked = read_sweep(chosen.space)
        try:
            data.load(asked.experiment.dataset)
        except KeyError as error:
            raise ValueError(error.args[0]) from error
        study = sweep(
            asked.experiment,
            asked.space,
            trials=chosen.trials,
            study=chosen.study,
            name=chosen.name,
            sampler=asked.sampler,
            pruner=asked.pruner,
            seed=asked.seed,
            workers=chosen.workers,
            runs=runs,
        )
    except KeyboardInterrupt:
        print("stopped; the same command goes on", file=sys.stderr)
        return 130
    except (ValueError, OSError, SweepFailedError, data.DatasetUnavailableError) as error:
        print(error, file=sys.stderr)
        return 1
    if not any(trial.state.name == "COMPLETE" for trial in study.trials):
        print("no trial has completed: they were pruned, failed, or run elsewhere still")
        return 1
    print(f"best: trial {study.best_trial.number}, validation loss {study.best_value:.4f}")
    for name, value in study.best_params.items():
        print(f"  {name} = {value}")
    print(f"every trial's curves: tensorboard --logdir {runs}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
