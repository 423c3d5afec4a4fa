"""Hyperparameter search over Optuna: many trainings, each a trial, kept in a study that survives.

Stopped or killed, the same call goes on with it, and a trial that was cut off runs again with its
values. Several processes, and over a database several machines, share one.

Samplers are a grid, random search and TPE (Bergstra et al. 2011). The pruner `median` stops a trial
whose best loss so far is above the median of the losses that the completed trials had at the same
point, once there are five (after Golovin et al. 2017). `halving` (Li et al. 2020) lets the better
half go on at a quarter of the steps, and again at a half; it needs the logger's `steps`.
"""

from __future__ import annotations

import itertools
import json
import math
import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError
from torch.multiprocessing.spawn import ProcessException, spawn
from tqdm import tqdm

from intro_lm.checks import require_choice, require_count, require_number
from intro_lm.search.experiment import Experiment, TrialLogger, hyperparameters
from intro_lm.search.space import Parameters, Space, grid, require_space, suggest
from intro_lm.training import Tracker

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it logs every trial
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats

Objective = Callable[[Parameters, TrialLogger], float]
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = {
    "none": NopPruner(),
    "median": MedianPruner(),
    "halving": SuccessiveHalvingPruner(min_resource=25, reduction_factor=2),  # percent
}
HEARTBEAT_SECONDS, SILENT_SECONDS = 3, 12  # of a trial under way; after a longer silence it is dead
MOST_RETRIES = 5  # of a trial whose process dies, which may be the trial's own doing
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
    """Search for the hyperparameters with the lowest loss: the study's `best_params`.

    Args:
        objective: from hyperparameters and a logger, the tracker of its `train`, to the loss.
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

    Raises:
        ValueError: an argument or an entry of the space is wrong, or the study is of another sweep.
        OSError: the study's or the runs' folder can't be written to.
        SweepFailedError: all trials failed, or a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the trial under way will run again.
    """
    require_count(trials=trials, workers=workers)
    require_choice(SAMPLERS, sampler=sampler)
    require_choice(PRUNERS, pruner=pruner)
    require_number(at_least=0, seed=seed)
    if workers > 1 and study is None:
        raise ValueError("several workers need a study that is kept; name a file with study=")
    known, described = None, getattr(objective, "__qualname__", type(objective).__name__)
    if isinstance(objective, Experiment):
        every, described = hyperparameters(objective.model), vars(objective)
        known = {name: kind for name, kind in every.items() if name not in objective.fixed}
    require_space(space, known)
    points = grid(space) if sampler == "grid" else []
    total = min(trials, len(points) or trials)
    if runs is not None:
        Path(runs).mkdir(parents=True, exist_ok=True)
    how: dict[str, Any] = {"space": space, "sampler": sampler, "pruner": pruner, "seed": seed}
    kept = _open(study, name, {"objective": described, **how})
    queued = [trial.system_attrs.get("fixed_params") for trial in _counted(kept)]
    for index in np.random.default_rng(seed).permutation(len(points))[:total]:
        if points[index] not in queued:
            kept.enqueue_trial(points[index])
    if workers > 1:
        same = partial(sweep, objective, trials=trials, study=study, name=name, runs=runs, **how)
        _run_workers(same, workers, progress)
    run = partial(_run_trial, objective, space, sampler, seed, total, runs)
    with tqdm(total=total, unit=" trials", disable=not progress or workers > 1) as bar:
        _run_trials(kept, total, sampler, run, bar)
    errors = [trial.user_attrs.get("error") for trial in _counted(kept)]
    if all(errors):
        raise SweepFailedError(
            f"all {len(errors)} trials failed; mend it and begin another study: {errors[0]}"
        )
    return kept


def training_seconds(study: Study) -> list[float]:
    """Seconds that each trial took, in the order in which they were drawn."""
    return [each.duration.total_seconds() if each.duration else 0.0 for each in _counted(study)]


def best_so_far(study: Study) -> list[float]:
    """The lowest loss of the completed trials after each trial, infinite until one completes."""
    complete = [each.state == TrialState.COMPLETE and each.values for each in _counted(study)]
    return list(itertools.accumulate((each[0] if each else math.inf for each in complete), min))


def _open(address: str | Path | None, name: str, settings: Mapping[str, Any]) -> Study:
    """Open a study, or begin it; refuse one that was begun with other settings."""
    storage = None if address is None else _storage(str(address))
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    study.pruner = PRUNERS[settings["pruner"]]
    asked = json.loads(json.dumps(settings))
    trials = study.get_trials(deepcopy=False)
    if not trials:
        study.set_user_attr("settings", asked)
    begun = study.user_attrs.get("settings", {})
    for key, value in asked.items():
        if begun.get(key) != value:
            raise ValueError(
                f"the study {name!r} was begun with {key} = {begun.get(key)!r}, not {value!r}; "
                "choose another file or name for another sweep"
            )
    if storage is not None and multiprocessing.parent_process() is None:
        for trial in trials:
            if trial.state == TrialState.RUNNING:  # it may have died before its first heartbeat
                storage.record_heartbeat(trial._trial_id)
    return study


