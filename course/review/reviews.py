"""What a review is made with, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from course.review.comparison import Comparison
from course.review.marks import Mark
from course.review.numbers import Number
from course.review.outcomes import Outcome
from course.review.pool import cores
from course.review.rerun import Rerun
from course.review.stored import Cell
from course.review.submissions import Submission


@dataclass(frozen=True)
class Settings:
    """How to review: whether to execute copies, with how many seconds a cell, in how many jobs."""

    rerun: bool = False
    timeout: float = 300.0
    jobs: int = 0  # 0: as many as there are cores

    @property
    def workers(self) -> int:
        return self.jobs or cores()


@dataclass(frozen=True)
class NotebookReview:
    """What was found in one notebook.

    Args:
        name: its file's name.
        lesson, title: number and title of the curriculum's notebook; empty if it is none of them.
        marks: what to know, the most pressing first.
        cells, ran: cells with code, and how many of them have run.
        versions: of the package, that stored results in it.
        changes: the cells that are not as the curriculum has them.
        errors: the cells that ended in an error, with their places.
    """

    name: str
    lesson: str = ""
    title: str = ""
    marks: tuple[Mark, ...] = ()
    cells: int = 0
    ran: int = 0
    versions: tuple[str, ...] = ()
    exercises: tuple[Outcome, ...] = ()
    numbers: tuple[Number, ...] = ()
    missing_numbers: tuple[str, ...] = ()
    changes: Comparison = field(default_factory=lambda: Comparison(()))
    answers: dict[int, str] = field(default_factory=dict)  # a cell's place: the exercise it answers
    errors: tuple[tuple[int, Cell], ...] = ()
    again: Rerun | None = None
    best: Number | None = None

    @property
    def readable(self) -> bool:
        return not any(mark.kind == "unreadable" for mark in self.marks)

    @property
    def solved(self) -> int:
        return sum(outcome.solved for outcome in self.exercises)

    @property
    def trusted(self) -> bool:
        """One clean run without an error, of which nothing is refuted or unproven."""
        return any(mark.kind == "clean run" for mark in self.marks) and not any(
            mark.level == "look" for mark in self.marks
        )


@dataclass(frozen=True)
class Reviewed:
    """One submission and the reviews of its notebooks, in the curriculum's order."""

    submission: Submission
    notebooks: tuple[NotebookReview, ...]

    @property
    def solved(self) -> int:
        return sum(each.solved for each in self.notebooks)

    @property
    def asked(self) -> int:
        return sum(len(each.exercises) for each in self.notebooks)

    @property
    def readable(self) -> bool:
        return not self.submission.problem and all(each.readable for each in self.notebooks)
