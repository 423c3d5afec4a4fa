"""Working on many notebooks in several processes, none of which can take the others down."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from typing import Any

Work = Callable[..., Any]


def each(
    work: Work, tasks: Sequence[Any], shared: tuple[Any, ...], workers: int, lost: Work
) -> Iterator[Any]:
    """What `work(task, *shared)` gives for each task, in order.

    Args:
        work: a function of a module.
        tasks: what to work on.
        shared: given to every call; sent to each process once.
        workers: how many processes; with one, or for one task, all is done in this one.
        lost: gives the result for a task that ended its process, from the task.
    """
    workers = min(workers, len(tasks))
    if workers <= 1:
        yield from (work(task, *shared) for task in tasks)
        return
    with _pool(workers, work, shared) as pool:
        futures = [pool.submit(_call, task) for task in tasks]
    for task, future in zip(tasks, futures, strict=True):
        try:
            yield future.result()
        except BrokenProcessPool:  # by this task or by another: try it alone
            with _pool(1, work, shared) as pool:
                try:
                    yield pool.submit(_call, task).result()
                except BrokenProcessPool:
                    yield lost(task)


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _pool(workers: int, work: Work, shared: tuple[Any, ...]) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_begin, initargs=(work, shared)
    )


_given: list[tuple[Work, tuple[Any, ...]]] = []  # in a process of a pool: what its tasks share


def _begin(work: Work, shared: tuple[Any, ...]) -> None:
    _given[:] = [(work, shared)]


def _call(task: Any) -> Any:
    work, shared = _given[0]
    return work(task, *shared)
