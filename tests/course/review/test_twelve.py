"""Twelve submissions, from a perfect one to one that is not JSON: each gets its marks."""

import json
import subprocess
from pathlib import Path

import pytest

from course.__main__ import main
from course.review import curriculum
from course.review.page import in_a_word
from course.review.report import ReviewOptions, review
from course.review.submissions import find
from tests.course.review import interns
from tests.course.review.makers import kinds, write

EXPECTED = {  # the marks, and how many exercises are solved
    "complete": ({"clean run"}, 5),
    "begun": ({"as given out"}, 1),
    "half-done": ({"clean run", "not yet"}, 2),
    "untouched": ({"as given out"}, 0),
    "stale": ({"stale", "out of order"}, 5),
    "reordered": ({"out of order", "cells moved"}, 5),
    "deleted": ({"by hand", "cells deleted", "name missing"}, 5),
    "ids lost": ({"clean run", "ids lost"}, 5),
    "laid out": ({"clean run"}, 5),
    "older": ({"clean run", "older notebook", "other version"}, 5),
    "by hand": ({"clean run"}, 3),
    "died": ({"unfinished", "not run"}, 4),
    "huge": ({"clean run", "large output"}, 5),
    "malformed": ({"unreadable"}, 0),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> Path:
    """A folder for each of the twelve."""
    top = tmp_path_factory.mktemp("submissions")
    for name, content in interns.twelve(*interns.complete_and_half_done()).items():
        write(top / name / interns.NAME, content)
    return top


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A curriculum in git whose notebook 00 was once different."""
    top = tmp_path_factory.mktemp("curriculum")
    git = ["git", "-C", str(top), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    for made in (interns.older(interns.untouched()), interns.untouched()):
        write(top / interns.NAME, json.dumps(made).encode())
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-qm", "a version"], check=True)
    return top


@pytest.fixture(scope="module")
def lessons(repository) -> curriculum.Curriculum:
    return curriculum.load(repository)


@pytest.fixture(scope="module")
def reviews(folders, lessons):
    """What is found in each, by its name."""
    found = review(find(map(str, sorted(folders.iterdir()))), lessons, ReviewOptions())
    return {one.submission.intern: one.notebooks[0] for one in found}


def cells_of(one, kind):
    return next(list(mark.cells) for mark in one.marks if mark.kind == kind)


def changed(one, how):
    return [change for change in one.changes.changes if change.how == how]


@pytest.mark.parametrize("name", EXPECTED)
def test_each_gets_exactly_its_marks(reviews, name):
    assert (kinds(reviews[name]), reviews[name].solved) == EXPECTED[name]
    assert reviews[name].lesson == "00"


def test_the_changed_cells_of_the_complete_one_are_its_answers(reviews):
    one = reviews["complete"]
    exercises = ["00.lengths", "00.derivative", "00.cross_entropy", "00.sgd", "00.beat"]
    assert [one.answers[change.index] for change in one.changes.changes] == exercises
    assert len(changed(one, "edited")) == 5
    added = [line for sign, line in one.changes.changes[0].lines if sign == "+"]
    assert added == ["    return (batch != 0).sum(1)"]
    assert reviews["untouched"].changes.changes == ()
    assert reviews["laid out"].changes.pairs == one.changes.pairs
    assert len(reviews["laid out"].changes.changes) == 5


def test_of_a_notebook_that_was_begun_only_what_ran_is_the_interns(reviews):
    one = reviews["begun"]
    assert in_a_word(one) == "run in part"
    code = [cell for cell in interns.untouched()["cells"] if cell["cell_type"] == "code"]
    ran = next(n for n, cell in enumerate(code, 1) if "00.lengths" in "".join(cell["source"]))
    assert (one.ran, one.cells) == (ran, len(code))
    assert [number.name for number in one.numbers] == []
    assert [each.outcome for each in one.exercises[:2]] == ["correct", "not attempted"]


def test_the_wrong_answer_is_not_yet_with_its_failed_check(reviews):
    lengths, derivative, *_ = reviews["half-done"].exercises
    assert (lengths.outcome, lengths.failed) == ("not yet", ("lengths_of_two",))
    assert "This adds up the ids" in lengths.said.shown
    assert derivative.outcome == "not attempted"


def test_an_answer_that_failed_elsewhere_is_marked_where_it_is_said_to_be_correct(
    folders, lessons, tmp_path
):
    made = json.loads((folders / "half-done" / interns.NAME).read_text(encoding="utf-8"))
    whole = json.loads((folders / "complete" / interns.NAME).read_text(encoding="utf-8"))
    (result,) = interns.cell_with(made, 'exercise("00.lengths")')["outputs"]
    (right,) = interns.cell_with(whole, 'exercise("00.lengths")')["outputs"]
    right["metadata"]["course"]["answer"] = result["metadata"]["course"]["answer"]
    result |= right
    path = write(tmp_path / "copied" / interns.NAME, json.dumps(made).encode())
    both = find([str(path), str(folders / "half-done")])
    copied, half = review(both, lessons, ReviewOptions())
    assert kinds(copied.notebooks[0]) == {"clean run", "two outcomes"}
    assert kinds(half.notebooks[0]) == {"clean run", "not yet"}


def test_edited_but_not_run_is_not_a_clean_run(lessons, tmp_path):
    made = interns.untouched()
    interns.cell_with(made, "def name_lengths")["source"] = interns.WRONG_LENGTHS
    path = write(tmp_path / "lazy" / interns.NAME, json.dumps(made).encode())
    (found,) = review(find([str(path)]), lessons, ReviewOptions())
    (one,) = found.notebooks
    assert kinds(one) == {"as given out", "not run since", "not proven"}
    assert (one.trusted, one.numbers, one.best) == (False, (), None)


def test_a_second_copy_counts_for_nothing(folders, lessons, tmp_path):
    for who, name in (("complete", interns.NAME), ("half-done", "00_pytorch_warmup-Copy1.ipynb")):
        write(tmp_path / "two" / name, (folders / who / interns.NAME).read_bytes())
    (found,) = review(find([str(tmp_path / "two")]), lessons, ReviewOptions())
    assert [(one.solved, len(one.exercises)) for one in found.notebooks] == [(5, 5), (0, 0)]
    assert list(map(kinds, found.notebooks)) == [{"clean run"}, {"clean run", "second copy"}]


def test_an_older_one_is_compared_with_what_it_was_made_from(reviews):
    assert len(reviews["older"].changes.changes) == len(changed(reviews["older"], "edited")) == 5
    text = next(mark.text for mark in reviews["older"].marks if mark.kind == "other version")
    assert text.startswith("stored by intro_lm 0.0.9; here is ")


def test_the_command_writes_the_report_and_says_what_it_could_not_read(
    folders, repository, tmp_path, capsys
):
    page = tmp_path / "r.html"
    options = ("--curriculum", str(repository), "--html", str(page))
    assert main(["review", *map(str, sorted(folders.iterdir())), *options]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(f"malformed, {interns.NAME}: it is cut off; it holds no JSON: ")
    assert len(said.err.splitlines()) == 1
    assert "clean run           5/5 correct" in said.out
    assert all(f">{name}</h2>" in page.read_text(encoding="utf-8") for name in EXPECTED)
    assert page.stat().st_size < 500_000


@pytest.mark.slow
def test_a_second_run_tells_the_edited_outputs_from_the_real_ones(folders, lessons):
    chosen = [str(folders / name) for name in ("complete", "by hand", "died")]
    found = review(find(chosen), lessons, ReviewOptions(rerun=True, timeout=60, jobs=2))
    whole, forged, died = (one.notebooks[0] for one in found)
    assert (kinds(whole), whole.solved) == ({"clean run", "reproduced"}, 5)
    assert (kinds(forged), forged.solved) == ({"clean run", "not reproduced"}, 2)
    lengths = forged.exercises[0]
    assert (lengths.outcome, lengths.again) == ("correct", "not yet")
    assert cells_of(forged, "not reproduced") == [lengths.cell]
    assert (kinds(died), died.solved) == ({"unfinished", "not run", "reproduced"}, 5)
