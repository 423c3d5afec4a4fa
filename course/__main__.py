"""`python -m course`: the mentor's report, and executing, recording and checking notebooks."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m course", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("review", help="what a mentor has to look at", add_help=False)
    purposes = {
        "run": "execute copies into build/notebooks, with an index.html",
        "record": "execute in place, to commit the outputs",
        "check": "read what is stored, execute nothing",
    }
    for name, purpose in purposes.items():
        command = commands.add_parser(name, help=purpose, description=purpose)
        command.add_argument("notebooks", nargs="*", type=Path, help="all of notebooks/ if none")
        if name != "check":
            command.add_argument("--timeout", type=int, default=600, help="seconds a cell (600)")
        if name == "record":
            command.add_argument("--times", action="store_true", help="write times.toml too")
        if name == "run":
            command.add_argument("--build", type=Path, help="where to write (build/notebooks)")
    options, rest = parser.parse_known_args(arguments)
    if options.command == "review":
        from course.review.command import run as review

        return review(rest)
    if rest:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    return _notebooks(options)


def _notebooks(options: argparse.Namespace) -> int:
    from course.notebooks import execute

    paths = options.notebooks or sorted(execute.SOURCE.glob("[0-9]*.ipynb"))
    try:
        if options.command == "run":
            return execute.run(paths, options.timeout, options.build or execute.BUILD)
        if options.command == "record":
            return execute.record(paths, options.timeout, options.times)
        return execute.check(paths)
    except KeyboardInterrupt:
        print("\nstopped by hand; the notebook under way is left as it was")
        return 130


if __name__ == "__main__":
    sys.exit(main())
