"""The command line: `python -m intro_lm COMMAND`."""

from __future__ import annotations

import argparse
import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m intro_lm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("doctor", help="check versions, device, threads, disk and git branch")
    parser.parse_args(arguments)
    return doctor()


def doctor() -> int:
    """Print what the machine has; 1 if something needs a remedy."""
    from intro_lm.doctor import examine, report

    findings = examine()
    print(report(findings))
    return 1 if any(finding.remedy for finding in findings) else 0


if __name__ == "__main__":
    sys.exit(main())
