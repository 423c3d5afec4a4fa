"""The curriculum's own notebooks, of today and of earlier, that submissions are compared with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from course.review import git
from course.review.stored import Notebook, UnreadableError, parse

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
NUMBERED = "[0-9][0-9]_*.ipynb"
LEAST_SHARED = 0.1  # of its cells, for a notebook to be one of the curriculum's
MOST_VERSIONS = 30  # how far back an earlier version of a notebook is looked for


@dataclass(frozen=True)
class Lesson:
    """A notebook of the curriculum, in one of its versions."""

    number: str  # such as "01"
    name: str  # of its file
    notebook: Notebook
    commit: str = ""  # of an earlier version
    day: str = ""  # of that commit

    @cached_property
    def contents(self) -> Counter[tuple[str, ...]]:
        """How often each cell's content occurs in it."""
        return _contents(self.notebook)

    @property
    def title(self) -> str:
        """Its number and name in words: 01 mlp baseline."""
        return self.name.removesuffix(".ipynb").replace("_", " ")

    @cached_property
    def exercises(self) -> dict[str, int]:
        """Its exercises in order, each with the index of the cell that waits for the answer."""
        digests = {cell.digest: index for index, cell in self.notebook.code()}
        return {
            output.metadata["exercise"]: digests.get(output.metadata.get("answer", ""), check - 1)
            for check, _, output in self.notebook.published()
            if "exercise" in output.metadata
        }

    @cached_property
    def numbers(self) -> list[str]:
        """The names of the numbers that it checks, except in sections on downloads."""
        return [
            output.metadata["number"]
            for _, cell, output in self.notebook.published()
            if "number" in output.metadata and "downloads" not in cell.tags
        ]


@dataclass(frozen=True)
class Curriculum:
    """The lessons of today, and for each number the earlier versions, newest first."""

    lessons: tuple[Lesson, ...]
    earlier: dict[str, tuple[Lesson, ...]]

    def lesson_of(self, name: str, notebook: Notebook) -> Lesson | None:
        """The lesson that a notebook was made from, in the version that it is nearest to.

        The cells decide. The file's name decides only if next to no cell is the curriculum's.
        """
        shared = [_shared(lesson, notebook) for lesson in self.lessons]
        if max(shared) <= LEAST_SHARED * len(notebook.cells):
            return self.named(name)
        nearest = self.lessons[shared.index(max(shared))]
        own = _contents(notebook)

        def likeness(lesson: Lesson) -> int:
            # cells in both, less those that the submission doesn't have
            return 2 * (lesson.contents & own).total() - lesson.contents.total()

        # of equally near versions max takes the first, which is the newest
        return max((nearest, *self.earlier.get(nearest.number, ())), key=likeness)

    def named(self, name: str) -> Lesson | None:
        """The lesson whose number begins a file's name."""
        return next((each for each in self.lessons if name.startswith(each.number)), None)

    def changed_since(self, version: Lesson) -> int:
        """How many cells of today's lesson are not in an earlier version of it."""
        today = next(lesson for lesson in self.lessons if lesson.number == version.number)
        return (today.contents - version.contents).total()


def load(where: str | Path = NOTEBOOKS) -> Curriculum:
    """The curriculum in a folder, with the earlier versions that git has of it.

    Raises:
        ValueError: there are no numbered notebooks; or their exercises are solved or their outputs
            cleared, so that nothing can be compared with them.
    """
    lessons = [
        Lesson(path.name[:2], path.name, parse(path.read_bytes()))
        for path in sorted(Path(where).glob(NUMBERED))
    ]
    if not lessons:
        raise ValueError(f"{where} holds no notebooks of the curriculum; use --curriculum FOLDER")
    for lesson in lessons:
        asks = any("= exercise(" in cell.source for _, cell in lesson.notebook.code())
        stored = [output.metadata.get("outcome") for _, _, output in lesson.notebook.published()]
        if (asks and not lesson.exercises) or {"correct", "not yet"} & set(stored):
            raise ValueError(
                f"{where} is not the curriculum as it is given out: {lesson.name} stores answers "
                "to its exercises, or its outputs were cleared. Bring it back with git restore or "
                "git switch main, or name another folder with --curriculum"
            )
    earlier = {lesson.number: tuple(_earlier(lesson, Path(where))) for lesson in lessons}
    return Curriculum(tuple(lessons), earlier)


def _earlier(today: Lesson, folder: Path) -> list[Lesson]:
    """The earlier versions whose cells differ from today's and from the next newer version's."""
    found = [today]
    for commit, day, content in git.history(folder / today.name, MOST_VERSIONS):
        try:
            version = replace(today, notebook=parse(content), commit=commit, day=day)
        except UnreadableError:
            continue
        if version.contents != found[-1].contents:
            found.append(version)
    return found[1:]


def _contents(notebook: Notebook) -> Counter[tuple[str, ...]]:
    return Counter(cell.content for cell in notebook.cells if cell.source.strip())


def _shared(lesson: Lesson, notebook: Notebook) -> int:
    """How many cells a lesson and a notebook share, by id or by content."""
    ids = {cell.id for cell in lesson.notebook.cells}
    return sum(cell.id in ids or cell.content in lesson.contents for cell in notebook.cells)
