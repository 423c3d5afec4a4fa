"""Hyperparameter search with Optuna: many trainings, each a trial, kept in a study that survives.

If stopped or killed, the same call continues, and a trial that was cut off runs again as it was.
Several processes can share a study, several machines a database: start the same sweep in each.

Samplers are a grid, random search and TPE (Bergstra et al. 2011). Once five trials are complete,
the pruner `median` stops a trial whose best loss so far is above the median of their losses at the
same point (after Golovin et al. 2017).
"""

from __future__ import annotations

import itertools
import json
import math
import re
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna import Study, Trial
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import NullPool
from sqlalchemy.exc import SQLAlchemyError
from tqdm import tqdm

from intro_lm.checks import require_choice, require_count, require_number
from intro_lm.search.experiment import Experiment, TrialLogger, hyperparameters
from intro_lm.search.space import Parameters, Space, grid, require_space, suggest
from intro_lm.training import Tracker

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it logs every trial
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats

Objective = Callable[[Parameters, TrialLogger], float]
SAMPLERS = ("tpe", "random", "grid")
PRUNERS = {"none": optuna.pruners.NopPruner(), "median": optuna.pruners.MedianPruner()}
HEARTBEAT_SECONDS, SILENT_SECONDS = 3, 12  # of a running trial; after a longer silence it is dead
LOCKED_SECONDS = 30  # the longest wait for others to finish writing to a SQLite file
MOST_RETRIES = 5  # of a trial whose process dies, perhaps through its own fault


class SweepFailedError(ValueError):
    """Every trial failed."""


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
    runs: str | Path | None = None,
    progress: bool = True,
) -> Study:
    """Search for the hyperparameters with the lowest loss: the study's `best_params`.

    Args:
        objective: from hyperparameters and a logger, which tracks its `train`, to the loss.
        space: see `intro_lm.search.space`.
        trials: how many the study has in the end, including those it already holds, pruned and
            failed ones. A grid ends with its last point.
        study: a file (SQLite) or a database's URL, which keeps the study; None keeps it in memory.
        name: which study, if a database holds several.
        sampler: `tpe`, `random` or `grid`.
        pruner: `none` or `median`.
        seed: of the draws. One process that isn't interrupted draws the same trials again.
        runs: folder for TensorBoard, a run for each trial; None writes none.
        progress: show a progress bar with the best loss so far.

    A `ValueError` names what is wrong with an argument, the space or the database, or the other
    sweep that owns the study; a `SweepFailedError` says that all trials failed.
    """
    require_count(trials=trials)
    require_choice(SAMPLERS, sampler=sampler)
    require_choice(PRUNERS, pruner=pruner)
    require_number(at_least=0, seed=seed)
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
    run = partial(_run_trial, objective, how, total, runs)
    with _database_errors(str(study)):
        kept = _open(study, name, json.loads(json.dumps({"objective": described, **how})))
        queued = [trial.system_attrs.get("fixed_params") for trial in counted(kept)]
        for index in np.random.default_rng(seed).permutation(len(points))[:total]:
            if points[index] not in queued:
                kept.enqueue_trial(points[index])
        with tqdm(total=total, unit=" trials", disable=not progress) as bar:
            _run_trials(kept, total, sampler != "grid", run, bar)
        errors = [_error(trial) for trial in counted(kept)]
    if all(errors):
        raise SweepFailedError(
            f"all {len(errors)} trials failed; the first: {errors[0]}. Fix it and start again"
        )
    return kept


def training_seconds(study: Study) -> list[float]:
    """Seconds that each trial took, in the order in which they were drawn."""
    return [each.duration.total_seconds() if each.duration else 0.0 for each in counted(study)]


def best_so_far(study: Study) -> list[float]:
    """The lowest loss of the completed trials after each trial, infinite until one completes."""
    ended = (each.values if each.state == TrialState.COMPLETE else None for each in counted(study))
    return list(
        itertools.accumulate((math.inf if each is None else each[0] for each in ended), min)
    )


def _open(address: str | Path | None, name: str, settings: Mapping[str, Any]) -> Study:
    """Open or begin a study; refuse one that was begun with other settings."""
    storage = _storage(str(address)) if address else None
    study = optuna.create_study(storage=storage, study_name=name, load_if_exists=True)
    study.pruner = PRUNERS[settings["pruner"]]
    if not study.get_trials(deepcopy=False):
        study.set_user_attr("settings", settings)
    begun = study.user_attrs.get("settings", {})
    for key, value in settings.items():
        if begun.get(key) != value:
            raise ValueError(
                f"the study {name!r} was begun with {key} = {begun.get(key)!r}, not {value!r}; "
                "choose another file or name for another sweep"
            )
    if storage:
        for trial in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
            storage.record_heartbeat(trial._trial_id)  # it may have died before its first one
    return study