def _storage(address: str) -> RDBStorage:
    if "://" not in address:
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        address = f"sqlite:///{address}"
    patience = {"timeout": 60} if address.startswith("sqlite") else {}  # for the others' writes
    try:
        return RDBStorage(
            address,
            engine_kwargs={"connect_args": patience},
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=SILENT_SECONDS,
            heartbeat_stale_trial_callback=_retry,
        )
    except (SQLAlchemyError, ImportError) as error:
        shown = address.rpartition("@")[2]  # without a password
        raise ValueError(
            f"{shown} can't be opened as a study ({type(error).__name__}); give a new file, or a "
            "URL such as sqlite:///runs/sweep.db"
        ) from error


def _counted(study: Study) -> list[FrozenTrial]:
    """The trials that count. One that was cut off failed without a note of its error."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if each.state != TrialState.FAIL or "error" in each.user_attrs]


def _retry(study: Study, trial: FrozenTrial) -> None:
    """Have a trial that was cut off run again with its values; without any, another is drawn."""
    if trial.params or "fixed_params" in trial.system_attrs:
        RetryHeartbeatStaleTrialCallback(MOST_RETRIES)(study, trial)


def _run_trials(
    study: Study, total: int, sampler: str, run: Callable[[Trial], float], bar: tqdm
) -> None:
    """Run trials that wait or haven't been drawn yet, until `total` are finished."""
    parent = multiprocessing.parent_process()  # of a worker, which ends with it
    while parent is None or parent.is_alive():
        fail_stale_trials(study)  # of processes that died; they run again
        trials = _counted(study)
        finished = sum(trial.state.is_finished() for trial in trials)
        bar.set_postfix(best=min(best_so_far(study), default=math.inf), refresh=False)
        bar.update(finished - bar.n)
        if finished >= total:
            return
        waiting = any(trial.state == TrialState.WAITING for trial in trials[:total])
        if waiting or (len(trials) < total and sampler != "grid"):
            # Whatever its settings make PyTorch raise ends the trial, not the study.
            study.optimize(run, n_trials=1, catch=(Exception,))
        else:
            time.sleep(POLL_SECONDS)  # other processes run the last ones


def _run_trial(
    objective: Objective,
    space: Space,
    sampler: str,
    seed: int,
    total: int,
    runs: str | Path | None,
    trial: Trial,
) -> float:
    """Draw hyperparameters, train with them and return the loss."""
    study = trial.study
    if [each.number for each in _counted(study)].index(trial.number) >= total:
        raise RuntimeError("another process drew the last trial")  # no note, so it won't count
    # Each trial has a seed of its own, so that no process, and no study that goes on, draws what
    # another drew, and random search draws the same whatever is pruned.
    entropy = np.random.SeedSequence([seed, trial.number])
    seed = int(entropy.generate_state(1)[0])
    study.sampler = RandomSampler(seed)
    if sampler == "tpe":
        study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
    logger = TrialLogger(trial)
    try:
        parameters = suggest(trial, space)
        if runs is not None:
            logger.tracker = Tracker(Path(runs) / f"trial-{trial.number:03d}")
            logger.tracker.hyperparameters(parameters)
        loss = objective(parameters, logger)
        if not math.isfinite(loss):
            raise ArithmeticError(f"the objective returned the loss {loss}")
        return loss
    except KeyboardInterrupt:
        _retry(study, study.get_trials()[trial.number])
        raise
    except Exception as error:
        if not isinstance(error, optuna.TrialPruned):
            trial.set_user_attr("error", f"{type(error).__name__}: {error}")
        raise
    finally:
        if logger.tracker is not None:
            logger.tracker.close()


def _run_workers(same: Callable[..., Study], workers: int, progress: bool) -> None:
    """Run the same sweep in several processes until no trial is left."""
    threads = max(1, torch.get_num_threads() // workers)
    context = spawn(_work, (same, threads, progress), workers, join=False)
    try:
        while not context.join():
            pass
    except ProcessException as error:
        raise SweepFailedError(
            f"a worker died: {error}; no finished trial is lost, and the same call goes on. An "
            "objective that is defined in a notebook can't be sent to other processes"
        ) from error
    finally:
        for process in context.processes:
            process.terminate()
        for process in context.processes:
            process.join()


def _work(index: int, same: Callable[..., Study], threads: int, progress: bool) -> None:
    torch.set_num_threads(threads)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # after Ctrl-C the parent stops its workers,
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # and their trials will run again
    with suppress(SweepFailedError):  # which the parent sees too
        same(progress=progress and index == 0)
