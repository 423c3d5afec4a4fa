"""Hyperparameter search over Optuna: many trainings, each a trial, kept in a study.

    python -m intro_lm sweep SPACE.toml --study runs/sweep.db --trials 40 --workers 2

Samplers are a grid, random search and TPE (Bergstra et al. 2011). The pruner `median` stops a trial
whose best loss so far is above the median of the losses that the completed trials had at the same
point, once there are five (after Golovin et al. 2017). `halving` (Li et al. 2020) lets the better
half go on at a quarter of the steps, and again at a half; it needs the logger's `steps`.

A study survives: stopped or killed, the same call goes on with it, and a trial that was cut off
runs again with its values. Several processes, and over a database several machines, share one.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import fail_stale_trials
from optuna.study import Study
from optuna.trial import Trial, TrialState
from tqdm import tqdm

from intro_lm.checks import require_choice, require_count
from intro_lm.search.experiment import Experiment
from intro_lm.search.space import Space, Value, grid, require_space
from intro_lm.search.storage import ERROR, counted, open_study
from intro_lm.search.trials import Objective, run_trial

SAMPLERS = ("tpe", "random", "grid")
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "halving": partial(SuccessiveHalvingPruner, min_resource=25, reduction_factor=2),  # percent
}
POLL_SECONDS = 0.25


class SweepFailedError(RuntimeError):
    """Every trial failed, or a worker died."""


def sweep(
    objective: Objective,
    space: Space,
    *,
    trials: int,
    study: str | Path | None = None,
    name: str = "sweep",
    sampler: str = "tpe",
    pruner: str = "none",
    seed: int = 0,
    workers: int = 1,
    runs: str | Path | None = None,
    progress: bool = True,
) -> Study:
    """Search for the hyperparameters with the lowest loss.

    Args:
        objective: from hyperparameters and a logger to the loss; it hands the logger to `train`
            as its tracker.
        space: see `intro_lm.search.space`.
        trials: how many the study has in the end, those it holds already, pruned and failed ones
            included. A grid ends with its last point.
        study: a file (SQLite) or a database's URL, which keeps the study; None keeps it in memory.
        name: which study, where a database holds several.
        sampler: `tpe`, `random` or `grid`.
        pruner: `none`, `median` or `halving`.
        seed: of what is drawn. One worker that isn't interrupted draws the same trials again.
        workers: processes, which share the threads that PyTorch may use.
        runs: folder for TensorBoard, a run for each trial; None writes none.
        progress: show a progress bar with the best loss so far.

    Returns:
        The study; its `best_params` and `best_value` are the result.

    Raises:
        ValueError: an argument or an entry of the space is wrong, or the study is of another sweep.
        OSError: the study's or the runs' folder can't be written to.
        SweepFailedError: all trials failed, or a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the trial under way will run again.
    """
    require_count(trials=trials, workers=workers)
    if workers > 1 and study is None:
        raise ValueError("several workers need a study that is kept; name a file with study=")
    settings = _settings(objective, space, sampler, pruner, seed)
    points = grid(space) if sampler == "grid" else []
    total = min(trials, len(points) or trials)
    if runs is not None:
        Path(runs).mkdir(parents=True, exist_ok=True)
    kept = open_study(study, name, settings, PRUNERS[pruner]())
    _queue(kept, points, total, seed)
    with tqdm(total=total, unit=" trials", disable=not progress) as bar:
        if workers > 1:
            how: dict[str, Any] = {"sampler": sampler, "pruner": pruner, "seed": seed, "runs": runs}
            call = partial(sweep, objective, space, trials=trials, study=study, name=name, **how)
            _run_workers(call, workers, partial(_show, bar, kept))
        while _show(bar, kept) < total and not _is_orphan():
            _run_next(kept, total, settings, partial(run_trial, objective, space, total, runs))
    _require_success(kept)
    return kept


def training_seconds(study: Study) -> list[float]:
    """Seconds that each trial took, in the order in which they were drawn."""
    durations = [trial.duration for trial in counted(study)]
    return [0.0 if each is None else each.total_seconds() for each in durations]


def best_so_far(study: Study) -> list[float]:
    """The lowest loss after each trial, in the order in which they were drawn.

    Until a trial completes it is infinite; pruned and failed trials leave it as it is.
    """
    losses = [
        trial.value if trial.state == TrialState.COMPLETE and trial.value is not None else math.inf
        for trial in counted(study)
    ]
    return list(itertools.accumulate(losses, min))


def _settings(
    objective: Objective, space: Space, sampler: str, pruner: str, seed: int
) -> dict[str, Any]:
    """What is searched and how, checked, as plain data."""
    require_choice(SAMPLERS, sampler=sampler)
    require_choice(PRUNERS, pruner=pruner)
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number of at least 0")
    known, described = None, getattr(objective, "__qualname__", type(objective).__name__)
    if isinstance(objective, Experiment):
        known, described = objective.known, dataclasses.asdict(objective)
    require_space(space, known)
    return {
        "objective": described, "space": space, "sampler": sampler, "pruner": pruner, "seed": seed,
    }  # fmt: skip


def _queue(study: Study, points: Sequence[Mapping[str, Value]], total: int, seed: int) -> None:
    """Queue a grid's points that are neither done nor queued, in an order drawn by the seed."""
    known = [trial.system_attrs.get("fixed_params") for trial in counted(study)]
    for index in np.random.default_rng(seed).permutation(len(points))[:total]:
        if points[index] not in known:
            study.enqueue_trial(dict(points[index]))


