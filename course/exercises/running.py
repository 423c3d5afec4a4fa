"""Run checks so that an honest mistake doesn't hurt the kernel.

On Linux the checks run in a forked process with limits on memory and time. It keeps one thing of
the kernel's open: a pipe, on which it sends results and what the answer prints. So no endless loop,
crash, huge allocation or stray write reaches the kernel, and the answer's changes end with the
process.

Windows has no fork; on macOS the libraries below torch don't survive one, and neither does CUDA.
There the checks run in the kernel itself, and you interrupt it as for any cell.
"""

from __future__ import annotations

import builtins
import faulthandler
import gc
import io
import os
import pickle
import random
import signal
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch

from course.exercises.comparing import Answer, NotYet

SECONDS = 4  # of processor time for all checks of one answer, whatever else the machine does
PATIENCE = 60  # seconds on the clock, for an answer that waits
MEMORY = 2 * 2**30  # bytes beyond what the kernel has already
MOST_PRINTED = 2000  # characters
Check = Callable[[Answer], None]


def run_checks(answer: Answer, checks: Sequence[Check]) -> NotYet | None:
    """Run the checks up to the first that fails; None if all pass."""
    if sys.platform == "linux" and not torch.cuda.is_initialized():
        found = _in_a_fork(answer, checks)
    else:
        state = random.getstate()
        with torch.random.fork_rng(devices=[]):
            found = [*results(answer, checks)]
        random.setstate(state)
    if found[-1]:
        found[-1].check = checks[len(found) - 1].__name__
    return found[-1]


def results(answer: Answer, checks: Sequence[Check]) -> Iterator[NotYet | None]:
    """What each check finds, up to the first that fails."""
    for check in checks:
        random.seed(0)
        torch.manual_seed(0)
        try:
            check(answer)
        except NotYet as reason:
            yield reason
            return
        except Exception as error:
            said = f"The check could not use what it returned: {type(error).__name__}: {error}"
            yield NotYet(f"{said}. Return what the docstring says")
            return
        yield None


def _in_a_fork(answer: Answer, checks: Sequence[Check]) -> list[NotYet | None]:
    """What a child process finds."""
    found: list[NotYet | None] = []
    receiving, sending = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # about a fork while other threads run
        child = os.fork()
    if child == 0:
        try:
            _work(sending, answer, checks)
        finally:
            os._exit(1)  # without the kernel's own steps at its end
    try:
        os.close(sending)
        with open(receiving, "rb") as pipe:  # noqa: PTH123 - it has no path
            while True:
                sent = pickle.load(pipe)
                if isinstance(sent, str):
                    print(sent, end="")
                else:
                    found.append(sent)
    except Exception:  # the pipe's end, or what an answer wrote to it
        pass
    finally:  # also when the learner interrupts the kernel
        os.kill(child, signal.SIGKILL)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if len(found) == len(checks) or (found and found[-1]):
        return found
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    message = f"The process that ran your function has ended ({how})"
    if code == -signal.SIGXCPU:
        message = f"It was still running after {SECONDS} s of computing. Is there an endless loop?"
    if code == -signal.SIGALRM:
        message = f"It was still running after {PATIENCE} s, mostly waiting. Does it sleep?"
    return [*found, NotYet(message)]


def _work(sending: int, answer: Answer, checks: Sequence[Check]) -> None:
    """What the child process does."""
    import resource

    gc.freeze()  # nothing that belongs to the kernel is finalised here
    faulthandler.disable()  # its report of a crash would appear in the notebook
    torch.set_num_threads(1)  # the kernel's OpenMP threads don't exist here
    null = os.open(os.devnull, os.O_RDWR)
    for standard in range(3):
        os.dup2(null, standard)
    last = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208
    os.closerange(3, sending)
    os.closerange(sending + 1, last + 1)
    pipe = open(sending, "wb")  # noqa: SIM115 - open to the end
    sys.stdout, sys.stderr = _Printed(pipe), io.StringIO()
    builtins.input = _nobody_answers
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, data + MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 1))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    for result in results(answer, checks):
        _send(pipe, result)


def _nobody_answers(*_: object) -> str:
    raise RuntimeError("nobody answers `input()` while a check runs")


def _send(pipe: BinaryIO, thing: Any) -> None:
    pickle.dump(thing, pipe)
    pipe.flush()


class _Printed(io.TextIOBase):
    """Sends what is printed to the kernel, up to `MOST_PRINTED` characters."""

    def __init__(self, pipe: BinaryIO) -> None:
        self.pipe, self.left = pipe, MOST_PRINTED

    def write(self, text: str) -> int:
        shown = text[: self.left]
        if shown:
            self.left -= len(shown)
            _send(self.pipe, shown if self.left else f"{shown} …\n")
        return len(text)
