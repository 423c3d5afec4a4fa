"""Running a sweep's trials, in this process or in several."""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import optuna
import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import Trial, TrialState

from intro_lm.search.interrupts import deferred_interrupts, ignored_interrupts, immediate_interrupts
from intro_lm.search.space import Value
from intro_lm.search.storage import (
    ERROR,
    REPLACES,
    SECONDS,
    SURPLUS,
    counted,
    is_taken,
    replace,
    sign,
    slot_of,
)
from intro_lm.training import Tracker

POLL_SECONDS = 0.25

Update = Callable[[Study], None]


class SweepFailedError(RuntimeError):
    """Every trial failed, or a worker died."""


@dataclass
class TrialLogger:
    """Takes a training run's records: TensorBoard gets all, Optuna each validation loss.

    It is what an objective hands to `train` as `tracker`. A trial that the pruner gives up ends at
    the record that tells, by an exception that `sweep` understands.

    Args:
        trial: Optuna's.
        tracker: the trial's run in TensorBoard, if there is one.
        steps: of the whole training, where they are known. Trials of different lengths are then
            compared at the same percentage of their steps, where they have come as far in their
            schedule, and at the last step nothing is pruned; otherwise at equal steps.
        stop: set where the sweep is being stopped from another process.
    """

    trial: Trial
    tracker: Tracker | None = None
    steps: int | None = None
    stop: Event | None = None
    begun: float | None = None
    seconds: float = 0.0  # of training and evaluation, up to the latest record
    reported: int = -1

    def start(self, step: int) -> None:
        self.begun = time.perf_counter()
        if self.tracker is not None:
            self.tracker.start(step)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        if self.begun is not None:
            self.seconds = time.perf_counter() - self.begun
        if self.tracker is not None:
            self.tracker.log(step, scalars)
        if self.stop is not None and self.stop.is_set():
            raise KeyboardInterrupt
        loss = scalars.get("loss/validation")
        place = 100 * step // self.steps if self.steps else step
        if loss is None or place <= self.reported:  # Optuna takes one loss a place
            return
        self.reported = place
        self.trial.report(loss, place)
        if step != self.steps and self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after step {step}")


Objective = Callable[[Mapping[str, Value], TrialLogger], float]


@dataclass(frozen=True)
class Work:
    """What there is to do, for every worker alike.

    Args:
        objective: from hyperparameters and a logger to the loss.
        space: what is searched.
        total: trials in the end.
        runs: folder for TensorBoard, or None.
    """

    objective: Objective
    space: Mapping[str, BaseDistribution]
    total: int
    runs: Path | None

    def is_left(self, study: Study) -> bool:
        """Whether a trial waits to be run, or has not been drawn yet."""
        trials = counted(study)
        waiting = any(trial.state == TrialState.WAITING for trial in trials[: self.total])
        return waiting or len(trials) < self.total

    def run(self, study: Study, update: Update, stop: Event | None = None) -> None:
        """Run trials until none is left to be drawn.

        Raises:
            KeyboardInterrupt: Ctrl-C was pressed, or `stop` was set; the trial under way will run
                again.
        """
        parent = multiprocessing.parent_process()
        with deferred_interrupts() as interrupted:
            while self.is_left(study) and (parent is None or parent.is_alive()):
                with _tolerating_takeover():
                    # Whatever its settings make PyTorch raise ends the trial and not the study.
                    study.optimize(
                        lambda trial: self._run_trial(trial, stop), n_trials=1, catch=(Exception,)
                    )
                update(study)
                if interrupted.is_set() or (stop is not None and stop.is_set()):
                    raise KeyboardInterrupt

    def _run_trial(self, trial: Trial, stop: Event | None) -> float:
        sign(trial)
        study = trial.study
        self._require_wanted(study, trial)
        logger, finished = TrialLogger(trial, stop=stop), False
        try:
            parameters = {name: _suggest(trial, name, each) for name, each in self.space.items()}
            if self.runs is not None:
                logger.tracker = Tracker(self.runs / f"trial-{trial.number:03d}")
                logger.tracker.hyperparameters(parameters)
            with immediate_interrupts():
                loss = self.objective(parameters, logger)
            if not math.isfinite(loss):
                raise ArithmeticError(f"the objective returned the loss {loss}")
            finished = True
            return loss
        except KeyboardInterrupt:
            frozen = study.get_trials(deepcopy=False)[trial.number]
            replace(study, frozen, died=False)
            raise
        except optuna.TrialPruned:
            finished = True
            raise
        except Exception as error:  # noted here, and caught by study.optimize
            trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
            raise
        finally:
            trial.set_user_attr(SECONDS, round(logger.seconds, 3))
            if logger.tracker is not None:
                logger.tracker.close("success" if finished else "failure")

    def _require_wanted(self, study: Study, trial: Trial) -> None:
        """Fail a trial at once that was drawn at the same moment as another, or beyond the end."""
        frozen = study.get_trials(deepcopy=False)[trial.number]
        beyond = slot_of(study, frozen) >= self.total
        if beyond and REPLACES in frozen.user_attrs:  # for a call that wants more trials
            replace(study, frozen, died=False)
        elif beyond or is_taken(study, frozen):
            trial.set_user_attr(SURPLUS, True)
        else:
            return
        raise SweepFailedError("another worker had drawn the last trial")


