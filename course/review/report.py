"""One report on all submissions, put together from what each part of a review finds."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from multiprocessing import get_context

import intro_lm
from course.review import comparison, results, trust
from course.review.comparison import Comparison
from course.review.curriculum import Curriculum, Lesson
from course.review.git import GitError
from course.review.marks import Mark, at_cells, most_urgent_first
from course.review.rerun import Rerun, checked_again, rerun
from course.review.rerun import marks as marks_of_rerun
from course.review.results import Number, Outcome
from course.review.stored import Cell, Notebook, UnreadableError, parse, without_outputs
from course.review.submissions import Source, Submission


@dataclass(frozen=True)
class ReviewOptions:
    """How to review: whether to run copies, how many seconds a cell may take, in how many jobs."""

    rerun: bool = False
    timeout: float = 300.0
    jobs: int = 1


@dataclass(frozen=True)
class NotebookReview:
    """What was found in one notebook."""

    name: str  # of its file
    lesson: str = ""  # the number of the curriculum's notebook that it was made from, if any
    title: str = ""  # of that
    marks: tuple[Mark, ...] = ()  # the most urgent first
    cells: int = 0  # with code
    ran: int = 0  # cells
    versions: tuple[str, ...] = ()  # of the package, that stored results in it
    exercises: tuple[Outcome, ...] = ()
    numbers: tuple[Number, ...] = ()
    missing_numbers: tuple[str, ...] = ()
    changes: Comparison = field(default_factory=Comparison)
    answers: dict[int, str] = field(default_factory=dict)  # by the cell's index: the exercise
    errors: tuple[tuple[int, Cell], ...] = ()  # cells that ended in an error
    again: Rerun | None = None
    best: Number | None = None  # the number that answers the notebook's question

    @property
    def readable(self) -> bool:
        return not any(mark.kind == "unreadable" for mark in self.marks)

    @property
    def solved(self) -> int:
        return sum(outcome.solved for outcome in self.exercises)

    @property
    def trusted(self) -> bool:
        """One clean run, with nothing to look at."""
        kinds = {mark.kind for mark in self.marks}
        return "clean run" in kinds and all(mark.level != "look" for mark in self.marks)


@dataclass(frozen=True)
class Reviewed:
    """One submission and the reviews of its notebooks, in the curriculum's order."""

    submission: Submission
    notebooks: tuple[NotebookReview, ...]


def review(
    submissions: Sequence[Submission], curriculum: Curriculum, options: ReviewOptions
) -> list[Reviewed]:
    """Review each notebook of each submission, `options.jobs` at a time."""
    sources = [source for submission in submissions for source in submission.notebooks]
    reviews = _in_processes(sources, curriculum, options)
    found = []
    for submission in submissions:
        own = [next(reviews) for _ in submission.notebooks]
        found.append(Reviewed(submission, tuple(_without_copies(own, curriculum))))
    wrong = {
        (outcome.exercise, outcome.answer): one.submission.intern
        for one in found
        for each in one.notebooks
        for outcome in each.exercises
        if outcome.outcome == "not yet" and outcome.answer and not outcome.doubt
    }
    return [
        replace(one, notebooks=tuple(_contradicted(each, wrong) for each in one.notebooks))
        for one in found
    ]


def _without_copies(
    reviews: Sequence[NotebookReview], curriculum: Curriculum
) -> list[NotebookReview]:
    """One notebook of each lesson counts: the one with the lesson's name, else the first."""
    names = {lesson.name for lesson in curriculum.lessons}
    kept: list[NotebookReview] = []
    for each in sorted(reviews, key=lambda one: (one.lesson, one.name not in names, one.name)):
        if each.lesson and kept and kept[-1].lesson == each.lesson:
            marks = [m for m in each.marks if m.kind not in ("not proven", "not yet")]
            copy = Mark("second copy", "its exercises are not counted")
            each = replace(each, exercises=(), marks=most_urgent_first([*marks, copy]))
        kept.append(each)
    return sorted(kept, key=lambda one: one.lesson == "")


def _contradicted(review: NotebookReview, wrong: dict[tuple[str, str], str]) -> NotebookReview:
    """The review, with a mark where an answer is correct that failed for another intern."""
    said = [
        f"{outcome.exercise}: the same answer was not yet right for {wrong[key]}"
        for outcome in review.exercises
        if outcome.outcome == "correct" and (key := (outcome.exercise, outcome.answer)) in wrong
    ]
    marks = [Mark("two outcomes", "; ".join(said))] if said else []
    return replace(review, marks=most_urgent_first([*review.marks, *marks]))


