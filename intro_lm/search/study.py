"""Hyperparameter search over Optuna: many trainings, each a trial, kept in a study.

    python -m intro_lm sweep SPACE.toml --study runs/sweep.db --trials 40 --workers 2

A study survives: stopped or killed, the same call goes on with it, and a trial that was cut off
runs again with its values. Several processes, and over a database several machines, share one.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
from optuna.storages import fail_stale_trials
from optuna.study import Study
from optuna.trial import TrialState
from tqdm import tqdm

from intro_lm.checks import require_choice, require_count
from intro_lm.search.experiment import Experiment
from intro_lm.search.space import Space, Value, grid, require_space
from intro_lm.search.trials import (
    ERROR,
    PRUNERS,
    SAMPLERS,
    Objective,
    SweepFailedError,
    Work,
    counted,
    run_workers,
)

POLL_SECONDS = 0.5


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
        sampler: `tpe` (Bergstra et al. 2011), `random` or `grid`.
        pruner: `none`; `median` stops a trial whose best loss so far is above the median of the
            losses that the completed trials had at the same point, once there are five (after
            Golovin et al. 2017); `halving` (Li et al. 2020) lets the better half go on at a quarter
            of the steps, and again at a half; it needs the logger's `steps`.
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
    require_choice(SAMPLERS, sampler=sampler)
    require_choice(PRUNERS, pruner=pruner)
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number of at least 0")
    if workers > 1 and study is None:
        raise ValueError("several workers need a study that is kept; name a file with study=")
    known = None
    described: Any = getattr(objective, "__qualname__", type(objective).__name__)
    if isinstance(objective, Experiment):
        known, described = objective.known, dataclasses.asdict(objective)
    require_space(space, known)
    points = grid(space) if sampler == "grid" else []
    settings = {"objective": described, "space": space}
    settings |= {"sampler": sampler, "pruner": pruner, "seed": seed}
    folder = None if runs is None else Path(runs)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    total = min(trials, len(points) or trials)
    work = Work(objective, settings, total, _url(study), name, folder)
    kept = work.open()
    _queue(kept, points, total, seed)
    _run(work, kept, workers, progress)
    failed = [trial.user_attrs.get(ERROR) for trial in counted(kept)]
    if all(failed):
        raise SweepFailedError(
            f"all {len(failed)} trials failed; the first one: {failed[0]}. Once that is mended, "
            "begin another study"
        )
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


def _run(work: Work, study: Study, workers: int, progress: bool) -> None:
    """Run trials until all are finished, those of other processes included."""

    def finished() -> int:
        return sum(trial.state.is_finished() for trial in counted(study))

    def update() -> None:
        bar.set_postfix(best=f"{min(best_so_far(study), default=math.inf):.4f}", refresh=False)
        bar.update(finished() - bar.n)

    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if work.url is not None:  # so that one that died before its first heartbeat is noticed too
            study._storage.record_heartbeat(trial._trial_id)
    with tqdm(total=work.total, unit=" trials", disable=not progress) as bar:
        update()
        while finished() < work.total:
            if not work.is_left(study):  # the last trials run in other processes, or these died
                time.sleep(POLL_SECONDS)
            elif workers > 1:
                run_workers(work, workers, update)
            else:
                work.run(study, update)
            fail_stale_trials(study)
            update()


def _queue(study: Study, points: list[dict[str, Value]], total: int, seed: int) -> None:
    """Queue a grid's points that are neither done nor queued, in an order drawn by the seed."""
    known = [trial.system_attrs.get("fixed_params") for trial in counted(study)]
    for index in np.random.default_rng(seed).permutation(len(points))[:total]:
        if points[index] not in known:
            study.enqueue_trial(points[index])


def _url(study: str | Path | None) -> str | None:
    """The database that keeps the study; a file's folder is made."""
    if study is None or "://" in str(study):
        return None if study is None else str(study)
    Path(study).parent.mkdir(parents=True, exist_ok=True)
    return f"sqlite:///{study}"
