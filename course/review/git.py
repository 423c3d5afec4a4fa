"""Reading from a git repository, without touching its working tree."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NamedTuple

from course.review.texts import visible


class GitError(ValueError):
    """Git could not give what was asked for; the message says why."""


FORMAT = "--format=%h %cs"


class State(NamedTuple):
    """A file as a commit has it."""

    commit: str
    day: str
    content: bytes


def run(folder: Path, *arguments: str) -> bytes:
    """What a git command prints.

    Raises:
        GitError: git is missing, or the command failed; with what it said.
    """
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
    """The full name of the commit that a branch, tag or other ref stands for.

    Raises:
        GitError: there is none.
    """
    try:
        asked = ("--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
        said = run(folder, "rev-parse", *asked)
    except GitError:
        run(folder, "rev-parse", "--git-dir")  # where there is no repository, that is the reason
        raise GitError(
            f"there is no branch or commit {visible(ref)!r} here; `git fetch` may bring it, and "
            "then it is origin/ and its name"
        ) from None
    return said.decode().strip()


def files(folder: Path, commit: str) -> dict[str, str]:
    """The ordinary files of a commit: path from the repository's top, and the blob's name."""
    listed = run(folder, "ls-tree", "-r", "-z", "--full-tree", commit).decode(errors="replace")
    found = {}
    for line in filter(None, listed.split("\0")):
        about, _, path = line.partition("\t")
        mode, _, blob = about.split()
        if mode.startswith("100"):
            found[path] = blob
    return found


def blob(folder: Path, name: str, most: int) -> bytes:
    """The content of a file that `files` named, if it has at most so many bytes.

    Raises:
        GitError: it has more.
    """
    size = int(run(folder, "cat-file", "-s", name))
    if size > most:
        raise GitError(f"it holds {size / 1e6:,.0f} MB; more than {most / 1e6:,.0f} are not read")
    return run(folder, "cat-file", "blob", name)


def states(folder: Path, path: str, most: int, commit: str = "HEAD") -> list[State]:
    """The committed states of a file, by its path from the repository's top, newest first."""
    top = Path(run(folder, "rev-parse", "--show-toplevel").decode().strip())
    log = run(
        top,
        "log",
        "-m",
        "--first-parent",
        f"-{most}",
        "--diff-filter=AM",
        FORMAT,
        commit,
        "--",
        path,
    ).decode()
    pairs = [line.split() for line in log.splitlines()]
    return [State(commit, day, run(top, "show", f"{commit}:{path}")) for commit, day in pairs]


def states_of(path: Path, most: int) -> list[State]:
    """The same for a file on the disk; nothing where it lies in no repository."""
    try:
        top = Path(run(path.parent, "rev-parse", "--show-toplevel").decode().strip())
        return states(top, path.resolve().relative_to(top.resolve()).as_posix(), most)
    except ValueError:  # GitError is one too: no repository, no commit yet, no git
        return []
