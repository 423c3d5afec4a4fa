"""The tool that executes, records and checks notebooks, run as its users run it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

from tests.course.notebooks.makers import cell, notebook, save

ROOT = Path(__file__).parents[3]
PROGRESS = """
import sys
for done in (50, 100):
    sys.stderr.write(f"\\r{done}%")
    sys.stderr.flush()
"""
FRESH = notebook(
    cell("x = 1", count=None),
    cell("print('one')\nprint('two')", count=9),
    cell("import matplotlib.pyplot as plt\nplt.plot([x, 2])\nplt.show()", count=None),
    cell(PROGRESS.strip(), count=None, tags=("nbval-ignore-output",)),
    cell("assert x == 1", count=None),
)
FAILS = notebook(cell("x = 1"), cell("raise ValueError('the reason')", count=2))


def tool(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "course/notebooks/execute.py", *map(str, arguments)]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False,
        env={**os.environ, **environment},
    )  # fmt: skip


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    path = save(FRESH, tmp_path_factory.mktemp("recorded") / "fresh.ipynb")
    return path, tool("record", path)


def test_recording_stores_one_clean_run(recorded):
    path, done = recorded
    assert done.returncode == 0, done.stdout + done.stderr
    stored = nbformat.read(path, as_version=4)
    code = [c for c in stored.cells if c.cell_type == "code"]
    assert [c.execution_count for c in code] == [1, 2, 3, 4, 5]
    assert code[1].outputs == [
        {"output_type": "stream", "name": "stdout", "text": "one\ntwo\n"},
    ]
    assert "image/png" in code[2].outputs[0].data
    assert code[3].outputs[0].text == "100%"
    assert [c.id for c in stored.cells] == [c.id for c in FRESH.cells]
    assert all(set(c.metadata) <= {"tags"} for c in stored.cells)
    assert "nothing to mend" in done.stdout
    assert [file.name for file in path.parent.iterdir()] == ["fresh.ipynb"]


def test_each_cell_has_a_line_with_number_source_and_seconds(recorded):
    lines = recorded[1].stdout.splitlines()
    assert any("1/5  x = 1" in line and line.endswith(" s") for line in lines)
    assert any("2/5  print('one')" in line for line in lines)


def test_recording_twice_gives_the_same_bytes(recorded):
    path, _ = recorded
    before = path.read_bytes()
    assert tool("record", path).returncode == 0
    assert path.read_bytes() == before


def test_a_failing_notebook_is_left_as_it_was(tmp_path):
    path = save(FAILS, tmp_path / "fails.ipynb")
    before = path.read_bytes()
    done = tool("record", path)
    assert done.returncode == 1
    assert "ValueError: the reason" in done.stdout
    assert "\x1b[" not in done.stdout
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_run_writes_copies_and_an_index_and_leaves_the_notebook_alone(tmp_path):
    path = save(notebook(cell("x = 1", count=None)), tmp_path / "one.ipynb")
    before = path.read_bytes()
    build = tmp_path / "build"
    done = tool("run", path, "--build", build)
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == before
    assert {file.name for file in build.iterdir()} == {"one.ipynb", "one.html", "index.html"}
    assert 'href="one.html"' in (build / "index.html").read_text()
    assert nbformat.read(build / "one.ipynb", as_version=4).cells[1].execution_count == 1


def test_a_notebook_whose_downloads_are_absent_runs_but_is_not_recorded(tmp_path):
    """An empty cache, and a proxy where nothing listens."""
    absent = {"INTRO_LM_CACHE": str(tmp_path / "cache"), "NO_PROXY": "", "no_proxy": ""}
    absent |= {name: "http://127.0.0.1:9" for name in ("HTTPS_PROXY", "https_proxy")}
    source = 'from intro_lm import data\nhere = data.available("makemore-names")'
    path = save(notebook(cell(source, tags=("downloads",))), tmp_path / "one.ipynb")
    before = path.read_bytes()
    done = tool("record", path, **absent)
    assert done.returncode == 1
    assert "makemore-names can't be had" in done.stdout
    assert path.read_bytes() == before
    assert tool("run", path, "--build", tmp_path / "build", **absent).returncode == 0


def test_run_stops_at_the_first_failure_with_its_traceback(tmp_path):
    paths = [save(FAILS, tmp_path / "1.ipynb"), save(FRESH, tmp_path / "2.ipynb")]
    done = tool("run", *paths, "--build", tmp_path / "build")
    assert done.returncode == 1
    assert "ValueError: the reason" in done.stdout
    assert not (tmp_path / "build" / "2.ipynb").exists()
    assert "failed" in (tmp_path / "build" / "index.html").read_text()


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("import os\nos._exit(1)", "kernel died|Kernel died"),
        ("import time\ntime.sleep(99)", "timed"),
    ],
)
def test_a_dead_kernel_and_a_hanging_cell_end_the_recording(tmp_path, source, said):
    path = save(notebook(cell(source)), tmp_path / "bad.ipynb")
    before = path.read_bytes()
    done = tool("record", path, "--timeout", 3)
    assert done.returncode == 1
    assert any(part in done.stdout for part in said.split("|")), done.stdout + done.stderr
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_recording_that_is_stopped_leaves_the_notebook_as_it_was(tmp_path, number, status):
    path = save(notebook(cell("import time\ntime.sleep(60)")), tmp_path / "slow.ipynb")
    before = path.read_bytes()
    process = subprocess.Popen(
        [sys.executable, "-u", "course/notebooks/execute.py", "record", str(path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.stdout.readline()
    time.sleep(2)
    os.kill(process.pid, number)
    said, complaint = process.communicate(timeout=30)
    assert process.returncode == status
    assert complaint == ""
    assert ("stopped by hand" in said) == (number == signal.SIGINT)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_stored_traceback_holds_no_path_of_this_machine(tmp_path):
    source = "import torch\ntorch.nn.Linear(2, 3)(torch.ones(5))"
    path = save(notebook(cell(source, tags=("raises-exception",))), tmp_path / "raises.ipynb")
    done = tool("record", path)
    assert done.returncode == 0, done.stdout + done.stderr
    stored = "\n".join(nbformat.read(path, as_version=4).cells[1].outputs[0].traceback)
    assert "torch/nn/modules" in stored
    assert "site-packages" not in stored


@pytest.mark.parametrize("content", [None, "not json"])
def test_what_is_no_notebook_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "odd.ipynb"
    if content is not None:
        path.write_text(content)
    done = tool("check", path)
    assert done.returncode == 1
    assert "odd.ipynb" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_check_names_file_cell_and_remedy(tmp_path):
    path = save(notebook(cell("x = 1", count=3)), tmp_path / "stale.ipynb")
    done = tool("check", path)
    assert done.returncode == 1
    assert "stale.ipynb: code cell 1 ('x = 1'): its execution count should be 1" in done.stdout
