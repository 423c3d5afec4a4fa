"""One report on all submissions, put together from what each part of a review finds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import intro_lm
from course.review import comparison, numbers, outcomes, trust
from course.review.curriculum import Curriculum, Lesson, changed_since
from course.review.git import GitError
from course.review.marks import Mark, at_cells
from course.review.outcomes import Outcome
from course.review.pool import cores, each
from course.review.rerun import checked_again, refuted, rerun
from course.review.rerun import marks as marks_of_rerun
from course.review.reviews import NotebookReview, Reviewed, Settings
from course.review.stored import Notebook, UnreadableError, parse
from course.review.submissions import Source, Submission

# Submissions are made by anybody: whatever one of them does, the others get their report.
UNFORESEEN = (
    ArithmeticError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
)


def review(
    submissions: Iterable[Submission], curriculum: Curriculum, settings: Settings | None = None
) -> list[Reviewed]:
    """Review each notebook of each submission, several at a time.

    Nothing is executed unless `settings.rerun` says so.
    """
    settings = settings or Settings()
    listed = list(submissions)
    tasks = [source for submission in listed for source in submission.notebooks]
    done = each(_review_safely, tasks, (curriculum, settings), settings.workers, _lost)
    found = []
    for submission in listed:
        reviews = [next(done) for _ in submission.notebooks]
        found.append(Reviewed(submission, tuple(_without_copies(reviews, curriculum))))
    return _held_against_each_other(found)


def _lost(source: Source) -> NotebookReview:
    text = "the process that read it died: too little memory, or it was made to"
    return NotebookReview(source.name, marks=(Mark("unreadable", text),))


def _held_against_each_other(found: list[Reviewed]) -> list[Reviewed]:
    """The same, with a mark where an answer is correct and the same one failed for another."""
    every = [
        (one.submission.intern, outcome)
        for one in found
        for review in one.notebooks
        for outcome in review.exercises
    ]
    wrong = outcomes.contradictions(every)

    def marked(review: NotebookReview) -> NotebookReview:
        both = [
            f"{outcome.exercise}: the same answer was not yet right for {wrong[key]}"
            for outcome in review.exercises
            if outcome.outcome == "correct" and (key := (outcome.exercise, outcome.answer)) in wrong
        ]
        if not both:
            return review
        return replace(
            review, marks=_sorted([*review.marks, Mark("two outcomes", "; ".join(both))])
        )

    return [replace(one, notebooks=tuple(map(marked, one.notebooks))) for one in found]


def _without_copies(reviews: list[NotebookReview], curriculum: Curriculum) -> list[NotebookReview]:
    """The same, in which only one notebook of each lesson counts: that with the lesson's name."""
    names = {lesson.name for lesson in curriculum.lessons}
    counted: set[str] = set()
    kept = []
    for review in sorted(reviews, key=lambda one: (one.lesson, one.name not in names, one.name)):
        if review.lesson in counted:
            copy = Mark("second copy", "its exercises are not counted")
            review = _with_exercises(replace(review, marks=(*review.marks, copy)), [])
        counted |= {review.lesson} - {""}
        kept.append(review)
    return sorted(kept, key=lambda one: one.lesson == "")


def _with_exercises(each: NotebookReview, exercises: list[Outcome]) -> NotebookReview:
    """A review with these outcomes, and the marks that follow from them."""
    marks = [mark for mark in each.marks if mark.kind not in ("not proven", "not yet")]
    marks += outcomes.unproven(exercises) + outcomes.not_yet(exercises)
    return replace(each, exercises=tuple(exercises), marks=_sorted(marks))


def _review_safely(source: Source, curriculum: Curriculum, settings: Settings) -> NotebookReview:
    """The same as `review_notebook`, where no notebook can end the review of the others."""
    try:
        return review_notebook(source, curriculum, settings)
    except UNFORESEEN as error:
        text = f"the review of it failed ({type(error).__name__}); that is a mistake of the tool"
        return NotebookReview(source.name, marks=(Mark("unreadable", text),))


