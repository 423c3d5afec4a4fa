"""Executing, recording and checking notebooks, each in a real kernel."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from course.__main__ import main
from tests.course.notebooks.makers import cell, notebook, save

ROOT = Path(__file__).parents[3]
PROGRESS = "import sys\nfor done in (50, 100):\n    sys.stderr.write(f'\\r{done}%')"
FRESH = notebook(
    cell("x = 1"),
    cell("print('one')\nprint('two')"),
    cell(PROGRESS, tags=("nbval-ignore-output",)),
    cell(""),
    cell("assert x == 1"),
    cell("from packaging.version import Version\nVersion('no')", tags=("raises-exception",)),
)
FAILS = notebook(cell("x = 1"), cell("raise ValueError('the reason')"))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = save(FRESH, tmp_path_factory.mktemp("recorded") / "fresh.ipynb")
    assert main(["record", str(path)]) == 0
    return path


def test_recording_stores_one_clean_execution(recorded):
    stored = nbformat.read(recorded, as_version=4)
    code = [c for c in stored.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == [1, 2, 3, None, 4, 5]
    assert code[1].outputs == [
        {"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"},
    ]
    assert code[2].outputs[0].text == "100%"
    traceback = "\n".join(code[5].outputs[0].traceback)
    assert "packaging/version.py" in traceback
    assert "site-packages" not in traceback
    assert [c.id for c in stored.cells] == [c.id for c in FRESH.cells]
    assert all(set(c.metadata) <= {"tags"} for c in stored.cells)
    assert [file.name for file in recorded.parent.iterdir()] == ["fresh.ipynb"]


def test_recording_twice_gives_the_same_bytes_and_shows_each_cell(recorded, capsys):
    before = recorded.read_bytes()
    assert main(["record", str(recorded)]) == 0
    assert recorded.read_bytes() == before
    lines = capsys.readouterr().out.splitlines()
    assert any("2/5  print('one')" in line and line.endswith(" s") for line in lines)
    assert lines[-1] == "1 notebooks checked, nothing to mend"


def test_a_failing_notebook_is_left_as_it_was(tmp_path, capsys):
    path = save(FAILS, tmp_path / "fails.ipynb")
    before = path.read_bytes()
    assert main(["record", str(path)]) == 1
    said = capsys.readouterr().out
    assert "ValueError: the reason" in said
    assert "\x1b[" not in said
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_run_writes_copies_and_an_index_and_stops_at_the_first_failure(tmp_path):
    first = save(notebook(cell("x = 1")), tmp_path / "1.ipynb")
    paths = [first, save(FAILS, tmp_path / "2.ipynb"), save(FRESH, tmp_path / "3.ipynb")]
    before = first.read_bytes()
    build = tmp_path / "build"
    assert main(["run", *map(str, paths), "--build", str(build)]) == 1
    assert first.read_bytes() == before
    written = {file.name for file in build.iterdir()}
    assert written == {"1.ipynb", "1.html", "2.ipynb", "2.html", "index.html"}
    assert nbformat.read(build / "1.ipynb", as_version=4).cells[1].execution_count == 1
    index = (build / "index.html").read_text()
    assert '<a href="1.html">1</a> passed' in index
    assert '<a href="2.html">2</a> failed' in index


def test_a_notebook_whose_downloads_are_absent_is_not_recorded(tmp_path, monkeypatch, capsys):
    """An empty cache, and a proxy where nothing listens."""
    monkeypatch.setenv("INTRO_LM_CACHE", str(tmp_path / "cache"))
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "")
    source = 'from intro_lm import data\nhere = data.available("makemore-names")'
    path = save(notebook(cell(source, tags=("downloads",))), tmp_path / "one.ipynb")
    before = path.read_bytes()
    assert main(["record", str(path)]) == 1
    assert "makemore-names can't be fetched" in capsys.readouterr().out
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [("import os\nos._exit(1)", "kernel died"), ("import time\ntime.sleep(99)", "timed out")],
)
def test_a_dead_kernel_and_a_hanging_cell_end_the_recording(tmp_path, capsys, source, said):
    path = save(notebook(cell(source)), tmp_path / "bad.ipynb")
    before = path.read_bytes()
    assert main(["record", str(path), "--timeout", "3"]) == 1
    assert said in capsys.readouterr().out.lower()
    assert path.read_bytes() == before


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_recording_that_is_stopped_leaves_the_notebook_as_it_was(tmp_path, number, status):
    path = save(notebook(cell("import time\ntime.sleep(60)")), tmp_path / "slow.ipynb")
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "course", "record", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    said = process.stdout.readline()  # the notebook's name
    while not said.endswith("import time"):  # the cell has begun
        said += process.stdout.read(1)
    os.kill(process.pid, number)
    said, complaint = process.communicate(timeout=30)
    assert process.returncode == status
    assert complaint == ""
    assert ("stopped by hand" in said) == (number == signal.SIGINT)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_ids_and_encodings_of_other_editors_are_mended_before_the_run(tmp_path, encoding):
    given = json.loads(nbformat.writes(notebook(cell("x = 1"), cell("y = 'ä'"))))
    for each in given["cells"]:
        del each["id"]
    given["cells"][0]["metadata"]["id"] = "kept"
    path = tmp_path / "other.ipynb"
    path.write_text(json.dumps(given | {"nbformat_minor": 4}), encoding=encoding)
    assert main(["record", str(path)]) == 0
    ids = [each["id"] for each in json.loads(path.read_text("utf-8"))["cells"]]
    assert ids[0] == "kept"
    assert len(set(ids)) == 4


@pytest.mark.parametrize("content", [None, "not json"])
def test_what_is_not_a_notebook_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "odd.ipynb"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit, match=r"^.*odd.ipynb[^\n]*$"):
        main(["check", str(path)])


def test_check_names_file_cell_and_remedy(tmp_path, capsys):
    path = save(notebook(cell("%time x = 1")), tmp_path / "magic.ipynb")
    assert main(["check", str(path)]) == 1
    assert "magic.ipynb: code cell 1 ('%time x = 1'): magics" in capsys.readouterr().out