def run_workers(
    open_here: Callable[[], Study], work: Work, study: Study, workers: int, update: Update
) -> None:
    """Run worker processes until they are done, and show how the study grows meanwhile.

    Args:
        open_here: opens the study, in each worker.
        work: what each of them does.
        study: the same study, opened in this process.
        workers: how many.
        update: is called with the study as it grows.

    Raises:
        SweepFailedError: a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the trials under way will run again.
    """
    fresh = multiprocessing.get_context("spawn")
    stop = fresh.Event()
    threads = max(1, torch.get_num_threads() // workers)
    arguments = (open_here, work, threads, stop)
    processes = [fresh.Process(target=_worker, args=arguments) for _ in range(workers)]
    with ignored_interrupts():  # the workers inherit this: stopping them is our task
        for process in processes:
            process.start()
    try:
        while any(process.is_alive() for process in processes):
            time.sleep(POLL_SECONDS)
            update(study)
    except KeyboardInterrupt:
        stop.set()
        for process in processes:
            process.join()
        raise
    died = [process for process in processes if process.exitcode]
    if died:
        raise SweepFailedError(
            f"{len(died)} of {workers} workers died (exit code {died[0].exitcode}); no finished "
            "trial is lost, and the same command goes on. If they die at once, look at the errors "
            "above"
        )


def require_shareable(objective: Objective) -> None:
    """Raise `ValueError` for an objective that worker processes can't import."""
    try:
        pickle.dumps(objective)
        importable = getattr(objective, "__module__", "") != "__main__"
    except (pickle.PicklingError, AttributeError, TypeError):
        importable = False
    if not importable:
        raise ValueError(
            "an objective that is defined in a notebook, a script or a function can't be sent to "
            "other processes; put it into a module, use an Experiment, or take workers=1"
        )


def _worker(open_here: Callable[[], Study], work: Work, threads: int, stop: Event) -> None:
    """What a worker process does."""
    torch.set_num_threads(threads)
    with quiet_optuna(), contextlib.suppress(KeyboardInterrupt):
        work.run(open_here(), lambda study: None, stop)


@contextlib.contextmanager
def _tolerating_takeover() -> Iterator[None]:
    """Another machine may take this process for dead after a long silence, and rerun its trial."""
    try:
        yield
    except optuna.exceptions.UpdateFinishedTrialError:
        return
    except ValueError as error:
        if not str(error).startswith("Cannot tell a "):  # Optuna's, of a trial that has ended
            raise


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Value:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)  # type: ignore[return-value]
    if isinstance(distribution, IntDistribution):
        low, high = distribution.low, distribution.high
        return trial.suggest_int(name, low, high, log=distribution.log)
    assert isinstance(distribution, FloatDistribution)
    return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)


@contextlib.contextmanager
def quiet_optuna() -> Iterator[None]:
    """Optuna logs every trial; the progress bar and the study say the same."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
