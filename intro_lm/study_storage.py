"""Where a sweep's study lives, what stands in it, and whose turn it is.

A study is a file (Optuna's journal, one line an operation, safe for several processes) or a
database's URL, which workers on several machines can share. Its trials are of three sorts:

- a trial of its own, whose slot is the number of such trials before it;
- a rerun, which takes the place of a trial whose worker died, with its slot and its values;
- a surplus one, which a worker drew at the same moment as another drew the last one; it is failed
  at once and counts nowhere.
"""

from __future__ import annotations

import json
import os
import platform
import re
import warnings
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import filelock
import optuna
import psutil
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState
from sqlalchemy.exc import SQLAlchemyError

OWNER, REPLACES, SURPLUS = "owner", "replaces", "surplus"
ERROR, SECONDS = "error", "training_seconds"
HEARTBEAT_SECONDS, SILENT_SECONDS = 30, 120  # of a database's workers
JOURNAL_BEGINS = b'{"op_code":'
OWNERLESS_SECONDS = 5  # how long a live worker may take to sign the trial that it has just drawn


class StudyMismatchError(ValueError):
    """The study that was named is of another sweep, or no study at all."""


def open_study(
    address: str | Path | None, name: str, promise: Mapping[str, Any] | None = None
) -> Study:
    """Open a study, or begin it.

    Args:
        address: a file, a database's URL such as `postgresql://…`, or None for memory.
        name: which study, where a database holds several.
        promise: what the sweep is (its space, sampler, seed…); must be that of the study found.
            None opens a study to look at it.

    Raises:
        StudyMismatchError: the file is no study, or of another project; or the study's promise is
            another one, and the message names the entry.
        OSError: the file's folder can't be written to.
        KeyError: there is no such study to look at.
    """
    storage, is_file = _storage(address)
    names = optuna.study.get_all_study_names(storage)
    if is_file and names and name not in names:
        raise StudyMismatchError(
            f"{address} holds the study {names[0]!r}, not {name!r}; choose another file"
        )
    if promise is None:
        return optuna.load_study(study_name=name, storage=storage)
    if name not in names:
        optuna.create_study(
            storage=storage, study_name=name, direction="minimize", load_if_exists=True
        )
    study = optuna.load_study(study_name=name, storage=storage)
    found = study.user_attrs.get("promise")
    if found is None and not study.get_trials(deepcopy=False):  # killed before it was written
        study.set_user_attr("promise", dict(promise))
        found = json.loads(json.dumps(promise))
    if found is None:
        raise StudyMismatchError(
            f"the study {name!r} in {address} was not made by intro_lm; choose another file or name"
        )
    for entry in sorted(promise.keys() | found.keys()):
        if json.loads(json.dumps(promise.get(entry))) != found.get(entry):
            raise StudyMismatchError(
                f"the study in {address} was begun with {entry} = {found.get(entry)!r}, not "
                f"{promise.get(entry)!r}; choose another file for another sweep"
            )
    return study


def counted(study: Study) -> list[FrozenTrial]:
    """The trials that count, by slot: the latest rerun stands for what it replaces."""
    trials = study.get_trials(deepcopy=False)
    standing: dict[int, FrozenTrial] = {}
    for trial in trials:
        if SURPLUS not in trial.user_attrs:
            standing[_original(trials, trial)] = trial
    return [standing[number] for number in sorted(standing)]


def slot_of(study: Study, trial: FrozenTrial) -> int:
    """A trial's place in the sweep, counted from 0."""
    trials = study.get_trials(deepcopy=False)
    original = _original(trials, trial)
    return sum(
        REPLACES not in other.user_attrs and SURPLUS not in other.user_attrs
        for other in trials[:original]
    )


def _original(trials: list[FrozenTrial], trial: FrozenTrial) -> int:
    """The number of the trial that this one, after all, stands for."""
    while REPLACES in trial.user_attrs:
        trial = trials[trial.user_attrs[REPLACES]]
    return trial.number


def sign(trial: Trial) -> None:
    """Note in the trial which process of which machine runs it."""
    me = psutil.Process()
    trial.set_user_attr(OWNER, [platform.node(), me.pid, me.create_time()])


def replace(study: Study, trial: FrozenTrial) -> None:
    """Have a trial's slot run again, with its values as far as they were drawn."""
    trials = study.get_trials(deepcopy=False)
    if all(other.user_attrs.get(REPLACES) != trial.number for other in trials):
        study.enqueue_trial(dict(trial.params), user_attrs={REPLACES: trial.number})


def replace_abandoned(study: Study) -> int:
    """Replace the running trials whose process on this machine has died.

    Returns:
        How many trials were too fresh to tell, since nobody had signed them yet.
    """
    unclear = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        owner = trial.user_attrs.get(OWNER)
        if owner is None:
            assert trial.datetime_start is not None
            age = (datetime.now() - trial.datetime_start).total_seconds()
            if age < OWNERLESS_SECONDS:
                unclear += 1
                continue
        elif owner[0] != platform.node() or _lives(*owner[1:]):
            continue
        replace(study, trial)
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
    return unclear


def _lives(pid: int, create_time: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - create_time) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _storage(address: str | Path | None) -> tuple[BaseStorage, bool]:
    if address is None:
        return optuna.storages.InMemoryStorage(), False
    if "://" in str(address):
        return _database(str(address)), False
    path = Path(address)
    _prepare(path)
    backend = JournalFileBackend(str(path), lock_obj=_KernelLock(path))  # type: ignore[arg-type]
    return JournalStorage(backend), True


def _database(url: str) -> BaseStorage:
    shown = re.sub(r"(://[^:/@]*):[^@]*@", r"\1:***@", url)  # no password in a message
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            storage = RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=SILENT_SECONDS,
                heartbeat_stale_trial_callback=replace,
            )
    except (SQLAlchemyError, ImportError) as error:
        raise ValueError(
            f"the study's database {shown!r} can't be opened ({error}); give a file, or a URL "
            "such as sqlite:///runs/sweep.db"
        ) from error
    return storage


def _prepare(path: Path) -> None:
    """Make sure that the file can be written, is a journal, and ends with a whole line.

    A process killed while it wrote may leave half a line, which would spoil the one behind it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise type(error)(
            error.errno,
            f"the study {path} can't be written ({error.strerror}); name another with --study",
        ) from error
    with _lock_of(path), path.open("r+b") as file:
        begin = file.read(len(JOURNAL_BEGINS))
        if begin != JOURNAL_BEGINS[: len(begin)]:
            raise StudyMismatchError(f"{path} is not a study of a sweep; choose another file")
        content_end = file.seek(0, os.SEEK_END)
        while content_end > 0:
            file.seek(content_end - 1)
            if file.read(1) == b"\n":
                break
            content_end -= 1
        file.truncate(content_end)


def _lock_of(path: Path) -> filelock.FileLock:
    return filelock.FileLock(path.with_name(path.name + ".lock"))


class _KernelLock:
    """A lock between processes that the system releases when its holder dies.

    Optuna's own locks are files that a killed process leaves behind, and the next one waits half a
    minute for.
    """

    def __init__(self, path: Path) -> None:
        self._lock = _lock_of(path)

    def acquire(self) -> bool:
        self._lock.acquire()
        return True

    def release(self) -> None:
        self._lock.release()
