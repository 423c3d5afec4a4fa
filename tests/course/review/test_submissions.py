"""Finding notebooks: files, folders and git refs."""

import subprocess

import pytest

from course.review import git
from course.review.stored import UnreadableError
from course.review.submissions import find
from tests.course.review.makers import code, stored, write

ANY = stored(code("x = 1"))


def run(folder, *arguments, **more):
    identity = ("-c", "user.name=a", "-c", "user.email=a@b")
    command = ["git", "-C", folder, *identity, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True, **more)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """The working folder: a repository with an intern's branch, and a change not committed."""
    folder = tmp_path / "repository"
    write(folder / "notebooks" / "00_a.ipynb", ANY)
    run(folder, "init", "-qb", "main")
    run(folder, "add", ".")
    run(folder, "commit", "-qm", "curriculum")
    run(folder, "switch", "-qc", "exercises/anna")
    write(folder / "notebooks" / "00_a.ipynb", stored(code("anna = 1")))
    write(folder / "notebooks" / "deeper" / "01_b.ipynb", ANY)
    run(folder, "add", ".")
    run(folder, "commit", "-qm", "mine")
    run(folder, "switch", "-q", "main")
    write(folder / "notebooks" / "00_a.ipynb", stored(code("not committed = 1")))
    monkeypatch.chdir(folder)
    return folder


def names(submission):
    return [source.name for source in submission.notebooks]


def test_a_folder_its_notebooks_and_its_name(tmp_path):
    for name in ("01_b.ipynb", "00_a.ipynb", "notes.txt", ".ipynb_checkpoints/00_a.ipynb"):
        write(tmp_path / "anna" / name, ANY)
    (found,) = find([str(tmp_path / "anna")])
    assert (found.intern, names(found), found.problem) == ("anna", ["00_a.ipynb", "01_b.ipynb"], "")
    assert found.notebooks[0].read() == ANY


def test_a_clone_is_named_after_itself_and_not_after_its_notebooks_folder(tmp_path):
    write(tmp_path / "bela" / "notebooks" / "00_a.ipynb", ANY)
    for argument in (tmp_path / "bela", tmp_path / "bela" / "notebooks"):
        (found,) = find([str(argument)])
        assert (found.intern, names(found)) == ("bela", ["00_a.ipynb"])


def test_notebooks_of_one_folder_are_one_submission(tmp_path):
    paths = [write(tmp_path / who / f"0{n}.ipynb", ANY) for who in "ab" for n in (0, 1)]
    found = find(map(str, paths))
    assert [(one.intern, names(one)) for one in found] == [
        ("a", ["00.ipynb", "01.ipynb"]),
        ("b", ["00.ipynb", "01.ipynb"]),
    ]


def test_two_of_the_same_name_are_told_apart(tmp_path):
    paths = [str(write(tmp_path / week / "anna" / "00.ipynb", ANY).parent) for week in "12"]
    assert [one.intern for one in find(paths)] == ["anna", "anna (2)"]


def test_a_folder_without_notebooks_says_where_there_are_some(tmp_path):
    (tmp_path / "empty").mkdir()
    for who in ("anna", "bela"):
        write(tmp_path / "top" / who / "00.ipynb", ANY)
    empty, top = find([str(tmp_path / "empty"), str(tmp_path / "top")])
    assert empty.problem == "the folder holds no notebooks (.ipynb)"
    assert top.problem.endswith("its folders anna, bela hold some: name those")


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    link = tmp_path / "a" / "01.ipynb"
    target = write(tmp_path / "secret.txt", b"secret")
    link.parent.mkdir()
    link.symlink_to(target)
    (tmp_path / "a" / "02.ipynb").mkdir()
    (found,) = find([str(tmp_path / "a")])
    with pytest.raises(UnreadableError, match="symbolic link"):
        found.notebooks[0].read()
    with pytest.raises(UnreadableError, match="it is not a file"):
        found.notebooks[1].read()
    (missing,) = find([str(tmp_path / "a" / "03.ipynb")])
    with pytest.raises(UnreadableError, match="there is no such file"):
        missing.notebooks[0].read()


def test_a_branch_is_read_as_committed_and_the_working_tree_stays(repository):
    before = run(repository, "status", "--porcelain"), run(repository, "branch")
    (found,) = find(["git:exercises/anna"])
    assert (found.intern, names(found)) == ("exercises/anna", ["00_a.ipynb"])
    assert b"anna = 1" in found.notebooks[0].read()
    assert found.where.startswith("git:exercises/anna, commit ")
    assert (run(repository, "status", "--porcelain"), run(repository, "branch")) == before


@pytest.mark.parametrize("ref", ["nobody", "--upload-pack=x", "-h", "", "main:notebooks", "a b"])
def test_a_ref_that_does_not_exist_is_named(repository, ref):
    (found,) = find([f"git:{ref}"])
    assert found.problem.startswith(f"there is no branch or commit {ref!r} here")


def test_outside_a_repository_git_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (found,) = find(["git:main"])
    assert "not a git repository" in found.problem


def test_a_tree_that_leads_outside_holds_nothing(repository):
    content = run(repository, "hash-object", "-w", "--stdin", input=ANY.decode())
    inner = run(repository, "mktree", input=f"100644 blob {content}\t00_evil.ipynb\n")
    outer = run(repository, "mktree", input=f"040000 tree {inner}\t..\n")
    commit = run(repository, "commit-tree", outer, "-m", "evil")
    (found,) = find([f"git:{commit}"])
    assert found.problem == "the commit has no notebooks in notebooks/"


def test_a_link_in_a_commit_is_not_followed(repository):
    link = run(repository, "hash-object", "-w", "--stdin", input="/etc/hostname")
    inner = run(repository, "mktree", input=f"120000 blob {link}\t00_link.ipynb\n")
    outer = run(repository, "mktree", input=f"040000 tree {inner}\tnotebooks\n")
    commit = run(repository, "commit-tree", outer, "-m", "link")
    assert git.notebooks(repository, commit) == {}


def test_a_name_hides_nothing(tmp_path):
    write(tmp_path / "a\u202eb\x1b[31m" / "0\n0.ipynb", ANY)
    (found,) = find([str(tmp_path / "a\u202eb\x1b[31m")])
    assert found.intern == "a\\u{202e}b"
