"""Reading from a git repository, without touching its working tree."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from course.review.texts import visible


class GitError(ValueError):
    """Git could not give what was asked for; the message says why."""


def run(folder: Path, *arguments: str) -> bytes:
    """What a git command prints; GitError with what it said if it fails."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise GitError("git is not installed") from None
    if done.returncode != 0:
        said = visible(done.stderr.decode(errors="replace")).strip().splitlines()
        raise GitError(said[-1] if said else f"git {arguments[0]} failed")
    return done.stdout


def commit_of(folder: Path, ref: str) -> str:
    """The full name of the commit that a branch, tag or other ref stands for, else GitError."""
    run(folder, "rev-parse", "--git-dir")  # without a repository this says so
    try:
        asked = ("--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        return run(folder, "rev-parse", *asked).decode().strip()
    except GitError:
        raise GitError(
            f"there is no branch or commit {visible(ref)!r} here; if it is on the server, "
            f"run `git fetch` and name it git:origin/{visible(ref)}"
        ) from None


def files(folder: Path, commit: str) -> dict[str, str]:
    """The name of the blob for each path of a commit, without symbolic links."""
    listed = run(folder, "ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="replace")
    found = {}
    for line in filter(None, listed.split("\0")):
        about, _, path = line.partition("\t")
        mode, _, blob = about.split()
        if mode.startswith("100"):
            found[path] = blob
    return found


def history(path: Path, most: int) -> Iterator[tuple[str, str, bytes]]:
    """The last committed versions of a file, newest first: commit, day and content."""
    options = ("-m", "--first-parent", f"-{most}", "--diff-filter=AM", "--format=%h %cs")
    try:
        listed = run(path.parent, "log", *options, "--", path.name).decode()
    except GitError:  # no repository, no commit yet, or no git
        return
    for line in listed.splitlines():
        commit, day = line.split()
        yield commit, day, run(path.parent, "show", f"{commit}:./{path.name}")
