"""`python -m course review`, the mentor's report, and `record`, `run`, `check` for notebooks."""

from __future__ import annotations

import sys


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == ["review"]:
        from course.review.command import run as review

        return review(given[1:])
    from course.notebooks.execute import main as notebooks

    return notebooks(given)


if __name__ == "__main__":
    sys.exit(main())
