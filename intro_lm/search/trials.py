"""Running a study's trials: in this process, or in several that share the study."""

from __future__ import annotations

import json
import math
import multiprocessing
import signal
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import torch
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from intro_lm.search.space import Value, suggest
from intro_lm.training import Tracker

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it logs every trial
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats

SAMPLERS = ("tpe", "random", "grid")
PRUNERS: dict[str, Callable[[], BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "halving": partial(SuccessiveHalvingPruner, min_resource=25, reduction_factor=2),  # percent
}
HEARTBEAT_SECONDS, SILENT_SECONDS = 3, 12  # of a trial under way; after a longer silence it is dead
MOST_RETRIES = 5  # of a trial whose process dies, which may be the trial's own doing
ERROR, SETTINGS = "error", "settings"  # our notes in a trial and in a study


class SweepFailedError(RuntimeError):
    """Every trial failed, or a worker died."""


@dataclass
class TrialLogger:
    """Takes a training's losses: TensorBoard gets all, Optuna each validation loss.

    An objective passes it to `train` as `tracker`. If the pruner gives the trial up, `log` raises
    `optuna.TrialPruned`, which `sweep` understands.

    Args:
        trial: Optuna's.
        tracker: the trial's run in TensorBoard, if there is one.
        steps: of the whole training, where they are known. Trials are then compared at the same
            percentage of their steps instead of at equal steps, and the last step prunes nothing.
    """

    trial: Trial
    tracker: Tracker | None = None
    steps: int | None = None
    reported: int = -1

    def start(self, step: int) -> None:
        """Training begins after `step` steps."""
        if self.tracker is not None:
            self.tracker.start(step)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        """Take the named values of one step."""
        if self.tracker is not None:
            self.tracker.log(step, scalars)
        loss = scalars.get("loss/validation")
        point = 100 * step // self.steps if self.steps else step
        if loss is None or point <= self.reported:  # Optuna takes one loss for each point
            return
        self.reported = point
        self.trial.report(loss, point)
        if step != self.steps and self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after step {step}")


Objective = Callable[[Mapping[str, Value], TrialLogger], float]


@dataclass(frozen=True)
class Work:
    """What there is to do, for every worker alike.

    Args:
        objective: from hyperparameters and a logger to the loss.
        settings: `objective`, `space`, `sampler`, `pruner` and `seed` of the sweep, as plain data.
        total: trials in the end.
        url: of the database that keeps the study, or None for memory.
        name: the study's.
        runs: folder for TensorBoard, or None.
    """

    objective: Objective
    settings: Mapping[str, Any]
    total: int
    url: str | None
    name: str
    runs: Path | None

    def open(self) -> Study:
        """Open the study, or begin it.

        Raises:
            ValueError: the database can't be opened, or the study was begun with other settings.
        """
        try:
            storage = None if self.url is None else _storage(self.url)
        except (SQLAlchemyError, ImportError) as error:
            raise ValueError(
                f"the study can't be opened in {self.url.rpartition('@')[2]} "  # type: ignore[union-attr]
                f"({type(error).__name__}); give a file, or a URL such as sqlite:///runs/sweep.db"
            ) from error
        study = optuna.create_study(
            storage=storage,
            study_name=self.name,
            pruner=PRUNERS[self.settings["pruner"]](),
            load_if_exists=True,
        )
        asked = json.loads(json.dumps(self.settings))
        if not study.user_attrs and not study.get_trials(deepcopy=False):
            study.set_user_attr(SETTINGS, asked)
        begun = study.user_attrs.get(SETTINGS, {})
        for key, value in asked.items():
            if begun.get(key) != value:
                raise ValueError(
                    f"the study {self.name!r} was begun with {key} = {begun.get(key)!r}, not "
                    f"{value!r}; choose another file or name for another sweep"
                )
        return study

    def is_left(self, study: Study) -> bool:
        """Whether a trial waits to be run, or has not been drawn yet."""
        trials = counted(study)
        waiting = any(trial.state == TrialState.WAITING for trial in trials[: self.total])
        return waiting or (len(trials) < self.total and self.settings["sampler"] != "grid")

    def run(self, study: Study, update: Callable[[], None] = lambda: None) -> None:
        """Run trials until none is left to be drawn."""
        parent = multiprocessing.parent_process()
        while self.is_left(study) and (parent is None or parent.is_alive()):
            # Seeded for each trial, so that no process, and no study that goes on, draws what
            # another drew, and random search draws the same whatever is pruned.
            number = len(study.get_trials(deepcopy=False))
            entropy = np.random.SeedSequence([self.settings["seed"], number])
            seed = int(entropy.generate_state(1)[0])
            study.sampler = RandomSampler(seed)
            if self.settings["sampler"] == "tpe":
                study.sampler = TPESampler(seed=seed, multivariate=True, constant_liar=True)
            # Whatever its settings make PyTorch raise ends the trial, not the study.
            study.optimize(partial(self._trial, number), n_trials=1, catch=(Exception,))
            update()

    def _trial(self, expected: int, trial: Trial) -> float:
        study, logger = trial.study, TrialLogger(trial)
        rank = [each.number for each in counted(study)].index(trial.number)
        if trial.number > expected or rank >= self.total:  # without a note it won't be counted
            raise RuntimeError("another process drew a trial at the same moment")
        try:
            parameters = suggest(trial, self.settings["space"])
            if self.runs is not None:
                logger.tracker = Tracker(self.runs / f"trial-{trial.number:03d}")
                logger.tracker.hyperparameters(parameters)
            loss = self.objective(parameters, logger)
            if not math.isfinite(loss):
                raise ArithmeticError(f"the objective returned the loss {loss}")
            return loss
        except KeyboardInterrupt:  # it will run again, with its values
            RetryHeartbeatStaleTrialCallback()(study, study.get_trials()[trial.number])
            raise
        except optuna.TrialPruned:
            raise
        except Exception as error:
            trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
            raise
        finally:
            if logger.tracker is not None:
                logger.tracker.close()


def counted(study: Study) -> list[FrozenTrial]:
    """The trials that count. Those that were cut off failed without an error of their own."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if each.state != TrialState.FAIL or ERROR in each.user_attrs]


def run_workers(work: Work, workers: int, update: Callable[[], None]) -> None:
    """Run worker processes until no trial is left.

    Raises:
        SweepFailedError: a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the workers are stopped.
    """
    spawn = multiprocessing.get_context("spawn")
    threads = max(1, torch.get_num_threads() // workers)
    processes = [spawn.Process(target=_worker, args=(work, threads)) for _ in range(workers)]
    handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: we stop the workers
    for process in processes:
        process.start()
    signal.signal(signal.SIGINT, handler)
    try:
        while any(process.is_alive() for process in processes):
            time.sleep(0.25)
            update()
    except BaseException:
        for process in processes:
            process.terminate()
        raise
    died = [process.exitcode for process in processes if process.exitcode]
    if died:
        raise SweepFailedError(
            f"{len(died)} of {workers} workers died (exit code {died[0]}); no finished trial is "
            "lost, and the same call goes on. If they die at once, look at the errors above; an "
            "objective that is defined in a notebook can't be sent to other processes"
        )


def _worker(work: Work, threads: int) -> None:
    """What a worker process does."""
    torch.set_num_threads(threads)
    work.run(work.open())


def _storage(url: str) -> RDBStorage:
    patience = {"timeout": 60} if url.startswith("sqlite") else {}  # seconds, for others' writes
    return RDBStorage(
        url,
        engine_kwargs={"connect_args": patience},
        heartbeat_interval=HEARTBEAT_SECONDS,
        grace_period=SILENT_SECONDS,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(MOST_RETRIES),
    )
