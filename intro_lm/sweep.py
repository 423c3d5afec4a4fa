"""Hyperparameter search over Optuna: many trainings, each a trial, kept in a study.

    python -m intro_lm sweep SPACE.toml --study runs/sweep.log --trials 40 --workers 2

A study survives: stopped or killed, the same call goes on with it, and a trial that was cut off
runs again with its values. Several processes, and over a database several machines, share one.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.study import Study
from optuna.trial import Trial, TrialState
from tqdm import tqdm

from intro_lm.search_space import SlotSampler, Space, Value, distributions, grid
from intro_lm.study_storage import (
    ERROR,
    SECONDS,
    SURPLUS,
    counted,
    open_study,
    replace,
    replace_abandoned,
    sign,
    slot_of,
)
from intro_lm.training import Tracker

PRUNERS = ("none", "median", "halving")
POLL_SECONDS = 0.25


class SweepFailedError(RuntimeError):
    """Every trial failed, or a worker died."""


@dataclass
class TrialRecorder:
    """Takes a training run's records: TensorBoard gets all, Optuna each validation loss.

    It is what an objective hands to `train` as `tracker`. A trial that the pruner gives up ends at
    its next record, by an exception that `sweep` understands.

    Args:
        trial: Optuna's.
        tracker: the trial's run in TensorBoard, if there is one.
        steps: of the whole training, where they are known: at the last one nothing is left to save.
    """

    trial: Trial
    tracker: Tracker | None = None
    steps: int | None = None
    begun: float | None = None
    seconds: float = 0.0  # of training and evaluation, up to the latest record

    def start(self, step: int) -> None:
        self.begun = time.perf_counter()
        if self.tracker is not None:
            self.tracker.start(step)

    def log(self, step: int, scalars: dict[str, float]) -> None:
        if self.begun is not None:
            self.seconds = time.perf_counter() - self.begun
        if self.tracker is not None:
            self.tracker.log(step, scalars)
        loss = scalars.get("loss/validation")
        if loss is None:
            return
        self.trial.report(loss, step)
        if step != self.steps and self.trial.should_prune():
            raise optuna.TrialPruned(f"pruned after step {step}")


Objective = Callable[[Mapping[str, Value], TrialRecorder], float]


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

    The same seed gives the same trials: for grid and random search always, for TPE and with a
    pruner where there is one worker, since both look at the trials before.

    Args:
        objective: from hyperparameters and a recorder to the loss; it hands the recorder to `train`
            as its tracker. It may have `known`, the types of its hyperparameters by name, against
            which the space is checked, and `description`, plain data that tells it from another.
        space: see `intro_lm.search_space`.
        trials: how many the study has in the end, the ones it holds already included, pruned and
            failed ones too. A grid ends with its last point.
        study: a file or a database's URL, where the study is kept and gone on with; None keeps it
            in memory.
        name: which study, where a database holds several.
        sampler: `tpe` (Bergstra et al. 2011), `random` or `grid`.
        pruner: `none`; `median` stops a trial whose loss is above the median that the completed
            trials had at the same step, once there are five; `halving`, asynchronous successive
            halving (Li et al. 2020), lets the best quarter go on each time steps grow fourfold.
        seed: of what the sampler draws.
        workers: processes, which share the threads that PyTorch may use.
        runs: folder for TensorBoard, a run a trial; None writes none.
        progress: show a progress bar with the best loss so far.

    Returns:
        The study; its `best_params` and `best_value` are the result.

    Raises:
        ValueError: an argument or an entry of the space is wrong; nothing has run then.
        StudyMismatchError: the study that was named is of another sweep, or no study.
        OSError: the study's or the runs' folder can't be written to.
        SweepFailedError: all trials failed, or a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the trial under way will run again.
    """
    distributions(space, getattr(objective, "known", None))
    for argument, count in {"trials": trials, "workers": workers}.items():
        if type(count) is not int or count < 1:
            raise ValueError(f"{argument} is {count!r}; it must be a whole number of at least 1")
    if pruner not in PRUNERS:
        raise ValueError(f"pruner is {pruner!r}; use one of {', '.join(PRUNERS)}")
    total = min(trials, len(grid(space))) if sampler == "grid" else trials
    if workers > 1:
        _require_shareable(objective, study)
    if runs is not None:
        _require_folder(Path(runs))
    open_here = partial(
        _open, _promise(objective, space, sampler, pruner, seed), study, name, space
    )
    work = partial(_work, objective, space, total, runs)
    with _quiet_optuna():
        here = open_here()
    with _quiet_optuna(), _bar(total, here, progress) as update:
        while (unclear := replace_abandoned(here)) or _left(here, total):
            if unclear and not _left(here, total):
                time.sleep(POLL_SECONDS)
            elif workers == 1:
                work(here, update)
            else:
                _work_together(open_here, work, here, workers, update)
        update(here)
    _require_success(here)
    return here


