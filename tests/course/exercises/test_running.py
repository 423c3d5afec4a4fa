"""Answers that print, hang, end, lie or break things hurt neither the check nor the kernel."""

import ctypes
import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import torch
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course.exercises import running
from course.exercises.comparing import call, compare
from course.exercises.running import run_checks
from course.notebooks.execute import clean

linux = pytest.mark.skipif(sys.platform != "linux", reason="only there a check has a process")


def twice(x: torch.Tensor) -> torch.Tensor:
    return x * 2


def doubles(answer):
    """the double of three numbers"""
    compare(answer, twice, (torch.tensor([1.0, 2, 3]),))


def doubles_again(answer):
    """the double of one number"""
    compare(answer, twice, (torch.tensor([4.0]),))


CHECKS = (doubles, doubles_again)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(running, "SECONDS", 0.7)


def test_a_right_answer_passes_every_check():
    assert run_checks(twice, CHECKS) == running.Report(["doubles", "doubles_again"])


def test_checks_stop_at_the_first_that_fails():
    report = run_checks(lambda x: x * 2 if len(x) == 3 else x, (*CHECKS, doubles_again))
    assert (report.passed, report.failed) == (["doubles"], "doubles_again")


@linux
def test_what_an_answer_prints_stays_out_of_the_notebook(capfd):
    def prints(x):
        print("noise")
        print("noise", file=sys.stderr)
        os.write(1, b"noise")
        os.write(2, b"noise")
        return x * 2

    assert run_checks(prints, CHECKS).failed is None
    assert capfd.readouterr() == ("", "")


def test_nothing_printed_before_is_printed_twice(tmp_path):
    code = (
        "import sys; from tests.course.exercises.test_running import *\n"
        "print('before'); run_checks(twice, CHECKS)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "before\n"


@linux
@pytest.mark.usefixtures("quick")
def test_an_answer_that_never_ends_is_killed():
    def hangs(x):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass

    begin = time.monotonic()
    report = run_checks(hangs, CHECKS)
    assert "is there a loop that never ends?" in report.message
    assert report.failed == "doubles"
    assert time.monotonic() - begin < 2
    assert psutil.Process().children() == []


@linux
@pytest.mark.usefixtures("quick")
def test_an_answer_that_closes_everything_and_goes_on_is_killed():
    def closes(x):
        os.closerange(3, 256)
        time.sleep(60)

    assert "never ends" in run_checks(closes, CHECKS).message


def test_an_answer_that_exits_is_told_so():
    assert "raised SystemExit: 3" in run_checks(lambda x: sys.exit(3), CHECKS).message


@linux
@pytest.mark.parametrize(
    ("ends", "how"),
    [
        (lambda x: os._exit(3), "exit 3"),
        (lambda x: os._exit(0), "exit 0"),
        (lambda x: ctypes.string_at(0), "signal SIGSEGV"),
    ],
    ids=["exit-3", "exit-0", "crash"],
)
def test_an_answer_that_ends_the_process_ends_only_its_own(ends, how):
    report = run_checks(ends, CHECKS)
    assert report.failed == "doubles"
    assert f"ended the process it ran in ({how})" in report.message


@linux
def test_an_answer_cannot_kill_the_kernel():
    report = run_checks(lambda x: os.kill(os.getppid(), signal.SIGTERM), CHECKS)
    assert "can't start, replace or end processes" in report.message


@linux
@pytest.mark.parametrize(
    "start",
    [lambda x: os.fork(), lambda x: os.system("true"), lambda x: subprocess.run(["true"])],
    ids=["fork", "system", "subprocess"],
)
def test_an_answer_starts_no_process(start):
    assert "PermissionError" in run_checks(start, CHECKS).message


def reaches_out(x):
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        return x * 2


def test_an_answer_has_no_network():
    assert "checked without the network" in run_checks(reaches_out, CHECKS).message
    with pytest.raises(OSError, match=r"refused|timed"):  # here it has
        reaches_out(None)


def test_a_redefined_builtin_changes_neither_check_nor_kernel():
    def redefines(x):
        import builtins

        builtins.len = builtins.isinstance = builtins.map = builtins.zip = lambda *_: True
        return x

    report = run_checks(redefines, CHECKS)
    assert "wrong values" in report.message
    assert len("four") == 4


def test_a_right_answer_that_redefines_a_builtin_passes_the_next_check():
    def redefines(x):
        import builtins

        builtins.sum = builtins.tuple = None
        return x * 2

    assert run_checks(redefines, CHECKS).failed is None


def test_endless_recursion_is_an_error_like_any_other():
    def calls_itself(x):
        return calls_itself(x)

    assert "raised RecursionError" in run_checks(calls_itself, CHECKS).message


@linux
def test_an_answer_cannot_take_all_memory(monkeypatch):
    monkeypatch.setattr(running, "MEMORY", 2**28)
    before = psutil.virtual_memory().available
    assert "MemoryError" in run_checks(lambda x: bytearray(2**29), CHECKS).message
    assert "allocate" in run_checks(lambda x: torch.zeros(2**28), CHECKS).message
    assert psutil.virtual_memory().available > before - 2**29


class Liar:
    shape = torch.Size([3])
    dtype = torch.float32
    __class__ = torch.Tensor

    def __eq__(self, other):
        return True

    __hash__ = None

    def __getattr__(self, name):
        return lambda *_, **__: True


class LyingTensor(torch.Tensor):
    shape = torch.Size([3])

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), keywords=None):
        return True


class LyingList(list):
    def __eq__(self, other):
        return True

    def __len__(self):
        raise SystemExit

    __hash__ = None


