"""Where a study is kept, and which of its trials count."""

from __future__ import annotations

import json
import multiprocessing
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.pruners import BasePruner
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

optuna.logging.set_verbosity(optuna.logging.ERROR)  # it logs every trial
warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)  # heartbeats

HEARTBEAT_SECONDS, SILENT_SECONDS = 3, 12  # of a trial under way; after a longer silence it is dead
MOST_RETRIES = 5  # of a trial whose process dies, which may be the trial's own doing
ERROR, SETTINGS = "error", "settings"  # a trial's note of what it failed with; a study's of itself


def open_study(
    address: str | Path | None, name: str, settings: Mapping[str, Any], pruner: BasePruner
) -> Study:
    """Open a study, or begin it.

    Args:
        address: a file, a database's URL, or None for memory.
        name: which study, where a database holds several.
        settings: what is searched and how, as plain data.
        pruner: Optuna's.

    Raises:
        ValueError: the database can't be opened, or the study was begun with other settings.
        OSError: the file's folder can't be made.
    """
    storage = None if address is None else _storage(str(address))
    study = optuna.create_study(
        storage=storage, study_name=name, pruner=pruner, load_if_exists=True
    )
    asked = json.loads(json.dumps(settings))
    if not study.user_attrs and not study.get_trials(deepcopy=False):
        study.set_user_attr(SETTINGS, asked)
    begun = study.user_attrs.get(SETTINGS, {})
    for key, value in asked.items():
        if begun.get(key) != value:
            raise ValueError(
                f"the study {name!r} was begun with {key} = {begun.get(key)!r}, not {value!r}; "
                "choose another file or name for another sweep"
            )
    if storage is not None and multiprocessing.parent_process() is None:
        for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            storage.record_heartbeat(trial._trial_id)  # it may have died before its first one
    return study


def counted(study: Study) -> list[FrozenTrial]:
    """The trials that count. One that was cut off failed without a note of its error."""
    trials = study.get_trials(deepcopy=False)
    return [each for each in trials if each.state != TrialState.FAIL or ERROR in each.user_attrs]


def retry(study: Study, trial: FrozenTrial) -> None:
    """Have a trial that was cut off run again with its values; without any, another is drawn."""
    if trial.params or "fixed_params" in trial.system_attrs:
        RetryHeartbeatStaleTrialCallback(MOST_RETRIES)(study, trial)


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
            heartbeat_stale_trial_callback=retry,
        )
    except (SQLAlchemyError, ImportError) as error:
        shown = address.rpartition("@")[2]  # without a password
        raise ValueError(
            f"{shown} can't be opened as a study ({type(error).__name__}); give a new file, or a "
            "URL such as sqlite:///runs/sweep.db"
        ) from error