def _run_next(
    study: Study, total: int, settings: Mapping[str, Any], run: Callable[[int, Trial], float]
) -> None:
    """Run a trial that waits or hasn't been drawn yet; if there is none, wait for the others."""
    fail_stale_trials(study)  # of processes that died; they run again
    number = len(study.get_trials(deepcopy=False))
    trials = counted(study)
    waiting = any(trial.state == TrialState.WAITING for trial in trials[:total])
    if not waiting and (len(trials) >= total or settings["sampler"] == "grid"):
        time.sleep(POLL_SECONDS)
        return
    # Each trial has a seed of its own, so that no process, and no study that goes on, draws what
    # another drew, and random search draws the same whatever is pruned.
    entropy = np.random.SeedSequence([settings["seed"], number])
    seed = int(entropy.generate_state(1)[0])
    study.sampler = RandomSampler(seed)
    if settings["sampler"] == "tpe":
        study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
    # Whatever its settings make PyTorch raise ends the trial, not the study.
    study.optimize(partial(run, number), n_trials=1, catch=(Exception,))


def _require_success(study: Study) -> None:
    errors = [trial.user_attrs.get(ERROR) for trial in counted(study)]
    if all(errors):
        raise SweepFailedError(
            f"all {len(errors)} trials failed; the first one: {errors[0]}. Once that is mended, "
            "begin another study"
        )


def _show(bar: tqdm, study: Study) -> int:
    """Bring the progress bar up to date; how many trials are finished."""
    finished = sum(trial.state.is_finished() for trial in counted(study))
    bar.set_postfix(best=f"{min(best_so_far(study), default=math.inf):.4f}", refresh=False)
    bar.update(finished - bar.n)
    return finished


def _run_workers(call: Callable[[], Study], workers: int, update: Callable[[], object]) -> None:
    """Run the same sweep in several processes until no trial is left."""
    spawn = multiprocessing.get_context("spawn")
    threads = max(1, torch.get_num_threads() // workers)
    processes = [spawn.Process(target=_work, args=(call, threads)) for _ in range(workers)]
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: we stop the workers
    for process in processes:
        process.start()
    signal.signal(signal.SIGINT, handler)
    try:
        while any(p.is_alive() for p in processes) and not any(p.exitcode for p in processes):
            time.sleep(POLL_SECONDS)
            update()
        died = [process.exitcode for process in processes if process.exitcode]
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.join(timeout=5)  # seconds to queue its trial again
            process.kill()
            process.join()
    if died:
        raise SweepFailedError(
            f"{len(died)} of {workers} workers died (exit code {died[0]}); no finished trial is "
            "lost, and the same call goes on. If they die at once, look at the errors above; an "
            "objective that is defined in a notebook can't be sent to other processes"
        )


def _work(call: Callable[..., Study], threads: int) -> None:
    """What a worker process does."""
    torch.set_num_threads(threads)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the trial will run again
    with suppress(KeyboardInterrupt, SweepFailedError):  # which the parent sees too
        call(progress=False)


def _is_orphan() -> bool:
    # A worker whose parent has died.
    parent = multiprocessing.parent_process()
    return parent is not None and not parent.is_alive()
