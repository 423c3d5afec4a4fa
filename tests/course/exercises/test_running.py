"""Answers that hang, crash, take all memory or print hurt neither the check nor the kernel."""

import contextlib
import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course.exercises import running
from course.exercises.comparing import call, compare
from course.exercises.running import run_checks
from course.meaning import digest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs checks in a fork")


def twice(x):
    return x * 2


def doubles(answer):
    """the double of three numbers"""
    compare(answer, twice, (torch.tensor([1.0, 2, 3]),))


def doubles_again(answer):
    """the double of one number"""
    compare(answer, twice, (torch.tensor([4.0]),))


CHECKS = (doubles, doubles_again)


def hangs(x):
    while True:
        pass


def calls_itself(x):
    return calls_itself(x)


def writes_everywhere(x):
    for descriptor in range(256):
        with contextlib.suppress(OSError):
            os.write(descriptor, b"x" * 99)
    return x * 2


@pytest.fixture
def nothing_is_left_behind():
    process = psutil.Process()
    descriptors, children = process.num_fds(), process.children()  # other tests may leave some
    yield
    assert process.num_fds() <= descriptors
    assert set(process.children()) <= set(children)


@pytest.mark.usefixtures("nothing_is_left_behind")
def test_checks_run_up_to_the_first_that_fails():
    assert run_checks(twice, CHECKS) is None
    report = run_checks(lambda x: x * 2 if len(x) == 3 else x, (*CHECKS, doubles))
    assert report.check == "doubles_again"
    assert report.case["expected"] == "[8.0] (shape (1,), float32)"


@pytest.mark.usefixtures("nothing_is_left_behind")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (hangs, "after 1 s of computing. Is there an endless loop?"),
        (lambda x: os._exit(3), "ran your function has ended (exit 3)"),
        (lambda x: ctypes.string_at(0), "function has ended (signal SIGSEGV)"),
        (lambda x: sys.exit(3), "raised SystemExit: 3"),
        (calls_itself, "raised RecursionError"),
        (lambda x: bytearray(2**29), "MemoryError"),
        (lambda x: torch.zeros(2**28), "allocate"),
    ],
)
def test_what_ends_an_answer_does_not_reach_the_kernel(answer, words, monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 1)
    monkeypatch.setattr(running, "MEMORY", 2**28)
    report = run_checks(answer, CHECKS)
    assert report.check == "doubles"
    assert words in report.message


def test_processor_time_counts_and_an_answer_that_waits_is_given_up_later(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 1)
    assert run_checks(lambda x: time.sleep(0.7) or x * 2, CHECKS) is None
    monkeypatch.setattr(running, "PATIENCE", 1)
    report = run_checks(lambda x: time.sleep(60), CHECKS)
    assert "after 1 s, mostly waiting" in report.message


def test_no_open_file_of_the_kernel_can_be_written_to(tmp_path):
    with (tmp_path / "history").open("w"):
        run_checks(writes_everywhere, CHECKS)
    assert (tmp_path / "history").read_text() == ""


def test_what_an_answer_prints_is_shown_and_bounded(capfd):
    assert run_checks(lambda x: print("seen", len(x)) or x * 2, CHECKS) is None
    assert capfd.readouterr() == ("seen 3\nseen 1\n", "")
    assert run_checks(lambda x: print("n" * 10**6) or x * 2, CHECKS) is None
    assert 2000 < len(capfd.readouterr().out) < 2010


def test_a_check_that_stumbles_over_the_result_says_not_yet():
    def careless(answer):
        """something"""
        len(call(answer, 1))

    assert "could not use what it returned" in run_checks(lambda x: 5, (careless,)).message


@pytest.mark.usefixtures("nothing_is_left_behind")
def test_interrupting_the_kernel_ends_the_check():
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        run_checks(lambda x: time.sleep(60), CHECKS)


@pytest.mark.parametrize("platform", ["linux", "win32"])
def test_without_a_fork_too_the_kernels_random_numbers_are_left_alone(platform, monkeypatch):
    monkeypatch.setattr(running.sys, "platform", platform)
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    assert "wrong values" in run_checks(lambda x: x * torch.rand(1), CHECKS).message
    assert run_checks(twice, CHECKS) is None
    assert (torch.rand(1), random.random()) == expected


@pytest.mark.slow
def test_torch_works_in_the_child_after_the_kernel_trained_with_threads():
    code = """
import torch
from course.exercises.running import run_checks
torch.set_num_threads(2)
model = torch.nn.LSTM(64, 64)
def train():
    (model(torch.randn(20, 64, 64))[0] @ torch.randn(64, 512)).sum().backward()
def learns(answer):
    answer()
train()
print(run_checks(train, (learns,)), torch.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout == "None 2\n"


@pytest.mark.slow
def test_a_real_kernel_survives_and_stores_the_outcome():
    cells = [
        "import functools, torch\nfrom course.exercises import exercise",
        "def build_windows(tokens, context_length):\n    import os\n    os._exit(7)",
        "ex = exercise('01.windows')\nex.check(build_windows)",
        "ex.check(ex.solved_by)",
        "def quiet(f):\n    return lambda *given: f(*given)",
        "@quiet\ndef build_windows(*given):\n    return ex.solved_by(*given)",
        "%time ex.check(build_windows)",
        "class Windows:\n    def __call__(self, *given):\n        return ex.solved_by(*given)",
        "build_windows = Windows()",
        "ex.check(build_windows)",
        "build_windows = functools.partial(lambda k, tokens, n: ex.solved_by(tokens, n + k), 0)",
        "ex.check(build_windows)",
        "def build_windows(tokens, n):\n    return input()\nex.check(build_windows)",
        "def build_windows(tokens, context_length):\n    'Cut.'\n    ...\nex.check(build_windows)",
        "ex.solution()",
        "print('alive', torch.ones(2).sum().item())",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    resources = {"metadata": {"path": str(Path(__file__).parents[3])}}
    NotebookClient(notebook, timeout=90, kernel_name="python3", resources=resources).execute()
    shown = [cell.outputs[0] for cell in notebook.cells[:-1] if cell.outputs]
    stored = [(o.metadata["course"]["outcome"], o.metadata["course"]["answer"]) for o in shown[:-1]]
    assert stored == [
        ("not yet", digest(cells[1])),
        ("correct", None),
        ("correct", digest(cells[5])),
        ("correct", digest(cells[8])),
        ("correct", digest(cells[10])),
        ("not yet", digest(cells[12])),
        ("not attempted", digest(cells[13])),
    ]
    assert [shown[n].metadata["course"]["needs"] for n in (2, 3)] == [
        [digest(cells[4])],
        [digest(cells[7])],
    ]
    assert "nobody answers `input()`" in shown[5].data["text/plain"]
    assert shown[0].metadata["course"]["failed"] == ["windows_of_anna"]
    assert "exit 7" in shown[0].data["text/plain"]
    assert "unfold" in shown[-1].data["text/markdown"]
    assert notebook.cells[-1].outputs[0].text == "alive 2.0\n"
