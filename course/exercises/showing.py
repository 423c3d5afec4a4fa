"""The words in which an exercise answers, and how they reach the notebook.

A text must be the same on every machine, since stored outputs are compared: no addresses, no
paths, no times.
"""

from __future__ import annotations

import re
from typing import Any

from course import display
from course.exercises.running import Report

ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
PATH = re.compile(r"(?<![\w.:/])(?:[A-Za-z]:)?(?:[/\\][\w.+-]+){2,}")


def not_attempted(name: str, asked: str) -> str:
    return (
        f"**{name}: not attempted.** Write `{asked}` in place of the `...`, run its cell, "
        "then this one. `ex.hint()` gives a hint."
    )


def not_a_function(name: str, asked: str, kind: str) -> str:
    return (
        f"**{name}: not yet.** `check` takes the function itself, `ex.check({asked})` without "
        f"calling it, and got an object of type `{kind}`."
    )


def checked(name: str, report: Report, tested: list[str]) -> str:
    """What the checks found; `tested` describes those that passed, or the one that failed."""
    if report.failed is None:
        return f"**{name}: correct.** Tested:\n\n" + "\n".join(f"- {text}" for text in tested)
    message = report.message.rstrip()
    message += "" if message.endswith((".", "?", "!")) else "."
    width = max(map(len, report.case), default=0) + 2
    case = "\n".join(f"{label + ':':{width}}{text}" for label, text in report.case.items())
    fence = f"\n\n```text\n{case}\n```" if case else ""
    return f"**{name}: not yet.** {message}{fence}\n\nThis tests {tested[0]}."


def publish(markdown: str, record: dict[str, Any] | None = None) -> None:
    """Show Markdown in a notebook, or print it; `record` is stored in the output's metadata."""
    markdown = same_everywhere(markdown)
    text = re.sub(r"\n```\w*|^```\w*\n", "", markdown).replace("**", "")
    display.publish(text, record, markdown)


def same_everywhere(text: str) -> str:
    """Leave out addresses, and of a path all but its last part."""
    return PATH.sub(lambda path: re.split(r"[/\\]", path[0])[-1], ADDRESS.sub("", text))
