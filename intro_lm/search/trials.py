"""One trial of a sweep: its logger, and how it runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import Trial

from intro_lm.search.space import Space, Value, suggest
from intro_lm.search.storage import ERROR, counted, retry
from intro_lm.training import Tracker


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


def run_trial(
    objective: Objective,
    space: Space,
    total: int,
    runs: str | Path | None,
    number: int,
    trial: Trial,
) -> float:
    """Draw hyperparameters, train with them and return the loss.

    Args:
        objective, space, runs: as in `sweep`.
        total: trials in the end.
        number: the trial's, as far as this process knew when it asked for one.
        trial: Optuna's.
    """
    rank = [each.number for each in counted(trial.study)].index(trial.number)
    if trial.number > number or rank >= total:  # it fails without a note, so it won't count
        raise RuntimeError("another process drew a trial at the same moment")
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
        retry(trial.study, trial.study.get_trials()[trial.number])
        raise
    except optuna.TrialPruned:
        raise
    except Exception as error:
        trial.set_user_attr(ERROR, f"{type(error).__name__}: {error}")
        raise
    finally:
        if logger.tracker is not None:
            logger.tracker.close()