def _storage(address: str) -> RDBStorage:
    if "://" not in address:
        Path(address).parent.mkdir(parents=True, exist_ok=True)
        address = f"sqlite:///{address}"
    engine: dict[str, Any] = {}
    if address.startswith("sqlite"):  # a pool would keep connections open that nobody closes
        engine = {"connect_args": {"timeout": LOCKED_SECONDS}, "poolclass": NullPool}
    options: dict[str, Any] = {"engine_kwargs": engine, "heartbeat_interval": HEARTBEAT_SECONDS}
    options |= {"grace_period": SILENT_SECONDS, "heartbeat_stale_trial_callback": _retry}
    failed = 0
    while True:
        try:
            return RDBStorage(address, **options)
        except (RuntimeError, ImportError) as error:  # from another Optuna, or a missing driver
            raise StorageInternalError from error
        except SQLAlchemyError as error:
            # A process that starts at the same moment may be creating the same tables.
            failed += 1
            if failed == 3 or not re.search("already exists|unique", str(error), re.IGNORECASE):
                raise
            time.sleep(1)


@contextmanager
def _database_errors(address: str) -> Iterator[None]:
    """Turn database errors into a `ValueError` with a remedy."""
    try:
        yield
    except (SQLAlchemyError, StorageInternalError, AssertionError) as error:
        root: BaseException = error  # Optuna's AssertionError follows what it can't store
        while deeper := root.__cause__ or root.__context__:
            root = deeper
        reason = str(root).splitlines()[0].rstrip(".")
        raise ValueError(  # before an @ there may be a password
            f"{address.rpartition('@')[2]} can't be used as a study: {reason}. If another program "
            "uses it, end that one; else give a new file, or a URL such as sqlite:///runs/sweep.db"
        ) from error


def counted(study: Study) -> list[FrozenTrial]:
    """The trials that count: all but those cut off and run again."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if each.state != TrialState.FAIL or _error(each)]


def _error(trial: FrozenTrial) -> str | None:
    """Why a trial failed; None if it didn't, or was cut off and runs again."""
    died = len(trial.system_attrs.get("retry_history", []))
    if trial.state == TrialState.FAIL and died == MOST_RETRIES:
        return f"its process died {died + 1} times"
    return trial.user_attrs.get("error")


def _retry(study: Study, trial: FrozenTrial) -> None:
    """Run a trial that was cut off again with its values; if it has none, draw another."""
    if trial.params or "fixed_params" in trial.system_attrs:
        RetryHeartbeatStaleTrialCallback(MOST_RETRIES)(study, trial)


def _run_trials(
    study: Study, total: int, draws: bool, run: Callable[[Trial], float], bar: tqdm
) -> None:
    """Run waiting or newly drawn trials until `total` are finished."""
    while True:
        fail_stale_trials(study)  # of processes that died; they run again
        trials = counted(study)
        finished = sum(trial.state.is_finished() for trial in trials)
        bar.set_postfix(best=min(best_so_far(study), default=math.inf), refresh=False)
        bar.update(finished - bar.n)
        if finished >= total:
            return
        waiting = any(trial.state == TrialState.WAITING for trial in trials[:total])
        if waiting or (draws and len(trials) < total):
            # An error that its settings cause ends the trial, not the study. On SQLite two
            # processes may take the same waiting trial; the second to end can't store its loss.
            with suppress(ValueError, UpdateFinishedTrialError):
                study.optimize(run, n_trials=1, catch=(Exception,))
        else:
            time.sleep(0.25)  # other processes run the last ones


def _run_trial(
    objective: Objective, how: Mapping[str, Any], total: int, runs: str | Path | None, trial: Trial
) -> float:
    """Draw hyperparameters, train with them and return the loss."""
    study = trial.study
    if [each.number for each in counted(study)].index(trial.number) >= total:
        raise RuntimeError("another process drew the last trial")  # no note, so it won't count
    # Each trial has its own seed, so that no process or resumed study draws what another drew,
    # and random search draws the same whatever is pruned.
    seed = int(np.random.SeedSequence([how["seed"], trial.number]).generate_state(1)[0])
    study.sampler = RandomSampler(seed)
    if how["sampler"] == "tpe":
        study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
    logger = TrialLogger(trial)
    try:
        parameters = suggest(trial, how["space"])
        if runs is not None:
            logger.tracker = Tracker(Path(runs) / f"trial-{trial.number:03d}")
            logger.tracker.hyperparameters(parameters)
        loss = objective(parameters, logger)
        if not math.isfinite(loss):
            raise ArithmeticError(f"the objective returned the loss {loss}")
        return loss
    except KeyboardInterrupt:
        stopped = study.get_trials()[trial.number]
        stopped.system_attrs.pop("retry_history", None)  # it isn't the trial's fault
        _retry(study, stopped)
        raise
    except optuna.TrialPruned:
        raise
    except Exception as error:
        trial.set_user_attr("error", f"{type(error).__name__}: {error}")
        raise
    finally:
        if logger.tracker is not None:
            logger.tracker.close()
