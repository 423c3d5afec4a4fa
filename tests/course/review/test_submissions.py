"""Finding notebooks: files, folders and git refs."""

import os
import subprocess
import sys

import pytest

from course.__main__ import main
from course.review import git
from course.review.stored import UnreadableError
from course.review.submissions import find
from tests.course.review.makers import code, stored, write

ANY = stored(code("x = 1"))


def run(*arguments, **more):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", *identity, *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, **more
    ).stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The working folder: a repository with an intern's branch, and a change not committed."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "notebooks" / "00_a.ipynb", ANY)
    run("init", "-qb", "main")
    run("add", ".")
    run("commit", "-qm", "curriculum")
    run("switch", "-qc", "exercises/anna")
    write(tmp_path / "notebooks" / "00_a.ipynb", stored(code("anna = 1")))
    write(tmp_path / "notebooks" / "deeper" / "01_b.ipynb", ANY)
    run("add", ".")
    run("commit", "-qm", "mine")
    run("switch", "-q", "main")
    write(tmp_path / "notebooks" / "00_a.ipynb", stored(code("not committed = 1")))
    return tmp_path


def found(*arguments):
    names = [[source.name for source in one.notebooks] for one in find(map(str, arguments))]
    return dict(zip((one.intern for one in find(map(str, arguments))), names, strict=True))


@pytest.mark.parametrize("inner", [".", "notebooks"])
def test_a_folder_or_clone_is_named_after_itself_and_holds_notebooks(tmp_path, inner):
    for name in ("01_b.ipynb", "00_a.ipynb", "notes.txt", ".ipynb_checkpoints/00_a.ipynb"):
        write(tmp_path / "anna" / inner / name, ANY)
    for argument in (tmp_path / "anna", tmp_path / "anna" / inner):
        assert found(argument) == {"anna": ["00_a.ipynb", "01_b.ipynb"]}


def test_notebooks_of_one_folder_are_one_submission_and_equal_names_are_told_apart(tmp_path):
    names = ("a/0.ipynb", "a/1.ipynb", "b/0.ipynb", "week 2/a/0.ipynb")
    paths = [write(tmp_path / name, ANY) for name in names]
    two = ["0.ipynb", "1.ipynb"]
    assert found(*paths) == {"a": two, "b": ["0.ipynb"], "a (2)": ["0.ipynb"]}


def test_a_folder_without_notebooks_says_where_there_are_some(tmp_path):
    (tmp_path / "empty").mkdir()
    for who in ("anna", "bela"):
        write(tmp_path / "top" / who / "00.ipynb", ANY)
    empty, top = find([str(tmp_path / "empty"), str(tmp_path / "top")])
    assert empty.problem == "the folder holds no notebooks (.ipynb)"
    assert top.problem.endswith("its folders anna, bela hold some: name those")


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    (tmp_path / "link.ipynb").symlink_to(write(tmp_path / "secret.txt", b"secret"))
    (tmp_path / "folder.ipynb").mkdir()
    arguments = (tmp_path, tmp_path / "missing.ipynb")
    reasons = []
    for source in [source for one in find(map(str, arguments)) for source in one.notebooks]:
        with pytest.raises(UnreadableError) as raised:
            source.read()
        reasons.append(str(raised.value)[:21])
    assert reasons == ["it is not a file", "it is a symbolic link", "there is no such file"]


def test_a_branch_is_read_as_committed_and_the_working_tree_stays(repository):
    before = run("status", "--porcelain"), run("branch")
    (one,) = find(["git:exercises/anna"])
    assert [source.name for source in one.notebooks] == ["00_a.ipynb"]
    assert b"anna = 1" in one.notebooks[0].read()
    assert one.where.startswith("git:exercises/anna, commit ")
    assert (run("status", "--porcelain"), run("branch")) == before


def test_a_ref_that_does_not_exist_is_named(repository):
    for ref in ("nobody", "--upload-pack=x", "-h", "", "main:notebooks", "a b"):
        (one,) = find([f"git:{ref}"])
        assert one.problem.startswith(f"there is no branch or commit {ref!r} here")


@pytest.mark.parametrize("entry", ["040000 tree {}\t..", "120000 blob {}\tnotebooks"])
def test_paths_and_links_that_lead_outside_are_not_followed(repository, entry):
    blob = run("hash-object", "-w", "--stdin", input="/etc/hostname")
    tree = run("mktree", input=f"100644 blob {blob}\t00_evil.ipynb\n")
    top = run("mktree", input=entry.format(tree if "tree" in entry else blob) + "\n")
    commit = run("commit-tree", top, "-m", "evil")
    assert git.files(repository, commit).keys() <= {"../00_evil.ipynb"}
    assert find([f"git:{commit}"])[0].notebooks == ()


def test_a_name_hides_nothing(tmp_path):
    write(tmp_path / "a\u202eb\x1b[31m" / "0\n0.ipynb", ANY)
    assert found(tmp_path / "a\u202eb\x1b[31m") == {"a\\u{202e}b": ["0\\n0.ipynb"]}


def test_what_cannot_be_read_is_a_submission_with_the_reason(tmp_path, monkeypatch, capsys):
    (tmp_path / "circle").symlink_to("circle")
    write(tmp_path / "anna" / "00_a.ipynb", ANY)
    monkeypatch.chdir(tmp_path)
    assert main(["review", "circle/notebooks", "x" * 5000, "anna", "--html", "r.html"]) == 1
    said = capsys.readouterr()
    assert "anna (anna)" in said.out
    _, too_long = said.err.splitlines()  # of the circle Python 3.13 says "no such file"
    assert "it can't be read" in too_long
    assert "anna" in (tmp_path / "r.html").read_text()


def test_a_name_that_the_terminal_cannot_show_is_shown_by_its_codes(tmp_path):
    write(tmp_path / "Åsa" / "00_a.ipynb", ANY)
    command = [sys.executable, "-m", "course", "review", str(tmp_path / "Åsa")]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(r"\xc5sa (")


def test_files_that_a_notebook_names_come_along(repository):
    for name in ("notes.txt", "data/x.csv", "other.txt", ".hidden"):
        write(repository / "notebooks" / name, name.encode())
    (repository / "notebooks" / "notes-link").symlink_to("/etc/hostname")
    run("add", ".")
    run("commit", "-qm", "files")
    text = "open('notes.txt'); open('data/x.csv'); 'notes-link'"
    for argument in ("notebooks", "git:main"):
        (one,) = find([argument])
        assert one.notebooks[0].beside(text) == {
            "notes.txt": b"notes.txt",
            "data/x.csv": b"data/x.csv",
        }
