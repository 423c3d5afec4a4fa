"""One report on all submissions, put together from what each part of a review finds."""

from __future__ import annotations

import os
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

import intro_lm
from intro_lm.review import comparison, numbers, outcomes, trust
from intro_lm.review.comparison import Comparison
from intro_lm.review.curriculum import Curriculum, Lesson
from intro_lm.review.git import GitError
from intro_lm.review.marks import Mark, at_cells
from intro_lm.review.numbers import Number
from intro_lm.review.outcomes import Outcome
from intro_lm.review.rerun import Rerun, checked_again, refuted, rerun
from intro_lm.review.rerun import marks as marks_of_rerun
from intro_lm.review.stored import Notebook, UnreadableError, parse
from intro_lm.review.submissions import Source, Submission


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


def review(
    submissions: Iterable[Submission], curriculum: Curriculum, settings: Settings | None = None
) -> list[Reviewed]:
    """Review each notebook of each submission, several at a time.

    Nothing is executed unless `settings.rerun` says so.
    """
    settings = settings or Settings()
    listed = list(submissions)
    tasks = [source for submission in listed for source in submission.notebooks]
    done = iter(_all(tasks, curriculum, settings))
    order = {lesson.number: n for n, lesson in enumerate(curriculum.lessons)}
    found = []
    for submission in listed:
        reviews = [next(done) for _ in submission.notebooks]
        reviews.sort(key=lambda each: (order.get(each.lesson, len(order)), each.name))
        found.append(Reviewed(submission, tuple(reviews)))
    return found


def review_notebook(source: Source, curriculum: Curriculum, settings: Settings) -> NotebookReview:
    """Review one notebook."""
    lesson = curriculum.named(source.name)
    known = NotebookReview(
        source.name, lesson.number if lesson else "", lesson.title if lesson else ""
    )
    try:
        content = source.read()
        notebook = parse(content)
    except (UnreadableError, GitError) as error:
        return replace(known, marks=(Mark("unreadable", str(error)),))
    except MemoryError:
        return replace(known, marks=(Mark("unreadable", "it does not fit into memory"),))
    lesson = curriculum.lesson_of(source.name, notebook)
    found = _static(source.name, notebook, lesson)
    if not settings.rerun:
        return found
    threads = max(1, cores() // settings.workers)
    again = rerun(content, settings.timeout, threads)
    exercises = checked_again(list(found.exercises), again)
    marks = [mark for mark in found.marks if mark.kind != "not proven"]
    marks += outcomes.unproven(exercises) + marks_of_rerun(again, refuted(exercises))
    return replace(found, exercises=tuple(exercises), marks=_sorted(marks), again=again)


def _static(name: str, notebook: Notebook, lesson: Lesson | None) -> NotebookReview:
    """What can be said without executing anything."""
    code = notebook.code()
    measured = numbers.numbers(notebook)
    marks = [*trust.marks(notebook), *numbers.marks(measured)]
    marks += outcomes.of_version(notebook, intro_lm.__version__)
    review = NotebookReview(
        name=name,
        cells=len(code),
        ran=sum(cell.count is not None for _, cell in code),
        versions=tuple(outcomes.versions(notebook)),
        numbers=tuple(measured),
    )
    if lesson is None:
        marks.append(Mark("unknown notebook", "no notebook of the curriculum is like it"))
        return replace(review, marks=_sorted(marks))
    changes = comparison.compare(lesson.notebook, notebook)
    places = lesson.exercises
    stubs = {lesson.notebook.cells[place - 1].digest for place in places.values()}
    exercises = outcomes.outcomes(notebook, places, stubs)
    marks += outcomes.unproven(exercises)
    marks += _of_comparison(changes)
    if lesson.commit:
        text = f"made from commit {lesson.commit} of {lesson.day}, and compared with that"
        marks.append(Mark("older notebook", text))
    now = {base: place for place, base in changes.pairs.items()}
    stored = {number.name for number in measured}
    return replace(
        review,
        lesson=lesson.number,
        title=lesson.title,
        marks=_sorted(marks),
        exercises=tuple(exercises),
        changes=changes,
        answers={now[base]: name for name, base in places.items() if base in now},
        missing_numbers=tuple(name for name in lesson.numbers if name not in stored),
        best=numbers.headline(lesson.number, measured),
    )


def _of_comparison(changes: Comparison) -> Iterable[Mark]:
    deleted = [change.base or 0 for change in changes.changes if change.how == "deleted"]
    if deleted:
        yield Mark("cells deleted", f"{at_cells(deleted)} of the curriculum")
    moved = [change.place or 0 for change in changes.changes if change.how == "moved"]
    if moved:
        yield Mark("cells moved", f"{at_cells(moved)} stands elsewhere than before", moved)
    tagged = [change.place or 0 for change in changes.changes if change.tags]
    if tagged:
        yield Mark("tags changed", f"{at_cells(tagged)} has other tags than before", tagged)
    if changes.ids_lost:
        yield Mark("ids lost", "its cells have ids of their own and were matched by their text")


def _sorted(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """What to look at first, then notes, then what is good."""
    return tuple(sorted(marks, key=lambda mark: ("look", "note", "good").index(mark.level)))


def _all(
    tasks: list[Source], curriculum: Curriculum, settings: Settings
) -> Iterable[NotebookReview]:
    """Review in processes; a notebook that ends its process is reported, and the others go on."""
    workers = min(settings.workers, len(tasks))
    if workers <= 1:
        yield from (review_notebook(task, curriculum, settings) for task in tasks)
        return
    with _pool(workers, curriculum, settings) as pool:
        futures = [pool.submit(_work, task) for task in tasks]
    for task, future in zip(tasks, futures, strict=True):
        try:
            yield future.result()
        except BrokenProcessPool:
            yield _alone(task, curriculum, settings)


def _alone(task: Source, curriculum: Curriculum, settings: Settings) -> NotebookReview:
    with _pool(1, curriculum, settings) as pool:
        try:
            return pool.submit(_work, task).result()
        except BrokenProcessPool:
            text = "the process that read it died: too little memory, or it was made to"
            return NotebookReview(task.name, marks=(Mark("unreadable", text),))


def _pool(workers: int, curriculum: Curriculum, settings: Settings) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(curriculum, settings)
    )


_given: list[tuple[Curriculum, Settings]] = []  # in a worker: what all its notebooks share


def _begin(curriculum: Curriculum, settings: Settings) -> None:
    _given[:] = [(curriculum, settings)]


def _work(source: Source) -> NotebookReview:
    return review_notebook(source, *_given[0])


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
