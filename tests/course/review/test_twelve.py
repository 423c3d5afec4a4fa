"""Twelve submissions, from one that is perfect to one that is no JSON: each gets its marks."""

import json
import subprocess
from pathlib import Path

import pytest

from course.__main__ import main
from course.review import curriculum
from course.review.report import ReviewOptions, review
from course.review.submissions import find
from tests.course.review import interns

EXPECTED = {  # the marks, and how many exercises are solved
    "complete": ({"clean run"}, 5),
    "half-done": ({"clean run", "not yet"}, 2),
    "untouched": ({"as given out"}, 0),
    "stale": ({"stale", "out of order"}, 5),
    "reordered": ({"out of order", "cells moved"}, 5),
    "deleted": ({"by hand", "cells deleted", "name missing"}, 5),
    "ids lost": ({"clean run", "ids lost"}, 5),
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
    for name, content in interns.twelve(interns.complete(), interns.half_done()).items():
        (top / name).mkdir()
        (top / name / interns.NAME).write_bytes(content)
    return top


@pytest.fixture(scope="module")
def repository(tmp_path_factory) -> Path:
    """A repository whose notebook 00 was once another."""
    top = tmp_path_factory.mktemp("curriculum")
    notebook = top / "notebooks" / interns.NAME
    notebook.parent.mkdir()

    def git(*arguments):
        identity = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", top, *identity, *arguments], check=True, capture_output=True)

    git("init", "-q")
    for made in (interns.older(interns.untouched()), interns.untouched()):
        notebook.write_text(json.dumps(made), encoding="utf-8")
        git("add", ".")
        git("commit", "-qm", "a version")
    return top / "notebooks"


@pytest.fixture(scope="module")
def reviews(folders, repository):
    """What is found in each, by its name."""
    found = review(
        find(map(str, sorted(folders.iterdir()))), curriculum.load(repository), ReviewOptions(jobs=2)
    )
    return {one.submission.intern: one.notebooks[0] for one in found}


def kinds(one):
    return {mark.kind for mark in one.marks}


def cells_of(one, kind):
    return next(list(mark.cells) for mark in one.marks if mark.kind == kind)


@pytest.mark.parametrize("name", EXPECTED)
def test_each_gets_exactly_its_marks(reviews, name):
    assert (kinds(reviews[name]), reviews[name].solved) == EXPECTED[name]


def test_each_belongs_to_notebook_00(reviews):
    assert {one.lesson for one in reviews.values()} == {"00"}


def test_the_changed_cells_of_the_complete_one_are_its_answers(reviews):
    changes = reviews["complete"].changes
    assert [reviews["complete"].answers[change.place] for change in changes.changes] == [
        "00.lengths",
        "00.derivative",
        "00.cross_entropy",
        "00.sgd",
        "00.beat",
    ]
    assert {change.how for change in changes.changes} == {"edited"}
    added = [line for sign, line in changes.changes[0].lines if sign == "+"]
    assert added == ["    return (batch != 0).sum(1)"]


def test_the_untouched_one_has_no_changed_cell(reviews):
    assert reviews["untouched"].changes.changes == ()


def test_the_wrong_answer_is_not_yet_with_its_failed_check(reviews):
    lengths, derivative, *_ = reviews["half-done"].exercises
    assert (lengths.outcome, lengths.failed) == ("not yet", ("lengths_of_two",))
    assert "This adds up the ids" in lengths.said.shown
    assert derivative.outcome == "not attempted"


def test_the_stale_one_names_what_was_made_from_the_corpus_that_was_loaded_again(reviews):
    one = reviews["stale"]
    (again,) = cells_of(one, "out of order")
    stale = cells_of(one, "stale")
    cells = json.loads((interns.NOTEBOOKS / interns.NAME).read_text(encoding="utf-8"))["cells"]
    source = {place: "".join(cell["source"]) for place, cell in enumerate(cells, 1)}
    assert 'corpus = data.load("names")' in source[again]
    assert "Vocabulary.from_texts(corpus" in source[stale[0]]
    assert not any("contexts, following" in source[place] for place in range(1, stale[0]))
    assert all(place > again for place in stale)
    assert not any("torch.ones(2, 3) @ torch.ones(4, 3)" in source[place] for place in stale)


def test_an_answer_that_failed_elsewhere_is_marked_where_it_is_said_to_be_correct(
    folders, tmp_path
):
    path = tmp_path / "copied" / interns.NAME
    path.parent.mkdir()
    made = json.loads((folders / "half-done" / interns.NAME).read_text(encoding="utf-8"))
    whole = json.loads((folders / "complete" / interns.NAME).read_text(encoding="utf-8"))
    (result,) = interns.cell_with(made, 'exercise("00.lengths")')["outputs"]
    (right,) = interns.cell_with(whole, 'exercise("00.lengths")')["outputs"]
    right["metadata"]["course"]["answer"] = result["metadata"]["course"]["answer"]
    result |= right
    path.write_text(json.dumps(made), encoding="utf-8")
    arguments = [str(path), str(folders / "half-done")]
    copied, half = review(find(arguments), curriculum.load(), ReviewOptions(jobs=1))
    assert kinds(copied.notebooks[0]) == {"clean run", "two outcomes"}
    assert cells_of(copied.notebooks[0], "two outcomes") == []
    assert kinds(half.notebooks[0]) == {"clean run", "not yet"}


def test_edited_and_not_run_is_no_clean_run(tmp_path):
    made = interns.untouched()
    interns.cell_with(made, "def name_lengths")["source"] = interns.WRONG_LENGTHS
    path = tmp_path / "lazy" / interns.NAME
    path.parent.mkdir()
    path.write_text(json.dumps(made), encoding="utf-8")
    (found,) = review(find([str(path)]), curriculum.load(), ReviewOptions(jobs=1))
    (one,) = found.notebooks
    assert kinds(one) == {"as given out", "not run since", "not proven"}
    assert (one.trusted, one.numbers, one.best) == (False, (), None)


def test_a_second_copy_counts_for_nothing(folders, tmp_path):
    for name in (interns.NAME, interns.NAME.replace(".ipynb", "-Copy1.ipynb")):
        who = "complete" if name == interns.NAME else "half-done"
        path = tmp_path / "two" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes((folders / who / interns.NAME).read_bytes())
    (found,) = review(find([str(tmp_path / "two")]), curriculum.load(), ReviewOptions(jobs=1))
    assert (found.solved, found.asked) == (5, 5)
    assert [kinds(one) for one in found.notebooks] == [
        {"clean run"},
        {"clean run", "second copy"},
    ]


def test_the_moved_cells_are_the_two_that_were_dragged(reviews):
    changes = reviews["reordered"].changes
    moved = [change for change in changes.changes if change.how == "moved"]
    assert ["def name_lengths" in change.cell.source for change in moved] == [True, False]
    assert moved[0].edited
    assert not moved[1].edited
    assert changes.count("added") == changes.count("deleted") == 0


def test_deleted_cells_are_shown_as_they_were(reviews):
    changes = reviews["deleted"].changes
    gone = [change for change in changes.changes if change.how == "deleted"]
    assert gone[0].base == 1
    assert gone[0].lines[0] == ("-", "# 00 · PyTorch warm-up")
    assert changes.count("edited") == 5


def test_an_older_one_is_compared_with_what_it_was_made_from(reviews):
    assert {change.how for change in reviews["older"].changes.changes} == {"edited"}
    assert len(reviews["older"].changes.changes) == 5
    says = next(mark.text for mark in reviews["older"].marks if mark.kind == "other version")
    assert says.startswith("stored by intro_lm 0.0.9; here is ")


def test_where_the_kernel_died_the_cell_and_those_after_it_are_named(reviews):
    one = reviews["died"]
    (unfinished,) = cells_of(one, "unfinished")
    assert cells_of(one, "not run")[0] == unfinished
    assert one.ran == one.cells - len(cells_of(one, "not run")) == 32
    assert one.exercises[-1].outcome == "not checked"


def test_of_the_huge_output_little_is_kept(reviews):
    text = next(mark.text for mark in reviews["huge"].marks if mark.kind == "large output")
    assert "50.0 MB" in text


def test_numbers_are_held_against_their_bands(reviews):
    numbers = {number.name: number for number in reviews["complete"].numbers}
    assert numbers["00.counting_loss"].value == 2.5577
    assert {number.verdict for number in numbers.values()} == {"inside"}
    assert len(numbers) == 4
    assert reviews["died"].missing_numbers == tuple(numbers)


def test_the_command_writes_the_report_and_says_what_it_could_not_read(folders, tmp_path, capsys):
    files = ("--html", str(tmp_path / "r.html"), "--json", str(tmp_path / "r.json"))
    status = main(["review", *map(str, sorted(folders.iterdir())), *files])
    said = capsys.readouterr()
    assert status == 1
    assert said.err.startswith(f"malformed, {interns.NAME}: it is cut off; it holds no JSON: ")
    assert len(said.err.splitlines()) == 1
    assert "complete (" in said.out
    assert (tmp_path / "r.html").stat().st_size < 500_000
    told = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    by_intern = {each["intern"]: each["notebooks"][0] for each in told["submissions"]}
    assert set(by_intern) == set(EXPECTED)
    assert sum(each["solved"] for each in by_intern["complete"]["exercises"]) == 5


def test_a_second_run_tells_the_edited_outputs_from_the_real_ones(folders):
    chosen = [str(folders / name) for name in ("complete", "by hand", "died")]
    settings = ReviewOptions(rerun=True, timeout=60, jobs=2)
    found = review(find(chosen), curriculum.load(), settings)
    whole, forged, died = (one.notebooks[0] for one in found)
    assert kinds(whole) == {"clean run", "reproduced"}
    assert whole.solved == 5
    assert kinds(forged) == {"clean run", "not reproduced"}
    assert forged.solved == 2
    lengths = forged.exercises[0]
    assert (lengths.outcome, lengths.again) == ("correct", "not yet")
    assert cells_of(forged, "not reproduced") == [lengths.cell]
    assert kinds(died) == {"unfinished", "not run", "reproduced"}
    assert died.solved == 5
