"""What Ctrl-C does while a sweep runs."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def _handling_interrupts(handler: signal.Handlers | Callable[..., object]) -> Iterator[None]:
    """Have Ctrl-C do something else, on the main thread, which alone may say so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def deferred_interrupts() -> Iterator[threading.Event]:
    """An event that Ctrl-C sets, so that it breaks nothing while the study is being written."""
    interrupted = threading.Event()
    with _handling_interrupts(lambda number, frame: interrupted.set()):
        yield interrupted


def immediate_interrupts() -> contextlib.AbstractContextManager[None]:
    """Within `deferred_interrupts`: Ctrl-C raises `KeyboardInterrupt` as ever."""
    return _handling_interrupts(signal.default_int_handler)


def ignored_interrupts() -> contextlib.AbstractContextManager[None]:
    """Ctrl-C does nothing, also in processes that are started meanwhile (not on Windows)."""
    return _handling_interrupts(signal.SIG_IGN)
