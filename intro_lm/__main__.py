"""The command line: `python -m intro_lm COMMAND`."""

from __future__ import annotations

import argparse
import sys


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
    for name, purpose in (("train", "train a model"), ("sample", "write texts with one")):
        commands.add_parser(name, help=purpose, add_help=False)
    chosen, rest = parser.parse_known_args(arguments)
    if chosen.command in ("train", "sample"):
        from intro_lm.commands import run

        return run(chosen.command, rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    if chosen.command == "doctor":
        return doctor()
    return list_datasets() if chosen.action == "list" else dataset_named(chosen.name, chosen.action)


def doctor() -> int:
    """Print what the machine has; 1 if something needs a remedy."""
    from intro_lm.doctor import examine, report

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
    from intro_lm.data.summary import summarise

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


if __name__ == "__main__":
    sys.exit(main())
