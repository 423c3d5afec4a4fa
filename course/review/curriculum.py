"""The curriculum's own notebooks, today's and earlier ones, that submissions are held to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fnmatch import fnmatch
from functools import cached_property
from pathlib import Path

from course.review import git
from course.review.stored import MOST_BYTES, Notebook, UnreadableError, parse, records

NUMBERED = "[0-9][0-9]_*"
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LEAST_SHARED = 0.1  # of its cells, for a notebook to be one of the curriculum's
MOST_VERSIONS = 30  # how far back an earlier version of a notebook is looked for


@dataclass(frozen=True)
class Lesson:
    """A notebook of the curriculum, in one of its versions.

    Args:
        number: its number, "01".
        name: its file's name.
        notebook: its cells.
        commit, day: of an earlier version, where it was committed; empty for that of today.
    """

    number: str
    name: str
    notebook: Notebook
    commit: str = ""
    day: str = ""

    @cached_property
    def sources(self) -> Counter[str]:
        return sources(self.notebook)

    @property
    def title(self) -> str:
        """Its number and name as a reader says them: 01 mlp baseline."""
        return self.name.removesuffix(".ipynb").replace("_", " ")

    @cached_property
    def exercises(self) -> dict[str, int]:
        """Its exercises in order, each with the place of the cell that waits for the answer."""
        places = {cell.digest: n for n, cell in self.notebook.code()}
        return {
            record["exercise"]: places.get(record["answer"], check - 1)
            for check, _, record in records(self.notebook)
            if "exercise" in record
        }

    @cached_property
    def numbers(self) -> list[str]:
        """The names of the numbers that it checks against expected.toml, without a download."""
        return [
            record["number"]
            for _, cell, record in records(self.notebook)
            if "number" in record and "downloads" not in cell.tags
        ]


@dataclass(frozen=True)
class Curriculum:
    """The lessons of today, and of each earlier ones, newest first."""

    lessons: tuple[Lesson, ...]
    earlier: dict[str, tuple[Lesson, ...]]

    def lesson_of(self, name: str, notebook: Notebook) -> Lesson | None:
        """Which lesson a notebook was made from, in the version it is nearest to.

        What it holds decides; its file's name only where next to nothing is the curriculum's.
        """
        shared = [_shared(lesson, notebook) for lesson in self.lessons]
        if max(shared) <= LEAST_SHARED * len(notebook.cells):
            return self.named(name)
        nearest = self.lessons[shared.index(max(shared))]
        versions = [nearest, *self.earlier.get(nearest.number, ())]
        own = sources(notebook)
        return max(versions, key=lambda version: _likeness(version, own))

    def named(self, name: str) -> Lesson | None:
        """The lesson whose number begins a file's name."""
        return next((each for each in self.lessons if name.startswith(each.number)), None)


def load(where: str | Path = NOTEBOOKS) -> Curriculum:
    """The curriculum in a folder or at a git ref (`git:main`), with its earlier versions.

    Raises:
        ValueError: there are no numbered notebooks, or they hold somebody's answers, so that
            nothing could be compared with them; or git can't give them.
    """
    given = list(_of_ref(str(where)[4:]) if str(where).startswith("git:") else _of_folder(where))
    if not given:
        raise ValueError(
            f"{where} holds no notebooks of the curriculum; name its folder with --curriculum"
        )
    for lesson, _ in given:
        asks = any("= exercise(" in cell.source for _, cell in lesson.notebook.code())
        if asks and not lesson.exercises:
            raise ValueError(
                f"{where} is not the curriculum as it is given out: {lesson.name} stores no "
                "results of its exercises. Were its outputs cleared? git restore brings them back"
            )
        for _, _, record in records(lesson.notebook):
            if record.get("outcome", "not attempted") != "not attempted":
                raise ValueError(
                    f"{where} is not the curriculum as it is given out: {record['exercise']} is "
                    f"{record['outcome']} there. Name the branch or folder that is, such as "
                    "--curriculum git:main"
                )
    earlier = {lesson.number: tuple(_earlier(lesson, states)) for lesson, states in given}
    return Curriculum(tuple(lesson for lesson, _ in given), earlier)


def _of_folder(folder: str | Path) -> Iterator[tuple[Lesson, list[git.State]]]:
    for path in sorted(Path(folder).glob(f"{NUMBERED}.ipynb")):
        lesson = Lesson(path.name[:2], path.name, parse(path.read_bytes()))
        yield lesson, git.states_of(path, MOST_VERSIONS)


def _of_ref(ref: str) -> Iterator[tuple[Lesson, list[git.State]]]:
    here = Path()
    commit = git.commit_of(here, ref)
    for path, blob in git.files(here, commit).items():
        if fnmatch(path, f"notebooks/{NUMBERED}.ipynb"):
            name = path.rpartition("/")[2]
            lesson = Lesson(name[:2], name, parse(git.blob(here, blob, MOST_BYTES)))
            yield lesson, git.states(here, path, MOST_VERSIONS, commit)


def _earlier(today: Lesson, states: list[git.State]) -> list[Lesson]:
    """The committed versions whose cells are others than today's and than the next newer's."""
    found = [today]
    for state in states:
        try:
            notebook = parse(state.content)
        except UnreadableError:
            continue
        version = replace(today, notebook=notebook, commit=state.commit, day=state.day)
        if version.sources != found[-1].sources:
            found.append(version)
    return found[1:]


def sources(notebook: Notebook) -> Counter[str]:
    """How often each source stands in a notebook."""
    return Counter(cell.source for cell in notebook.cells if cell.source.strip())


def changed_since(version: Lesson, curriculum: Curriculum) -> int:
    """How many cells of today's version of a lesson are not in an earlier one."""
    today = next(lesson for lesson in curriculum.lessons if lesson.number == version.number)
    return (today.sources - version.sources).total()


def _shared(lesson: Lesson, notebook: Notebook) -> int:
    """How many cells a lesson and a notebook share, by id or by source."""
    ids = {cell.id for cell in lesson.notebook.cells}
    return sum(cell.id in ids or cell.source in lesson.sources for cell in notebook.cells)


def _likeness(lesson: Lesson, own: Counter[str]) -> int:
    """Cells in both less those that the submission lacks; the newest of equal ones wins."""
    return 2 * (lesson.sources & own).total() - lesson.sources.total()
