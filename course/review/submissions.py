"""What is to be reviewed: a notebook, a folder of notebooks, or a git ref."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from course.review import git
from course.review.stored import MOST_BYTES, UnreadableError
from course.review.texts import one_line


@dataclass(frozen=True)
class Source:
    """One notebook of a submission: its name, and how its content is read."""

    name: str
    read: Callable[[], bytes]


@dataclass(frozen=True)
class Submission:
    """Somebody's notebooks; `problem` says why there are none."""

    intern: str
    where: str
    notebooks: tuple[Source, ...] = ()
    problem: str = ""


def find(arguments: Iterable[str], repository: Path | None = None) -> list[Submission]:
    """The submissions that a command line names, each with a name of its own.

    Args:
        arguments: paths of notebooks or folders, or `git:REF`. Notebooks of one folder are one
            submission.
        repository: where refs are looked up; the working folder by default.
    """
    found: list[Submission] = []
    for argument in dict.fromkeys(arguments):
        if argument.startswith("git:"):
            found.append(_of_ref(argument, repository or Path()))
        elif _is_folder(Path(argument)):
            found.append(_of_folder(argument))
        else:
            _add_notebook(found, argument)
    return _named_apart(found)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long
        return False


def _of_ref(argument: str, repository: Path) -> Submission:
    ref = argument.removeprefix("git:")
    intern = one_line(ref.removeprefix("refs/heads/").removeprefix("origin/"))
    try:
        commit = git.commit_of(repository, ref)
        files = git.files(repository, commit)
    except git.GitError as error:
        return Submission(intern, one_line(argument), problem=str(error))
    where = f"{one_line(argument)}, commit {commit[:9]}"
    paths = [path for path in files if path.endswith(".ipynb")]
    chosen = [p for p in paths if p.count("/") == 1 and p.startswith("notebooks/")]
    chosen = chosen or [p for p in paths if "/" not in p]
    if not chosen:
        return Submission(intern, where, problem="the commit has no notebooks in notebooks/")
    sources = [
        Source(
            one_line(path.rpartition("/")[2]),
            partial(git.blob, repository, files[path], MOST_BYTES),
        )
        for path in sorted(chosen)
    ]
    return Submission(intern, where, tuple(sources))


def _of_folder(argument: str) -> Submission:
    """The notebooks of a folder, or of its own `notebooks/`, as a clone has them."""
    folder = Path(argument)
    named = folder.resolve()
    intern = one_line(named.parent.name if named.name == "notebooks" else named.name)
    try:
        inner = folder / "notebooks"
        here = _notebooks(folder) or ([] if inner.is_symlink() else _notebooks(inner))
        below = [] if here else sorted(p.name for p in folder.iterdir() if _holds_notebooks(p))
    except OSError as error:
        return Submission(intern, one_line(argument), problem=f"can't be read: {error.strerror}")
    if not here:
        hint = f"; its folders {', '.join(below[:5])} hold some: name those" if below else ""
        problem = one_line(f"the folder holds no notebooks (.ipynb){hint}")
        return Submission(intern, one_line(argument), problem=problem)
    sources = [Source(one_line(path.name), partial(_read, path)) for path in here]
    return Submission(intern, one_line(argument), tuple(sources))


def _notebooks(folder: Path) -> list[Path]:
    """Its notebooks, in order."""
    if not folder.is_dir():
        return []
    return sorted(p for p in folder.iterdir() if p.suffix == ".ipynb" and p.name[0] != ".")


def _holds_notebooks(folder: Path) -> bool:
    return folder.is_dir() and bool(_notebooks(folder) or _notebooks(folder / "notebooks"))


def _add_notebook(found: list[Submission], argument: str) -> None:
    path = Path(argument)
    folder = path.resolve().parent
    intern = one_line(folder.parent.name if folder.name == "notebooks" else folder.name)
    source = Source(one_line(path.name), partial(_read, path))
    where = one_line(str(path.parent))
    for index, each in enumerate(found):
        if each.intern == intern and each.where == where:
            found[index] = Submission(intern, where, (*each.notebooks, source))
            return
    found.append(Submission(intern, where, (source,)))


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


def _named_apart(found: list[Submission]) -> list[Submission]:
    """Each with a name that no other has: where two are called alike, a number is added."""
    apart: list[Submission] = []
    taken: set[str] = set()
    for each in found:
        name, number = each.intern or "(no name)", 1
        while name in taken:
            number += 1
            name = f"{each.intern} ({number})"
        taken.add(name)
        apart.append(Submission(name, each.where, each.notebooks, each.problem))
    return apart