@pytest.mark.parametrize(
    ("lie", "words"),
    [
        (lambda x: Liar(), "a Liar"),
        (lambda x: torch.zeros(7).as_subclass(LyingTensor), "a LyingTensor"),
        (lambda x: LyingList([1]), "a list"),
    ],
    ids=["object", "tensor", "list"],
)
def test_an_object_that_lies_about_its_shape_is_not_believed(lie, words):
    report = run_checks(lie, CHECKS)
    assert report.failed == "doubles"
    assert words in report.message


def test_an_error_that_cannot_be_shown_is_still_reported():
    class Mute(Exception):
        def __str__(self):
            raise SystemExit

    def raises(x):
        raise Mute

    assert "raised Mute" in run_checks(raises, CHECKS).message


def test_a_check_that_stumbles_over_the_result_says_not_yet():
    def careless(answer):
        """something"""
        len(call(answer, 1))

    assert "could not use what it returned" in run_checks(lambda x: 5, (careless,)).message


def test_the_kernels_random_numbers_are_left_alone():
    torch.manual_seed(5)
    random.seed(5)
    expected = torch.rand(1), random.random()
    torch.manual_seed(5)
    random.seed(5)
    run_checks(lambda x: x * torch.rand(1) * random.random(), CHECKS)
    assert (torch.rand(1), random.random()) == expected


@linux
def test_torch_works_in_the_child_after_the_kernel_trained_with_threads():
    code = """
import torch
from course.exercises.running import run_checks
torch.set_num_threads(2)
model = torch.nn.LSTM(64, 64)
for _ in range(3):
    (model(torch.randn(20, 64, 64))[0] @ torch.randn(64, 512)).sum().backward()
def learns(answer):
    "that it learns"
    assert answer() > 0
def train():
    (model(torch.randn(20, 64, 64))[0] @ torch.randn(64, 512)).sum().backward()
    return torch.get_num_threads()
report = run_checks(train, (learns,))
print(report.failed, report.message, torch.get_num_threads())
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", "-c", code],
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert done.stdout.split() == ["None", "2"]


@linux
def test_no_file_and_no_process_is_left_behind():
    process = psutil.Process()
    run_checks(twice, CHECKS)
    before = process.num_fds()
    for answer in (twice, lambda x: os._exit(1), lambda x: None):
        run_checks(answer, CHECKS)
    assert process.num_fds() == before
    assert process.children() == []


@linux
def test_interrupting_the_kernel_ends_the_check():
    threading.Timer(0.3, os.kill, [os.getpid(), signal.SIGINT]).start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run_checks(lambda x: time.sleep(60), CHECKS)
    assert time.monotonic() - begin < 3
    assert psutil.Process().children() == []


@pytest.fixture
def without_fork(monkeypatch):
    monkeypatch.setattr(running.sys, "platform", "win32")


@pytest.mark.usefixtures("without_fork", "quick")
def test_without_fork_a_thread_does_the_same(capsys):
    def prints(x):
        print("noise")
        return x * 2

    def hangs(x):
        while True:
            pass

    assert run_checks(prints, CHECKS).failed is None
    assert capsys.readouterr() == ("", "")
    assert "raised SystemExit" in run_checks(lambda x: sys.exit(), CHECKS).message
    assert "without the network" in run_checks(reaches_out, CHECKS).message
    threads = threading.active_count()
    assert "never ends" in run_checks(hangs, CHECKS).message
    time.sleep(0.2)
    assert threading.active_count() == threads
    with pytest.raises(OSError, match=r"refused|timed"):
        reaches_out(None)


@linux
def test_what_autograd_cannot_do_after_a_fork_is_done_in_a_thread():
    parent = os.getpid()

    def unforkable(x):
        if os.getpid() != parent:
            raise RuntimeError(
                "Unable to handle autograd's threading in combination with "
                "fork-based multiprocessing."
            )
        return x * 2

    assert run_checks(unforkable, CHECKS).failed is None


HOSTILE = """
def build_windows(tokens, context_length):
    import builtins, os, sys
    print("noise")
    os.write(1, b"noise")
    builtins.print = builtins.len = None
    tokens.clear()
    os._exit(7)
"""


@linux
def test_a_real_kernel_survives_and_stores_the_outcome():
    cells = [
        "import builtins, torch\nfrom course.exercises import exercise",
        HOSTILE.strip(),
        "ex = exercise('01.windows')\nex.check(build_windows)",
        "builtins.sorted = None\nex.check(ex.solved_by)\nprint(sorted)",
        "ex.check(lambda tokens, length: __import__('sys').exit(1))",
        "ex.hint()",
        "ex.solution()",
        "print('alive', torch.ones(2).sum().item())",
    ]
    notebook = new_notebook(cells=[new_code_cell(source) for source in cells])
    root = Path(__file__).parents[3]
    NotebookClient(
        notebook,
        timeout=60,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(root)}},
    ).execute()
    clean(notebook)
    stored = nbformat.reads(nbformat.writes(notebook), as_version=4).cells
    records = [o.metadata["course"] for c in stored for o in c.outputs if o.get("metadata")]
    assert [r["outcome"] for r in records] == ["not yet", "correct", "not yet"]
    assert records[0]["failed"] == ["windows_of_anna"]
    assert records[0]["exercise"] == "01.windows"
    assert records[0]["answer"] == hashlib.sha256(stored[1].source.strip().encode()).hexdigest()
    assert records[1]["answer"] is None
    assert [len(c.outputs) for c in stored] == [0, 0, 1, 2, 1, 1, 1, 1]
    assert "exit 7" in stored[2].outputs[0].data["text/plain"]
    assert "```text" not in stored[2].outputs[0].data["text/plain"]
    assert "Hint 1 of" in stored[5].outputs[0].data["text/markdown"]
    assert "unfold" in stored[6].outputs[0].data["text/markdown"]
    assert stored[7].outputs[0].text == "alive 2.0\n"