def review_notebook(
    source: Source, curriculum: Curriculum, options: ReviewOptions
) -> NotebookReview:
    """Review one notebook, whatever it holds."""
    try:
        content = source.read()
        notebook = parse(content)
        lesson = curriculum.lesson_of(source.name, notebook)
        found = _static(source.name, notebook, lesson, curriculum)
        exercises, marks, again = found.exercises, list(found.marks), None
        if options.rerun:
            threads = max(1, (os.cpu_count() or 1) // options.jobs)
            text = "\n".join(cell.source for cell in notebook.cells)
            beside = source.beside(text) if source.beside else {}
            again = rerun(content, options.timeout, threads, beside)
            exercises = tuple(checked_again(list(exercises), again))
            marks += marks_of_rerun(again, list(exercises))
        marks += results.marks_of_exercises(exercises)
        return replace(found, exercises=exercises, again=again, marks=most_urgent_first(marks))
    except (UnreadableError, GitError) as error:
        problem = str(error)
    except Exception as error:  # a submission can hold anything: the others get their report
        problem = f"its review failed ({type(error).__name__}), which is a mistake of this tool"
    return _unreadable(source, curriculum, problem)


def _unreadable(source: Source, curriculum: Curriculum, problem: str) -> NotebookReview:
    lesson = curriculum.named(source.name)
    marks = (Mark("unreadable", problem),)
    if lesson is None:
        return NotebookReview(source.name, marks=marks)
    nothing = tuple(Outcome(name) for name in lesson.exercises)
    return NotebookReview(source.name, lesson.number, lesson.title, marks, exercises=nothing)


def _static(
    name: str, notebook: Notebook, lesson: Lesson | None, curriculum: Curriculum
) -> NotebookReview:
    """What can be said without running anything; marks for exercises are added later."""
    changes, given = Comparison(), set[int]()
    if lesson:
        changes = comparison.compare(lesson.notebook, notebook)
        given = comparison.given_out(changes, lesson.notebook, notebook)
    run = without_outputs(notebook, given)
    code = run.code()
    marks = trust.marks(run, given)
    failed = {index for mark in marks if mark.kind == "error" for index in mark.cells}
    stored_by = results.versions(run)
    others = ", ".join(sorted({*stored_by} - {intro_lm.__version__}))
    if others:
        text = f"stored by intro_lm {others}; here is {intro_lm.__version__}"
        marks.append(Mark("other version", text))
    measured = results.numbers(run)
    review = NotebookReview(
        name=name,
        errors=tuple((index, cell) for index, cell in code if index in failed),
        cells=len(code),
        ran=sum(cell.count is not None for _, cell in code),
        versions=tuple(stored_by),
    )
    if lesson is None:
        marks.append(Mark("unknown notebook", "it is the intern's own"))
        marks += results.marks_of_numbers(measured)
        return replace(review, marks=tuple(marks), numbers=tuple(measured))
    marks += comparison.marks(changes)
    edited = [c.index for c in changes.changes if c.index in given and c.lines]
    if edited:
        marks.append(Mark("not run since", at_cells(edited), edited))
    if lesson.commit:
        text = f"made from commit {lesson.commit} of {lesson.day}, and compared with that; "
        text += f"{curriculum.changed_since(lesson)} cells were changed or added since"
        marks.append(Mark("older notebook", text))
    index_of = {base: index for index, base in changes.pairs.items()}
    names = {number.name: number for number in measured}
    return replace(
        review,
        lesson=lesson.number,
        title=lesson.title,
        marks=tuple(marks + results.marks_of_numbers(measured)),
        exercises=tuple(results.outcomes(notebook, lesson.exercises)),
        numbers=tuple(measured),
        missing_numbers=tuple(number for number in lesson.numbers if number not in names),
        changes=changes,
        answers={index_of[b]: name for name, b in lesson.exercises.items() if b in index_of},
        best=names.get(results.HEADLINES.get(lesson.number, "")),
    )


_shared: list[tuple[Curriculum, ReviewOptions]] = []  # in a process of a pool, sent to it once


def _begin(curriculum: Curriculum, options: ReviewOptions) -> None:
    _shared[:] = [(curriculum, options)]


def _review(source: Source) -> NotebookReview:
    return review_notebook(source, *_shared[0])


def _in_processes(
    sources: Sequence[Source], curriculum: Curriculum, options: ReviewOptions
) -> Iterator[NotebookReview]:
    """The review of each notebook, in order; none can take down the review of the others."""
    # To start a process takes as long as to read some dozens of notebooks.
    jobs = min(options.jobs, len(sources) if options.rerun else len(sources) // 50)
    if jobs <= 1:
        yield from (review_notebook(source, curriculum, options) for source in sources)
        return

    def pool(workers: int) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(workers, get_context("spawn"), _begin, (curriculum, options))

    with pool(jobs) as together:
        futures = [together.submit(_review, source) for source in sources]
    for source, future in zip(sources, futures, strict=True):
        try:
            yield future.result()
        except BrokenProcessPool:  # its process died, or that of another notebook: try it alone
            with pool(1) as alone:
                try:
                    yield alone.submit(_review, source).result()
                except BrokenProcessPool:
                    text = "the process that read it died: there may be too little memory"
                    yield _unreadable(source, curriculum, text)
