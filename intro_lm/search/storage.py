"""Where a sweep's study lives, what stands in it, and whose turn it is.

A study is a file (Optuna's journal, one line an operation, safe for several processes of one
machine) or a database's URL, which workers on several machines can share. Its trials are of three
sorts:

- an original one, whose slot is the number of such trials before it;
- a rerun, which takes the place of a trial that was cut off, with its slot and its values;
- a surplus one, which a worker drew at the same moment as another drew the last one; it is failed
  at once and counts nowhere.
"""

from __future__ import annotations

import json
import os
import platform
import re
import time
import warnings
from collections.abc import Mapping
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

OWNER, REPLACES, DEATHS, SURPLUS = "owner", "replaces", "deaths", "surplus"
ERROR, SECONDS = "error", "training_seconds"
HEARTBEAT_SECONDS, SILENT_SECONDS = 30, 120  # of a database's workers
JOURNAL_BEGINS = b'{"op_code":'
OWNERLESS_SECONDS = 5  # how long a live worker may take to sign the trial that it has just drawn
MOST_DEATHS = 5  # of workers in one slot, before it is left failed


class StudyMismatchError(ValueError):
    """The study that was named is of another sweep, or no study at all."""


def open_study(
    address: str | Path | None, name: str, identity: Mapping[str, Any] | None = None
) -> Study:
    """Open a study, or begin it.

    Args:
        address: a file, a database's URL such as `postgresql://…`, or None for memory.
        name: which study, where a database holds several.
        identity: what the sweep is (its space, sampler, seed…), plain data; must be that of the
            study found. None opens a study to look at it.

    Raises:
        StudyMismatchError: the file is no study, is damaged or of another project; or the study is
            of another sweep, and the message names the entry.
        OSError: the file's folder can't be written to.
        KeyError: there is no such study to look at.
    """
    shown = _without_password(address)
    another = "another file" if _is_file(address) else "another --name"
    try:
        storage = _storage(address)
        names = optuna.study.get_all_study_names(storage)
    except (json.JSONDecodeError, KeyError) as error:
        raise StudyMismatchError(
            f"{shown} is damaged, or no study of a sweep; choose another file"
        ) from error
    if identity is None:
        return optuna.load_study(study_name=name, storage=storage)
    if _is_file(address) and names and name not in names:
        raise StudyMismatchError(
            f"{shown} holds the study {names[0]!r}, not {name!r}; choose another file"
        )
    if name not in names:
        optuna.create_study(
            storage=storage, study_name=name, direction="minimize", load_if_exists=True
        )
    study = optuna.load_study(study_name=name, storage=storage)
    begun = bool(study.get_trials(deepcopy=False))  # before the identity, which is written first
    found = study.user_attrs.get("identity")
    asked = json.loads(json.dumps(identity))
    if found is None and not begun:
        study.set_user_attr("identity", asked)
        found = asked
    if found is None:
        raise StudyMismatchError(
            f"the study {name!r} in {shown} was not made by intro_lm; choose {another}"
        )
    for entry in sorted(asked.keys() | found.keys()):
        if asked.get(entry) != found.get(entry):
            raise StudyMismatchError(
                f"the study in {shown} was begun with {entry} = {found.get(entry)!r}, not "
                f"{asked.get(entry)!r}; choose {another} for another sweep"
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


def is_taken(study: Study, trial: FrozenTrial) -> bool:
    """Whether another rerun, queued at the same moment, stands for the same trial already."""
    replaced = trial.user_attrs.get(REPLACES)
    return replaced is not None and any(
        other.user_attrs.get(REPLACES) == replaced
        for other in study.get_trials(deepcopy=False)[: trial.number]
    )


def sign(trial: Trial) -> None:
    """Note in the trial which process of which machine runs it."""
    me = psutil.Process()
    trial.set_user_attr(OWNER, [platform.node(), me.pid, me.create_time()])


def replace(study: Study, trial: FrozenTrial, died: bool = True) -> None:
    """Have a trial's slot run again, with its values as far as they were drawn.

    Args:
        study: the trial's.
        trial: what was cut off.
        died: its process died, which may be the trial's own doing (too much memory): after
            `MOST_DEATHS` the slot is left failed.
    """
    trials = study.get_trials(deepcopy=False)
    deaths = trial.user_attrs.get(DEATHS, 0) + died
    replaced = any(other.user_attrs.get(REPLACES) == trial.number for other in trials)
    if not replaced and deaths < MOST_DEATHS:
        values = {**trial.system_attrs.get("fixed_params", {}), **trial.params}
        study.enqueue_trial(values, user_attrs={REPLACES: trial.number, DEATHS: deaths})


class Watch:
    """Finds running trials whose process has died.

    Args:
        study: whose trials.
        address: where it is kept. A file belongs to one machine, whatever its name is today.
        alone: this process runs nothing yet, so a trial that it owns was cut off.
    """

    def __init__(self, study: Study, address: str | Path | None, alone: bool) -> None:
        self._study, self._shared, self._alone = study, not _is_file(address), alone
        self._unsigned_since: dict[int, float] = {}

    def replace_abandoned(self) -> int:
        """Replace the trials whose process on this machine has died.

        Returns:
            How many trials are too fresh to tell, since nobody has signed them yet.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            optuna.storages.fail_stale_trials(self._study)  # of databases, whose workers give signs
        unclear = 0
        for trial in self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            verdict = self._is_abandoned(trial)
            unclear += verdict is None
            if verdict:
                replace(self._study, trial)
                try:
                    self._study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
                except optuna.exceptions.UpdateFinishedTrialError:
                    continue  # another process did the same
        self._alone = False
        return unclear

    def _is_abandoned(self, trial: FrozenTrial) -> bool | None:
        """None where it can't be told yet."""
        owner = trial.user_attrs.get(OWNER)
        if owner is None:
            since = self._unsigned_since.setdefault(trial.number, time.monotonic())
            return True if time.monotonic() - since > OWNERLESS_SECONDS else None
        node, pid, created = owner
        if self._shared and node != platform.node():
            return False
        return (self._alone and pid == os.getpid()) or not _lives(pid, created)


def _original(trials: list[FrozenTrial], trial: FrozenTrial) -> int:
    """The number of the trial that this one, after all, stands for."""
    while REPLACES in trial.user_attrs:
        trial = trials[trial.user_attrs[REPLACES]]
    return trial.number


def _lives(pid: int, create_time: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - create_time) < 1
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _is_file(address: str | Path | None) -> bool:
    return address is not None and "://" not in str(address)


def _without_password(address: str | Path | None) -> str:
    return re.sub(r"://.*@", "://***@", str(address))


def _storage(address: str | Path | None) -> BaseStorage:
    if address is None:
        return optuna.storages.InMemoryStorage()
    if not _is_file(address):
        return _database(str(address))
    path = Path(address)
    _prepare(path)
    backend = JournalFileBackend(str(path), lock_obj=_KernelLock(path))  # type: ignore[arg-type]
    return JournalStorage(backend)


def _database(url: str) -> BaseStorage:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            return RDBStorage(
                url,
                heartbeat_interval=HEARTBEAT_SECONDS,
                grace_period=SILENT_SECONDS,
                heartbeat_stale_trial_callback=replace,
            )
    except (SQLAlchemyError, ImportError) as error:
        raise ValueError(
            f"the study's database {_without_password(url)!r} can't be opened "
            f"({type(error).__name__}); give a file, or a URL such as sqlite:///runs/sweep.db"
        ) from error


def _prepare(path: Path) -> None:
    """Make sure that the file can be written, and that it is a journal."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab"):
            pass
    except OSError as error:
        raise type(error)(
            error.errno,
            f"the study {path} can't be written ({error.strerror}); name another with --study",
        ) from error
    with path.open("rb") as file:
        begin = file.read(len(JOURNAL_BEGINS))
    if begin != JOURNAL_BEGINS[: len(begin)]:
        raise StudyMismatchError(f"{path} is not a study of a sweep; choose another file")


class _KernelLock:
    """A lock between processes that the system releases when its holder dies.

    Optuna's own locks are files that a killed process leaves behind, and the next one waits half a
    minute for. Whoever takes the lock cuts off half a line that such a process may have left, which
    would spoil the line behind it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = filelock.FileLock(path.with_name(path.name + ".lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        with self._path.open("r+b") as file:
            end = file.seek(0, os.SEEK_END)
            while end > 0:
                file.seek(end - 1)
                if file.read(1) == b"\n":
                    break
                end -= 1
            file.truncate(end)
        return True

    def release(self) -> None:
        self._lock.release()
