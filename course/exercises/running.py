"""Running checks so that no answer can hurt the kernel.

`run_checks` forks: the checks run in a child that has no network, may start no process, has a
limit on its memory, and is killed after `SECONDS`. The learner's kernel only waits and reads lines
of JSON from a pipe.

On Windows there is no fork, on macOS the libraries below torch don't survive one, and where a GPU
is in use autograd doesn't. There the checks run in a thread of the kernel, with the same deadline
and without the network. Not protected against is then: an answer that ends the process
(`os._exit`), one that takes all memory, and one that changes something global besides `builtins`.
One that never ends is told to stop; if it catches that too, it runs on beside the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import io
import json
import os
import random
import select
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psutil
import torch

from course.exercises.comparing import Answer, NotYet, attempt, restore_builtins

SECONDS = 4.0  # what all checks of one answer may take together
MEMORY = 2 * 2**30  # bytes beyond what the kernel has already
Check = Callable[[Answer], None]
NETWORK = "an answer is checked without the network"
PROCESSES = "an answer can't start, replace or end processes while it is checked"
REFUSED = {
    **dict.fromkeys(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"), NETWORK),
    **dict.fromkeys(("socket.sendto", "socket.sendmsg"), NETWORK),
    **dict.fromkeys(("os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.exec"), PROCESSES),
    **dict.fromkeys(("os.system", "subprocess.Popen", "os.kill", "os.killpg"), PROCESSES),
}
# What torch says where it was used with a GPU before the fork.
UNFORKABLE = ("fork-based multiprocessing", "forked subprocess")


@dataclass(frozen=True)
class Report:
    """What the checks found: those passed, in order, and the first that failed, with the reason."""

    passed: list[str] = field(default_factory=list)
    failed: str | None = None
    message: str = ""
    case: dict[str, str] = field(default_factory=dict)


def run_checks(answer: Answer, checks: Sequence[Check]) -> Report:
    """Run the checks on an answer up to the first that fails, for at most `SECONDS`."""
    if sys.platform != "linux":
        return _in_thread(answer, checks)
    report = _in_child(answer, checks)
    if any(words in report.message for words in UNFORKABLE):
        return _in_thread(answer, checks)
    return report


def _lines(
    answer: Answer, checks: Sequence[Check], write: Callable[[dict[str, Any]], None]
) -> None:
    """Run the checks and write what each found."""
    for check in checks:
        restore_builtins()
        random.seed(0)
        torch.manual_seed(0)
        found: dict[str, Any] = {"check": check.__name__}
        try:
            check(answer)
        except NotYet as reason:
            found |= {"message": reason.message, "case": reason.case}
        except BaseException as error:  # the answer's result may raise wherever it is touched
            restore_builtins()
            found["message"] = (
                f"The check could not use what it returned ({_said(error)}); return plain tensors, "
                "numbers, texts, lists or dicts, as the docstring says"
            )
        restore_builtins()
        write(found)
        if "message" in found:
            return


def _said(error: BaseException) -> str:
    def text() -> str:
        return f"{type(error).__name__}: {' '.join(str(error).split())}"

    return attempt(text).value or type(error).__name__


TOO_LONG = f"It had not finished after {SECONDS:.0f} s; is there a loop that never ends?"


def _report(lines: list[dict[str, Any]], checks: Sequence[Check], ended: str) -> Report:
    passed = [line["check"] for line in lines if "message" not in line]
    for line in lines:
        if "message" in line:
            return Report(passed, line["check"], line["message"], line.get("case", {}))
    left = [check.__name__ for check in checks if check.__name__ not in passed]
    return Report(passed, left[0], ended) if left else Report(passed)


def _in_child(answer: Answer, checks: Sequence[Check]) -> Report:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the child uses no thread but its own
        pid = os.fork()
    if pid == 0:
        leave = os._exit
        try:
            os.close(reader)
            _isolate()
            _lines(answer, checks, lambda found: _write_all(writer, found))
            leave(0)
        finally:
            leave(70)
    os.close(writer)
    try:
        text, status = _listen(reader, pid, time.monotonic() + SECONDS)
    finally:  # also when the learner interrupts the kernel
        os.close(reader)
        _kill(pid)
    lines = [
        json.loads(line) for line in text.decode().splitlines(keepends=True) if line[-1] == "\n"
    ]
    return _report(lines, checks, TOO_LONG if status is None else _ended(status))


def _write_all(writer: int, found: dict[str, Any]) -> None:
    text = json.dumps(found).encode() + b"\n"
    while text:
        text = text[os.write(writer, text) :]


def _ended(status: int) -> str:
    how = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit {status}"
    return f"Your function ended the process it ran in ({how})"


def _listen(reader: int, pid: int, deadline: float) -> tuple[bytes, int | None]:
    """What the child writes until it ends, and how it ended; None if not before the deadline."""
    text = b""
    poll = select.poll()
    poll.register(reader)
    is_open = True
    while (left := deadline - time.monotonic()) > 0:
        if not is_open:  # it ends now, or it has closed the pipe and goes on
            if (status := _status(pid)) is not None:
                return text, status
            time.sleep(0.002)
        elif poll.poll(left * 1000):
            chunk = os.read(reader, 65536)
            text += chunk
            is_open = bool(chunk)
    return text, None


def _status(pid: int) -> int | None:
    """The child's exit status, negative for a signal, without reaping it; None while it runs."""
    try:
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # somebody reaps all children of this process
        return 0
    if ended is None:
        return None
    return ended.si_status if ended.si_code == os.CLD_EXITED else -ended.si_status


def _kill(pid: int) -> None:
    """End the child and whatever it started, and reap it."""
    for kill in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, 0)


def _isolate() -> None:
    """Make a forked child one that can do no harm. It never returns to the kernel's code."""
    import resource

    os.setsid()
    gc.freeze()  # nothing that belongs to the kernel is finalised here
    faulthandler.disable()
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)  # the threads of the kernel's OpenMP don't exist here
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    sys.stdin = io.StringIO()
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open to the end
    limit = psutil.Process().memory_info().data + MEMORY
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.addaudithook(_refuse)


def _refuse(event: str, _: Any) -> None:
    if event in REFUSED:
        raise PermissionError(REFUSED[event])


guarded: set[int] = set()  # threads in which the answer may not reach the network


def _refuse_in_thread(event: str, _: Any) -> None:
    if event in REFUSED and threading.get_ident() in guarded:
        raise PermissionError(REFUSED[event])


def _in_thread(answer: Answer, checks: Sequence[Check]) -> Report:
    lines: list[dict[str, Any]] = []

    def work() -> None:
        guarded.add(threading.get_ident())
        with torch.random.fork_rng(devices=[]):
            _lines(answer, checks, lines.append)

    if not getattr(_in_thread, "hooked", False):
        sys.addaudithook(_refuse_in_thread)
        _in_thread.hooked = True  # type: ignore[attr-defined] # a hook can't be taken away
    state = random.getstate()
    thread = threading.Thread(target=work, daemon=True)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        thread.start()
        thread.join(SECONDS)
    random.setstate(state)
    if not thread.is_alive():
        guarded.discard(thread.ident or 0)
        return _report(lines, checks, "Your function ended the thread it ran in")
    identity = ctypes.c_ulong(thread.ident or 0)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(SystemExit))
    return _report(list(lines), checks, TOO_LONG)