def training_seconds(study: Study) -> list[float]:
    """Seconds that each trial spent in the training loop, in the order in which they were drawn."""
    return [trial.user_attrs.get(SECONDS, 0.0) for trial in counted(study)]


def best_so_far(study: Study) -> list[float]:
    """The lowest loss after each trial, in the order in which they were drawn.

    Until a trial completes it is infinite; pruned and failed trials leave it as it is.
    """
    best, values = float("inf"), []
    for trial in counted(study):
        if trial.state == TrialState.COMPLETE and trial.value is not None:
            best = min(best, trial.value)
        values.append(best)
    return values


def _promise(
    objective: Objective, space: Space, sampler: str, pruner: str, seed: int
) -> dict[str, Any]:
    """What two calls must share to work on one study."""
    default = getattr(objective, "__qualname__", type(objective).__qualname__)
    return {
        "objective": getattr(objective, "description", default),
        "space": {key: dict(entry) for key, entry in space.items()},
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
    }


def _open(promise: dict[str, Any], address: str | Path | None, name: str, space: Space) -> Study:
    study = open_study(address, name, promise)
    study.sampler = SlotSampler(promise["sampler"], space, promise["seed"], slot_of)
    study.pruner = _pruner(promise["pruner"])
    return study


def _pruner(name: str) -> BasePruner:
    if name == "median":
        return MedianPruner(n_startup_trials=5)
    return SuccessiveHalvingPruner() if name == "halving" else NopPruner()


def _work(
    objective: Objective,
    space: Space,
    total: int,
    runs: str | Path | None,
    study: Study,
    update: Callable[[Study], None],
) -> None:
    """Run trials until all are taken."""
    parent = multiprocessing.parent_process()
    while _left(study, total) and (parent is None or parent.is_alive()):
        run = partial(_run_trial, objective, distributions(space), total, runs)
        # A trial may fail by whatever its settings make PyTorch raise; it must not end the study.
        study.optimize(run, n_trials=1, catch=(Exception,))
        update(study)


def _run_trial(
    objective: Objective,
    space: Mapping[str, BaseDistribution],
    total: int,
    runs: str | Path | None,
    trial: Trial,
) -> float:
    sign(trial)
    study = trial.study
    frozen = study.get_trials(deepcopy=False)[trial.number]
    if slot_of(study, frozen) >= total:
        trial.set_user_attr(SURPLUS, True)
        raise SweepFailedError("another worker had drawn the last trial")
    parameters = {each: _suggest(trial, each, space[each]) for each in space}
    recorder, finished = TrialRecorder(trial), False
    try:
        if runs is not None:
            recorder.tracker = Tracker(Path(runs) / f"trial-{trial.number:03d}")
            recorder.tracker.hyperparameters(parameters)
        loss = objective(parameters, recorder)
        finished = True
        return loss
    except KeyboardInterrupt:
        replace(study, study.get_trials(deepcopy=False)[trial.number])
        raise
    except optuna.TrialPruned:
        finished = True
        raise
    except Exception as error:
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
        raise
    finally:
        trial.set_user_attr(SECONDS, round(recorder.seconds, 3))
        if recorder.tracker is not None:
            recorder.tracker.close("success" if finished else "failure")


