"""Run checks so that an honest mistake doesn't hurt the kernel.

On Linux the checks run in a forked process with a limit on its memory, which is killed after
`SECONDS`: neither an endless loop, nor a crash, nor a huge allocation reaches the kernel, and what
the answer prints or changes is gone with the process.

Windows has no fork, on macOS the libraries below torch don't survive one, and neither does CUDA.
There the checks run in a thread with the same deadline, where a crash still ends the kernel.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from course.exercises.comparing import Answer, NotYet

SECONDS = 4.0  # what all checks of one answer may take together
MEMORY = 2 * 2**30  # bytes beyond what the kernel has already
TOO_LONG = f"It had not finished after {SECONDS:.0f} s; is there a loop that never ends?"
Check = Callable[[Answer], None]


@dataclass(frozen=True)
class Failure:
    """The check that an answer fails, why, and the case that shows it."""

    check: str
    message: str
    case: dict[str, str] = field(default_factory=dict)


def run_checks(answer: Answer, checks: Sequence[Check]) -> Failure | None:
    """Run the checks up to the first that fails, for at most `SECONDS`; None if all pass."""
    found: list[Failure | None] = []
    in_process = sys.platform == "linux" and not torch.cuda.is_initialized()
    ended = (_in_process if in_process else _in_thread)(answer, checks, found)
    if found and found[-1]:
        return found[-1]
    return Failure(checks[len(found)].__name__, ended) if len(found) < len(checks) else None


def results(answer: Answer, checks: Sequence[Check]) -> Iterator[Failure | None]:
    """What each check finds, up to the first failure."""
    for check in checks:
        random.seed(0)
        torch.manual_seed(0)
        try:
            check(answer)
        except NotYet as reason:
            yield Failure(check.__name__, reason.message, reason.case)
            return
        except Exception as error:
            said = f"The check could not use what it returned ({type(error).__name__}: {error})"
            yield Failure(check.__name__, f"{said}; return what the docstring says")
            return
        yield None


def _in_process(answer: Answer, checks: Sequence[Check], found: list[Failure | None]) -> str:
    """Fill `found` from a child process, and say how the process ended."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    child = fork.Process(target=_send, args=(sender, answer, checks))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of a fork while other threads run
        child.start()
    sender.close()
    end = time.monotonic() + SECONDS
    try:
        while receiver.poll(max(0.0, end - time.monotonic())):
            found.append(receiver.recv())
        return TOO_LONG
    except EOFError:
        child.join(SECONDS)
    finally:  # also when the learner interrupts the kernel
        child.kill()
        child.join()
        receiver.close()
    code = child.exitcode or 0
    how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
    return f"Your function ended the process it ran in ({how})"


def _send(sender: Any, answer: Answer, checks: Sequence[Check]) -> None:
    """What the child process does."""
    import resource

    gc.freeze()  # nothing that belongs to the kernel is finalised here
    faulthandler.disable()  # its report of a crash would appear in the notebook
    torch.set_num_threads(1)  # the kernel's OpenMP threads don't exist here
    null = open(os.devnull, "w")  # noqa: SIM115, PTH123 - open to the end
    os.dup2(null.fileno(), 1)
    os.dup2(null.fileno(), 2)
    sys.stdout = sys.stderr = null
    data = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_DATA, (data + MEMORY, data + MEMORY))
    for result in results(answer, checks):
        sender.send(result)


def _in_thread(answer: Answer, checks: Sequence[Check], found: list[Failure | None]) -> str:
    """Fill `found` from a thread, and tell it to stop after the deadline."""

    def work() -> None:
        with contextlib.suppress(SystemExit), torch.random.fork_rng(devices=[]):
            for result in results(answer, checks):
                found.append(result)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(SECONDS)
    if thread.is_alive():
        identity = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(identity, ctypes.py_object(SystemExit))
    return TOO_LONG
