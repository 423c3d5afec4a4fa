"""The curriculum's own notebooks, today's and earlier ones, that submissions are held to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from intro_lm.review import git
from intro_lm.review.stored import Notebook, parse, records

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
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
        """The names of the numbers that it checks against expected.toml."""
        return [r["number"] for _, _, r in records(self.notebook) if "number" in r]


@dataclass(frozen=True)
class Curriculum:
    """The lessons of today, and of each earlier ones, newest first."""

    lessons: tuple[Lesson, ...]
    earlier: dict[str, tuple[Lesson, ...]]

    def lesson_of(self, name: str, notebook: Notebook) -> Lesson | None:
        """Which lesson a notebook was made from, in the version it is nearest to.

        What it holds decides; its file's name only where nothing in it is the curriculum's.
        """
        shared = [_shared(lesson, notebook) for lesson in self.lessons]
        if not max(shared):
            return self.named(name)
        nearest = self.lessons[shared.index(max(shared))]
        versions = [nearest, *self.earlier.get(nearest.number, ())]
        own = sources(notebook)
        return max(versions, key=lambda version: _likeness(version, own))

    def named(self, name: str) -> Lesson | None:
        """The lesson whose number begins a file's name."""
        return next((each for each in self.lessons if name.startswith(each.number)), None)


def load(folder: Path = NOTEBOOKS) -> Curriculum:
    """The curriculum in a folder, and from its git history, if it has one, earlier versions.

    Raises:
        FileNotFoundError: the folder holds no numbered notebooks.
    """
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not paths:
        raise FileNotFoundError(
            f"{folder} holds no notebooks of the curriculum; name its folder with --curriculum"
        )
    lessons, earlier = [], {}
    for path in paths:
        today = Lesson(path.name[:2], path.name, parse(path.read_bytes()))
        lessons.append(today)
        earlier[today.number] = tuple(_earlier(path, today))
    return Curriculum(tuple(lessons), earlier)


def _earlier(path: Path, today: Lesson) -> list[Lesson]:
    """The committed versions whose cells are others than today's and than the next newer's."""
    found = [today]
    for commit, day, content in git.versions(path, MOST_VERSIONS):
        version = replace(today, notebook=parse(content), commit=commit, day=day)
        if version.sources != found[-1].sources:
            found.append(version)
    return found[1:]


def sources(notebook: Notebook) -> Counter[str]:
    """How often each source stands in a notebook."""
    return Counter(cell.source for cell in notebook.cells if cell.source.strip())


def _shared(lesson: Lesson, notebook: Notebook) -> int:
    """How many cells a lesson and a notebook share, by id or by source."""
    ids = {cell.id for cell in lesson.notebook.cells}
    return sum(cell.id in ids or cell.source in lesson.sources for cell in notebook.cells)


def _likeness(lesson: Lesson, own: Counter[str]) -> int:
    """Cells in both less those that the submission lacks; the newest of equal ones wins."""
    return 2 * (lesson.sources & own).total() - lesson.sources.total()