def _suggest(trial: Trial, name: str, distribution: BaseDistribution) -> Value:
    if isinstance(distribution, CategoricalDistribution):
        return trial.suggest_categorical(name, distribution.choices)  # type: ignore[return-value]
    assert isinstance(distribution, FloatDistribution | IntDistribution)
    low, high, log = distribution.low, distribution.high, distribution.log
    if isinstance(distribution, IntDistribution):
        return trial.suggest_int(name, distribution.low, distribution.high, log=log)
    return trial.suggest_float(name, low, high, log=log)


def _left(study: Study, total: int) -> bool:
    """Whether a trial waits to be run, or has not been drawn yet."""
    trials = counted(study)
    waiting = any(trial.state == TrialState.WAITING for trial in trials)
    return waiting or len(trials) < total


def _work_together(
    open_here: Callable[[], Study],
    work: Callable[[Study, Callable[[Study], None]], None],
    study: Study,
    workers: int,
    update: Callable[[Study], None],
) -> None:
    """Run worker processes until they are done, and show how the study grows meanwhile."""
    fresh = multiprocessing.get_context("spawn")
    threads = max(1, _cores() // workers)
    processes = [
        fresh.Process(target=_worker, args=(open_here, work, threads)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    try:
        while any(process.is_alive() for process in processes):
            time.sleep(POLL_SECONDS)
            update(study)
    except KeyboardInterrupt:
        for process in processes:  # Ctrl-C reached them too
            process.join()
        raise
    died = [process for process in processes if process.exitcode]
    if died:
        replace_abandoned(study)
        raise SweepFailedError(
            f"{len(died)} of {workers} workers died (exit code {died[0].exitcode}); no finished "
            "trial is lost: the same command goes on"
        )


def _worker(
    open_here: Callable[[], Study],
    work: Callable[[Study, Callable[[Study], None]], None],
    threads: int,
) -> None:
    """What a worker process does."""
    import torch

    torch.set_num_threads(threads)
    with _quiet_optuna(), contextlib.suppress(KeyboardInterrupt):
        work(open_here(), lambda study: None)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _require_shareable(objective: Objective, study: str | Path | None) -> None:
    if study is None:
        raise ValueError("several workers need a study that is kept; name a file with study=")
    if getattr(objective, "__module__", "") == "__main__":
        raise ValueError(
            "an objective that is defined in a notebook or script can't be sent to other "
            "processes; put it into a module, use an Experiment, or take workers=1"
        )


def _require_folder(runs: Path) -> None:
    try:
        runs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=runs):
            pass
    except OSError as error:
        raise type(error)(
            error.errno, f"the runs can't be written to {runs} ({error.strerror}); name another"
        ) from error


def _require_success(study: Study) -> None:
    trials = counted(study)
    if trials and all(trial.state == TrialState.FAIL for trial in trials):
        first = trials[0].user_attrs.get(ERROR, "it returned no finite loss")
        raise SweepFailedError(
            f"all {len(trials)} trials failed; the first one, with {trials[0].params}: {first}"
        )


@contextlib.contextmanager
def _bar(total: int, study: Study, shown: bool) -> Iterator[Callable[[Study], None]]:
    """A progress bar over finished trials; call what it gives with the study to bring it up."""
    done = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
    with tqdm(total=total, unit=" trials", disable=not shown, mininterval=0.5) as bar:

        def update(study: Study) -> None:
            trials = counted(study)
            states = [trial.state for trial in trials if trial.state in done]
            values = best_so_far(study)
            parts = [f"best {values[-1]:.4f}"] if values and values[-1] < float("inf") else []
            for state in (TrialState.PRUNED, TrialState.FAIL):
                if state in states:
                    word = "pruned" if state == TrialState.PRUNED else "failed"
                    parts.append(f"{states.count(state)} {word}")
            bar.set_postfix_str(", ".join(parts), refresh=False)
            bar.update(len(states) - bar.n)

        update(study)
        yield update


@contextlib.contextmanager
def _quiet_optuna() -> Iterator[None]:
    """Optuna logs every trial; the progress bar and the study say the same."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
