"""Answers that hang, crash, take all memory or print hurt neither the check nor the kernel."""

import ctypes
import hashlib
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

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux runs checks in a fork")


def twice(x: torch.Tensor) -> torch.Tensor:
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


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.7)


def test_a_right_answer_passes_and_leaves_nothing_behind():
    process = psutil.Process()
    assert run_checks(twice, CHECKS) is None
    open_files = process.num_fds()
    assert run_checks(twice, CHECKS) is None
    assert process.num_fds() == open_files
    assert process.children() == []


def test_checks_stop_at_the_first_that_fails():
    report = run_checks(lambda x: x * 2 if len(x) == 3 else x, (*CHECKS, doubles))
    assert report.check == "doubles_again"
    assert report.case["expected"] == "[8.0] (shape (1,), float32)"


@pytest.mark.usefixtures("quick")
def test_an_endless_loop_is_killed_at_the_deadline():
    assert "is there a loop that never ends?" in run_checks(hangs, CHECKS).message
    assert psutil.Process().children() == []


@pytest.mark.parametrize(
    ("ends", "how"),
    [(lambda x: os._exit(3), "exit 3"), (lambda x: ctypes.string_at(0), "signal SIGSEGV")],
    ids=["exit", "crash"],
)
def test_a_crash_ends_only_the_answer(ends, how):
    report = run_checks(ends, CHECKS)
    assert report.check == "doubles"
    assert f"ended the process it ran in ({how})" in report.message


def test_a_huge_allocation_is_an_error_like_any_other(monkeypatch):
    monkeypatch.setattr(running, "MEMORY", 2**28)
    assert "MemoryError" in run_checks(lambda x: bytearray(2**29), CHECKS).message
    assert "allocate" in run_checks(lambda x: torch.zeros(2**28), CHECKS).message


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda x: sys.exit(3), "raised SystemExit: 3"),
        (lambda x: hash(x) and calls_itself(x), "raised RecursionError"),
    ],
    ids=["exit", "recursion"],
)
def test_an_exit_or_endless_recursion_is_an_error_like_any_other(answer, words):
    assert words in run_checks(answer, CHECKS).message


def calls_itself(x):
    return calls_itself(x)


def test_what_an_answer_prints_stays_out_of_the_notebook(capfd):
    def prints(x):
        print("noise")
        os.write(2, b"noise")
        return x * 2

    assert run_checks(prints, CHECKS) is None
    assert capfd.readouterr() == ("", "")


def test_the_kernels_random_numbers_are_left_alone():
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    run_checks(lambda x: x * torch.rand(1) * random.random(), CHECKS)
    assert (torch.rand(1), random.random()) == expected


def test_a_check_that_stumbles_over_the_result_says_not_yet():
    def careless(answer):
        """something"""
        len(call(answer, 1))

    assert "could not use what it returned" in run_checks(lambda x: 5, (careless,)).message


def test_interrupting_the_kernel_ends_the_check():
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    with pytest.raises(KeyboardInterrupt):
        run_checks(lambda x: time.sleep(60), CHECKS)
    assert psutil.Process().children() == []


@pytest.mark.usefixtures("quick")
def test_without_fork_a_thread_does_the_same(monkeypatch):
    monkeypatch.setattr(running.sys, "platform", "win32")
    assert run_checks(twice, CHECKS) is None
    assert "wrong values" in run_checks(lambda x: x * 3, CHECKS).message
    before = set(threading.enumerate())
    assert "never ends" in run_checks(hangs, CHECKS).message
    for thread in set(threading.enumerate()) - before:
        thread.join(5)
        assert not thread.is_alive()


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
        "import torch\nfrom course.exercises import exercise",
        "def build_windows(tokens, context_length):\n    import os\n    os._exit(7)",
        "ex = exercise('01.windows')\nex.check(build_windows)",
        "ex.check(ex.solved_by)",
        "def build_windows(tokens, context_length):\n    'Cut.'\n    ...\nex.check(build_windows)",
        "ex.solution()",
        "print('alive', torch.ones(2).sum().item())",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    root = Path(__file__).parents[3]
    resources = {"metadata": {"path": str(root)}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
    wrong, correct, stub, solution, alive = (cell.outputs[0] for cell in notebook.cells[2:])
    assert wrong.metadata["course"] == {
        "exercise": "01.windows",
        "outcome": "not yet",
        "failed": ["windows_of_anna"],
        "version": "0.1.0",
        "answer": hashlib.sha256(cells[1].encode()).hexdigest(),
    }
    assert "exit 7" in wrong.data["text/plain"]
    assert correct.metadata["course"]["outcome"] == "correct"
    assert stub.metadata["course"]["outcome"] == "not attempted"
    assert "unfold" in solution.data["text/markdown"]
    assert alive.text == "alive 2.0\n"
