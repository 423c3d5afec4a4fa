"""What is to be reviewed: a notebook, a folder of notebooks, or a git ref."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from course.review import git
from course.review.stored import MOST_BYTES, UnreadableError
from course.review.texts import one_line, quoted


@dataclass(frozen=True)
class Source:
    """One notebook of a submission: its name, how its content is read, and the files beside it."""

    name: str
    read: Callable[[], bytes]
    # Of those that a text names: their paths from the notebook's folder, and their contents.
    beside: Callable[[str], dict[str, bytes]] | None = None


@dataclass(frozen=True)
class Submission:
    """Somebody's notebooks; `problem` says why there are none."""

    intern: str
    where: str
    notebooks: tuple[Source, ...] = ()
    problem: str = ""


def find(arguments: Iterable[str]) -> list[Submission]:
    """The submissions that a command line names, each under a different name.

    Args:
        arguments: paths of notebooks or folders, or `git:REF` for the repository of the working
            folder. Notebooks of one folder are one submission.
    """
    found: dict[tuple[str, str], Submission] = {}  # by name and place
    for argument in dict.fromkeys(arguments):
        one = _of_ref(argument) if argument.startswith("git:") else _of_path(argument)
        key = one.intern, one.where
        if key in found and one.notebooks:
            one = replace(one, notebooks=found[key].notebooks + one.notebooks)
        found[key] = one
    return _named_apart(found.values())


def _of_ref(argument: str) -> Submission:
    here = Path.cwd()
    ref = argument.removeprefix("git:")
    intern = one_line(ref.removeprefix("refs/heads/").removeprefix("origin/"))
    try:
        commit = git.commit_of(here, ref)
        blobs = git.files(here, commit)
    except git.GitError as error:
        return Submission(intern, one_line(argument), problem=str(error))
    where = f"{one_line(argument)}, commit {commit[:9]}"
    paths = sorted(path for path in blobs if path.endswith(".ipynb"))
    inside = [path for path in paths if path.startswith("notebooks/") and path.count("/") == 1]
    top = "notebooks/" if inside else ""
    beside = {p.removeprefix(top): b for p, b in blobs.items() if p.startswith(top)}
    sources = tuple(
        Source(
            one_line(Path(path).name),
            partial(_blob, here, blobs[path]),
            partial(_blobs, here, beside),
        )
        for path in inside or [path for path in paths if "/" not in path]
    )
    problem = "" if sources else "the commit has no notebooks in notebooks/"
    return Submission(intern, where, sources, problem)


def _blob(here: Path, blob: str) -> bytes:
    return git.run(here, "cat-file", "blob", blob)


def _blobs(here: Path, beside: dict[str, str], text: str) -> dict[str, bytes]:
    return {name: _blob(here, blob) for name, blob in beside.items() if _named(name, text)}


def _named(name: str, text: str) -> bool:
    """Whether a notebook's text names a file that lies beside it, or the folder that it is in."""
    first, *rest = Path(name).parts
    return Path(first).stem in text and ".." not in rest and Path(name).suffix != ".ipynb"


def _of_path(argument: str) -> Submission:
    try:
        return _of_folder(Path(argument))
    except (OSError, RuntimeError) as error:  # the second: links that lead in a circle
        name, where = one_line(Path(argument).name)[:80], one_line(argument)[:200]
        return Submission(name, where, problem=f"it can't be read: {quoted(error)}")


def _of_folder(path: Path) -> Submission:
    """A notebook, or those of a folder or of its `notebooks/`, as a clone has them."""
    folder = path if path.is_dir() else path.parent
    named = folder.resolve()
    intern = one_line(named.parent.name if named.name == "notebooks" else named.name)
    where = one_line(str(folder))
    if folder != path:
        return Submission(intern, where, (_source(path),))
    paths = _notebooks(folder) or _notebooks(folder / "notebooks")
    problem = "" if paths else "the folder holds no notebooks (.ipynb)"
    below = sorted({one_line(each.parent.name) for each in folder.glob("*/*.ipynb")})
    if below and not paths:
        problem += f"; its folders {', '.join(below[:5])} hold some: name those"
    return Submission(intern, where, tuple(map(_source, paths)), problem)


def _notebooks(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.ipynb") if path.name[0] != ".")


def _source(path: Path) -> Source:
    return Source(one_line(path.name), partial(_read, path), partial(_files, path.parent))


def _files(folder: Path, text: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for entry in sorted(folder.iterdir()):
        if _named(entry.name, text) and not entry.is_symlink():
            for path in [entry, *entry.rglob("*")]:
                size = sum(map(len, found.values()))
                if path.is_file() and path.stat().st_size + size <= MOST_BYTES:
                    found[str(path.relative_to(folder))] = path.read_bytes()
    return found


def _read(path: Path) -> bytes:
    try:
        if path.is_symlink():
            raise UnreadableError("it is a symbolic link; give the notebook that it leads to")
        if not path.exists():
            raise UnreadableError("there is no such file")
        if not path.is_file():
            raise UnreadableError("it is not a file")
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except OSError as error:
        raise UnreadableError(f"it can't be read: {error.strerror}") from None


def _named_apart(found: Iterable[Submission]) -> list[Submission]:
    """Each with a name of its own: if two have the same name, the second gets a number."""
    apart: dict[str, Submission] = {}
    for each in found:
        name, number = each.intern or "(no name)", 1
        while name in apart:
            number += 1
            name = f"{each.intern} ({number})"
        apart[name] = replace(each, intern=name)
    return list(apart.values())
