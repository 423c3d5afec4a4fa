"""Hyperparameter search over Optuna: many trainings, each a trial, kept in a study.

    python -m intro_lm sweep SPACE.toml --study runs/sweep.log --trials 40 --workers 2

A study survives: stopped or killed, the same call goes on with it, and a trial that was cut off
runs again with its values. Several processes, and over a database several machines, share one.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.pruners import BasePruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from tqdm import tqdm

from intro_lm.search.space import SAMPLERS, SlotSampler, Space, distributions, grid
from intro_lm.search.storage import ERROR, SECONDS, Watch, counted, open_study, slot_of
from intro_lm.search.workers import (
    POLL_SECONDS,
    Objective,
    SweepFailedError,
    TrialLogger,
    Update,
    Work,
    quiet_optuna,
    require_shareable,
    run_workers,
)

__all__ = [
    "Objective",
    "SweepFailedError",
    "TrialLogger",
    "best_so_far",
    "sweep",
    "training_seconds",
]

PRUNERS = ("none", "median", "halving")
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


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

    The same seed gives the same trials: for grid and random search always, for TPE and with the
    median rule where there is one worker, since both look at the trials before. (Halving looks at
    trials that were cut off, too.)

    Args:
        objective: from hyperparameters and a logger to the loss; it hands the logger to `train`
            as its tracker. It may have `known`, the types of its hyperparameters by name, against
            which the space is checked, `require`, which raises for hyperparameters that can't be
            trained with, and `description`, plain data that tells it from another.
        space: see `intro_lm.search.space`.
        trials: how many the study has in the end, the ones it holds already included, pruned and
            failed ones too. A grid ends with its last point.
        study: a file or a database's URL, where the study is kept and gone on with; None keeps it
            in memory.
        name: which study, where a database holds several.
        sampler: `tpe` (Bergstra et al. 2011), `random` or `grid`.
        pruner: `none`; `median` stops a trial whose best loss so far is above the median of the
            losses that the completed trials had at the same point, once there are five (after
            Golovin et al. 2017); `halving`, asynchronous successive halving (Li et al. 2020), lets
            the better half go on at a quarter of the steps, and again at a half; it needs the
            logger's `steps`.
        seed: of what the sampler draws.
        workers: processes, which share the threads that PyTorch may use.
        runs: folder for TensorBoard, a run a trial; None writes none.
        progress: show a progress bar with the best loss so far.

    Returns:
        The study; its `best_params` and `best_value` are the result. Trials that other processes
        have under way are still running in it.

    Raises:
        ValueError: an argument or an entry of the space is wrong; nothing has run then.
        StudyMismatchError: the study that was named is of another sweep, or no study.
        OSError: the study's or the runs' folder can't be written to.
        SweepFailedError: all trials failed, or a worker died.
        KeyboardInterrupt: Ctrl-C was pressed; the trial under way will run again.
    """
    shapes = distributions(space, getattr(objective, "known", None))
    _require_trainable(objective, shapes)
    _require_arguments(trials=trials, workers=workers, sampler=sampler, pruner=pruner, seed=seed)
    total = min(trials, len(grid(space))) if sampler == "grid" else trials
    if workers > 1 and study is None:
        raise ValueError("several workers need a study that is kept; name a file with study=")
    if workers > 1:
        require_shareable(objective)
    if runs is not None:
        _require_folder(Path(runs))
    identity = {
        "objective": getattr(objective, "description", _name(objective)),
        "space": {key: dict(entry) for key, entry in space.items()},
        "sampler": sampler,
        "pruner": pruner,
        "seed": seed,
    }
    open_here = partial(_open, identity, study, name, space)
    work = Work(objective, shapes, total, None if runs is None else Path(runs))
    with quiet_optuna():
        here = open_here()
        watch = Watch(here, study, alone=True)
        with _bar(total, here, progress) as update:
            while (unclear := watch.replace_abandoned()) or work.is_left(here):
                if unclear:  # what they turn out to be decides what comes next
                    time.sleep(POLL_SECONDS)
                elif workers == 1:
                    work.run(here, update)
                else:
                    run_workers(open_here, work, here, workers, update)
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


def _open(identity: dict[str, Any], address: str | Path | None, name: str, space: Space) -> Study:
    study = open_study(address, name, identity)
    study.sampler = SlotSampler(identity["sampler"], space, identity["seed"], slot_of)
    study.pruner = _pruner(identity["pruner"])
    return study


def _name(objective: Objective) -> str:
    return getattr(objective, "__qualname__", type(objective).__qualname__)


def _pruner(name: str) -> BasePruner:
    if name == "median":
        return MedianPruner(n_startup_trials=5)
    if name == "halving":
        return SuccessiveHalvingPruner(min_resource=25, reduction_factor=2)  # percent of the steps
    return NopPruner()


def _require_arguments(trials: int, workers: int, sampler: str, pruner: str, seed: int) -> None:
    for argument, count in {"trials": trials, "workers": workers}.items():
        if type(count) is not int or count < 1:
            raise ValueError(f"{argument} is {count!r}; it must be a whole number of at least 1")
    if type(seed) is not int or seed < 0:
        raise ValueError(f"seed is {seed!r}; it must be a whole number of at least 0")
    for argument, value, known in (("sampler", sampler, SAMPLERS), ("pruner", pruner, PRUNERS)):
        if value not in known:
            raise ValueError(f"{argument} is {value!r}; use one of {', '.join(known)}")


def _require_trainable(objective: Objective, space: Mapping[str, BaseDistribution]) -> None:
    """Have the objective look at the ends of each range and at each choice."""
    require = getattr(objective, "require", None)
    if require is None:
        return
    for name, each in space.items():
        if isinstance(each, CategoricalDistribution):
            values = each.choices
        else:
            values = (each.low, each.high)  # type: ignore[attr-defined]
        for value in values:
            require({name: value})


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
        first = trials[0].user_attrs.get(ERROR, "its worker died")
        raise SweepFailedError(
            f"all {len(trials)} trials failed; the first one, with {trials[0].params}: {first}. "
            "Once that is mended, begin another study"
        )


@contextlib.contextmanager
def _bar(total: int, study: Study, shown: bool) -> Iterator[Update]:
    """A progress bar over finished trials; call what it gives with the study to bring it up."""
    with tqdm(total=total, unit=" trials", disable=not shown, mininterval=0.5) as bar:

        def update(study: Study) -> None:
            trials = counted(study)
            states = [trial.state for trial in trials if trial.state in FINISHED]
            best = min(_losses(trials), default=None)
            parts = [] if best is None else [f"best {best:.4f}"]
            for state, word in ((TrialState.PRUNED, "pruned"), (TrialState.FAIL, "failed")):
                if state in states:
                    parts.append(f"{states.count(state)} {word}")
            bar.set_postfix_str(", ".join(parts), refresh=False)
            bar.update(len(states) - bar.n)

        update(study)
        yield update


def _losses(trials: list[FrozenTrial]) -> list[float]:
    """Of those that completed."""
    return [
        trial.value
        for trial in trials
        if trial.state == TrialState.COMPLETE and trial.value is not None
    ]