def review_notebook(source: Source, curriculum: Curriculum, settings: Settings) -> NotebookReview:
    """Review one notebook."""
    lesson = curriculum.named(source.name)
    known = NotebookReview(source.name)
    if lesson:
        nothing = tuple(Outcome(name, outcomes.NOT_CHECKED) for name in lesson.exercises)
        known = replace(known, lesson=lesson.number, title=lesson.title, exercises=nothing)
    try:
        content = source.read()
        notebook = parse(content)
    except (UnreadableError, GitError) as error:
        return replace(known, marks=(Mark("unreadable", str(error)),))
    except MemoryError:
        return replace(known, marks=(Mark("unreadable", "it does not fit into memory"),))
    lesson = curriculum.lesson_of(source.name, notebook)
    found = _static(source.name, notebook, lesson, curriculum)
    if not settings.rerun:
        return found
    threads = max(1, cores() // settings.workers)
    again = rerun(content, settings.timeout, threads)
    exercises = checked_again(list(found.exercises), again)
    marks = _sorted([*found.marks, *marks_of_rerun(again, refuted(exercises))])
    return _with_exercises(replace(found, marks=marks, again=again), exercises)


def _static(
    name: str, notebook: Notebook, lesson: Lesson | None, curriculum: Curriculum
) -> NotebookReview:
    """What can be said without executing anything."""
    code = notebook.code()
    measured = numbers.numbers(notebook)
    marks = [*trust.marks(notebook), *numbers.marks(measured)]
    marks += outcomes.of_version(notebook, intro_lm.__version__)
    failed = {place for mark in marks if mark.kind == "error" for place in mark.cells}
    review = NotebookReview(
        name=name,
        errors=tuple((place, cell) for place, cell in code if place in failed),
        cells=len(code),
        ran=sum(cell.count is not None for _, cell in code),
        versions=tuple(outcomes.versions(notebook)),
    )
    if lesson is None:
        marks.append(Mark("unknown notebook", "no notebook of the curriculum is like it"))
        return replace(review, marks=_sorted(marks), numbers=tuple(measured))
    changes = comparison.compare(lesson.notebook, notebook)
    places = lesson.exercises
    stubs = {cell.digest for _, cell in lesson.notebook.code()}
    exercises = outcomes.outcomes(notebook, places, stubs)
    if comparison.has_not_run(changes, lesson.notebook, notebook):
        measured = []
        edited = [c.place for c in changes.changes if c.place and c.cell.is_code and c.edited]
        marks = [mark for mark in marks if mark.kind not in ("clean run", "outside its band")]
        marks.append(Mark("as given out", "every stored output is the curriculum's own"))
        if edited:
            marks.append(Mark("not run since", at_cells(edited), edited))
    marks += comparison.marks(changes, lesson.notebook, notebook)
    if lesson.commit:
        text = f"made from commit {lesson.commit} of {lesson.day}, and compared with that"
        text += f"; {changed_since(lesson, curriculum)} cells were changed or added since"
        marks.append(Mark("older notebook", text))
    now = {base: place for place, base in changes.pairs.items()}
    stored = {number.name for number in measured}
    review = replace(
        review,
        lesson=lesson.number,
        title=lesson.title,
        marks=_sorted(marks),
        numbers=tuple(measured),
        changes=changes,
        answers={now[base]: name for name, base in places.items() if base in now},
        missing_numbers=tuple(name for name in lesson.numbers if name not in stored),
        best=numbers.headline(lesson.number, measured),
    )
    return _with_exercises(review, exercises)


def _sorted(marks: Iterable[Mark]) -> tuple[Mark, ...]:
    """What to look at first, then notes, then what is good."""
    return tuple(sorted(marks, key=lambda mark: ("look", "note", "good").index(mark.level)))
