"""Studies: what they keep, how they go on, and what ends them."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from intro_lm.search import Experiment, SweepFailedError, best_so_far, sweep, training_seconds
from intro_lm.search import study as studies

pytestmark = [
    pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning"),
    pytest.mark.filterwarnings("ignore:Heartbeat of storage is supposed"),  # of study.ask() here
]


SPACE = {"x": {"uniform": [-1.0, 1.0]}, "n": {"integer": [1, 5]}}


def parabola(parameters, logger):
    return parameters["x"] ** 2 + parameters["n"] / 5


def run(objective=parabola, space=SPACE, **arguments):
    return sweep(objective, space, **{"trials": 12, "progress": False, **arguments})


def states(study):
    return [trial.state for trial in studies.counted(study)]


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_study_that_stopped_goes_on_to_the_same_trials(tmp_path, sampler):
    space = {
        "x": {"uniform": [-1.0, 1.0], "points": 6},
        "n": {"integer": [1, 5], "points": 2},
    }
    whole = run(space=space, sampler=sampler)
    for trials in (9, 12, 12):
        parts = run(space=space, sampler=sampler, study=tmp_path / "new" / "s.db", trials=trials)
    assert len(parts.trials) == 12
    assert [(t.params, t.value) for t in parts.trials] == [
        (t.params, t.value) for t in whole.trials
    ]


@pytest.mark.parametrize("sampler", ["tpe", "grid"])
def test_a_trial_stopped_by_hand_runs_again_with_its_values(tmp_path, sampler):
    calls = []

    def stopped_once(parameters, logger):
        calls.append(parameters)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return parabola(parameters, logger)

    space = {"x": {"categorical": [-1.0, 0.0, 1.0]}, "n": {"integer": [1, 2]}}
    arguments = {"space": space, "sampler": sampler, "trials": 6, "study": tmp_path / "s.db"}
    with pytest.raises(KeyboardInterrupt):
        run(stopped_once, **arguments)
    study = run(stopped_once, **arguments)
    assert calls.count(calls[4]) >= 2
    assert states(study) == [TrialState.COMPLETE] * 6
    if sampler == "grid":
        assert len({tuple(trial.params.values()) for trial in studies.counted(study)}) == 6


def test_failed_trials_are_kept_with_their_error_and_dont_end_the_study():
    def fails_above_zero(parameters, logger):
        if parameters["x"] > 0:
            raise ArithmeticError("too high")
        return parabola(parameters, logger)

    study = run(fails_above_zero, sampler="random", trials=20)
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert failed == [trial for trial in study.trials if trial.params["x"] > 0]
    assert {trial.user_attrs["error"] for trial in failed} == {"ArithmeticError: too high"}


def test_all_trials_failing_shows_the_first_error():
    with pytest.raises(SweepFailedError, match=r"all 3 trials failed.*returned the loss nan"):
        run(lambda parameters, logger: float("nan"), trials=3)


def test_the_pruner_stops_hopeless_trials_at_the_same_fraction_of_their_steps():
    def trains(parameters, logger):
        logger.steps = 40 * parameters["n"]
        for quarter in (1, 2, 3, 4):
            loss = parabola(parameters, None) + 1 / quarter
            logger.log(10 * parameters["n"] * quarter, {"loss/validation": loss})
        return parabola(parameters, None)

    study = run(trials=40, objective=trains, sampler="random", pruner="median")
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    whole = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(pruned) >= 10
    assert {tuple(trial.intermediate_values) for trial in whole} == {(25, 50, 75, 100)}
    assert all(trial.last_step < 100 for trial in pruned)  # nothing is saved by pruning at the end

    def mean(trials):
        return sum(parabola(trial.params, None) for trial in trials) / len(trials)

    assert mean(whole) < mean(pruned)
    unpruned = run(sampler="random", trials=40)
    assert [trial.params for trial in study.trials] == [trial.params for trial in unpruned.trials]


def test_best_so_far_falls_at_completed_trials_alone():
    losses = iter([3.0, None, 2.0, 4.0, 1.0])

    def trains(parameters, logger):
        loss = next(losses)
        if loss is None:
            raise optuna.TrialPruned
        return loss

    study = run(trains, trials=5)
    assert best_so_far(study) == [3.0, 3.0, 2.0, 2.0, 1.0]
    assert len(training_seconds(study)) == 5


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"x": {"uniform": [0.0, 1.0]}}}, "begun with space ="),
        ({"seed": 5}, "begun with seed = 0, not 5"),
        ({"objective": Experiment(), "space": {"steps": {"integer": [1, 2]}}}, "with objective ="),
    ],
)
def test_a_study_of_another_sweep_is_refused(tmp_path, change, message):
    run(trials=2, study=tmp_path / "s.db")
    with pytest.raises(ValueError, match=message):
        run(study=tmp_path / "s.db", **change)


def new_database(path):
    """A study's database as Optuna makes it, and a connection to it."""
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    optuna.create_study(study_name="sweep", storage=storage).add_trial(
        optuna.create_trial(value=1.0)
    )
    storage.engine.dispose()
    return contextlib.closing(sqlite3.connect(path))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("", "the study 'sweep' was begun with objective = None"),
        ("begin exclusive", "database is locked. If another program uses it, end that one; else"),
        ("update alembic_version set version_num = 'v99'", "Please try updating optuna"),
        ("update alembic_version set version_num = 'v3.0.0.d'", "optuna storage upgrade"),
        ("drop table version_info; create table version_info (a int)", "no such column"),
    ],
)
def test_a_database_that_cant_be_used_is_one_error(tmp_path, monkeypatch, change, message):
    monkeypatch.setattr(studies, "LOCKED_SECONDS", 0.1)
    with new_database(tmp_path / "s.db") as database:
        database.executescript(change)
        with pytest.raises(ValueError, match=message):
            run(study=tmp_path / "s.db")


def test_a_database_that_is_locked_during_the_sweep_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "LOCKED_SECONDS", 0.1)

    def locks(parameters, logger):
        database.execute("begin immediate")
        return 1.0

    with (
        contextlib.closing(sqlite3.connect(tmp_path / "s.db")) as database,
        pytest.raises(ValueError, match=r"s.db can't be used as a study: database is locked"),
    ):
        run(locks, study=tmp_path / "s.db")


def test_a_file_that_isnt_a_study_is_refused_and_stays(tmp_path):
    (tmp_path / "diary.txt").write_text("my diary")
    with pytest.raises(ValueError, match=r"diary.txt can't be used as a study: file is not a data"):
        run(study=tmp_path / "diary.txt")
    assert (tmp_path / "diary.txt").read_text() == "my diary"


def test_a_folder_that_cant_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").touch()
    for arguments in ({"study": tmp_path / "file" / "s.db"}, {"runs": tmp_path / "file"}):
        with pytest.raises(OSError, match="file"):
            run(**arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampler": "bayes"}, "sampler is 'bayes'"),
        ({"seed": -1}, "seed is -1"),
        ({"trials": 0}, "trials is 0"),
        ({"pruner": "hyperband"}, "pruner is 'hyperband'"),
        ({"study": "nosuch://me:secret@host/db"}, "^host/db can't be used"),
        ({"objective": Experiment(), "space": {"hidden": {"integer": [1, 2]}}}, "space.hidden"),
    ],
)
def test_bad_arguments_are_named_before_any_trial(arguments, message):
    with pytest.raises(ValueError, match=message):
        run(**arguments)


def test_a_file_holds_several_studies_and_none_keeps_it_open(tmp_path):
    run(trials=3, study=tmp_path / "s.db", name="other")
    study = run(trials=2, study=f"sqlite:///{tmp_path / 's.db'}")
    assert len(study.trials) == 2
    assert study.best_value == min(trial.value for trial in study.trials)
    assert not [file for file in psutil.Process().open_files() if file.path.endswith("s.db")]


def test_a_trial_whose_process_died_runs_again_with_its_values(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(studies, "SILENT_SECONDS", 1)
    study = run(trials=2, study=tmp_path / "s.db", sampler="random")
    study.ask()  # neither gives a sign of life
    drawn = study.ask().suggest_int("n", 1, 5)
    study = run(trials=5, study=tmp_path / "s.db", sampler="random")
    whole = studies.counted(study)
    assert states(study) == [TrialState.COMPLETE] * 5
    assert len({tuple(trial.params.values()) for trial in whole}) == 5
    assert drawn in [trial.params["n"] for trial in whole if "retry_history" in trial.system_attrs]


@pytest.mark.parametrize(("sampler", "values"), [("grid", [1, 2, 3]), ("grid", [2]), ("tpe", [2])])
def test_a_trial_that_kills_its_process_again_and_again_fails(
    tmp_path, monkeypatch, sampler, values
):
    monkeypatch.setattr(studies, "HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr(studies, "SILENT_SECONDS", 1)
    monkeypatch.setattr(studies, "MOST_RETRIES", 1)
    arguments = {"space": {"n": {"categorical": values}}, "study": tmp_path / "s.db"}
    arguments |= {"sampler": sampler, "trials": len(values)}

    def dies(parameters, logger):
        if parameters["n"] == 2:
            raise SystemExit  # which leaves a trial as a kill does
        return 1.0

    for _ in range(2):
        with pytest.raises(SystemExit):
            run(dies, **arguments)
    if values == [2]:
        with pytest.raises(SweepFailedError, match="the first: its process died 2 times"):
            run(dies, **arguments)
    else:
        ended = {t.params["n"]: t.state for t in studies.counted(run(dies, **arguments))}
        assert ended == {1: TrialState.COMPLETE, 2: TrialState.FAIL, 3: TrialState.COMPLETE}


def test_a_trial_that_another_process_ends_first_counts_once(tmp_path):
    def overtaken(parameters, logger):
        if logger.trial.number == 0:
            storage = studies._storage(str(tmp_path / "s.db"))  # closes what it opens
            optuna.load_study(study_name="sweep", storage=storage).tell(0, 1.0)
        return 2.0

    study = run(overtaken, trials=3, study=tmp_path / "s.db")
    assert [trial.value for trial in study.trials] == [1.0, 2.0, 2.0]


SWEEP = """
sampler = "{sampler}"
[fixed]
steps = {steps}
evaluate_every = 5
[space]
learning_rate = {{ log-uniform = [0.001, 0.1], points = 6 }}
hidden_size = {{ integer = [4, 16], points = 5 }}
"""


@pytest.fixture
def command(tmp_path):
    """Starts the sweep of a file as processes of their own."""

    def start(sampler="random", steps=10, trials=30):
        (tmp_path / "space.toml").write_text(SWEEP.format(sampler=sampler, steps=steps))
        arguments = ["sweep", "space.toml", "--study", "s.db", "--trials", str(trials)]
        return subprocess.Popen(
            [sys.executable, "-m", "intro_lm", *arguments],
            cwd=tmp_path,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def finish(*processes):
    """Wait for all, which must end well."""
    for process in processes:
        errors = process.communicate()[1]
        assert process.returncode == 0, errors


def wait_for(database, goal, process):
    """Wait until so many trials are complete."""
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
        with (
            contextlib.suppress(sqlite3.OperationalError),  # not begun
            contextlib.closing(sqlite3.connect(database)) as opened,
        ):
            complete = opened.execute("select * from trials where state = 'COMPLETE'").fetchall()
            if len(complete) >= goal:
                return
    raise AssertionError("the sweep ended before it was stopped")


def require_whole(database, trials):
    """So many trials are complete, none of them twice, and none is left unfinished."""
    study = optuna.load_study(study_name="sweep", storage=studies._storage(str(database)))
    assert {trial.state for trial in study.trials} <= {TrialState.COMPLETE, TrialState.FAIL}
    assert states(study) == [TrialState.COMPLETE] * trials
    assert len({tuple(trial.params.values()) for trial in studies.counted(study)}) == trials


@pytest.mark.slow
@pytest.mark.parametrize(("sampler", "count"), [("random", 1), ("tpe", 2)])
def test_a_study_killed_three_times_ends_whole(tmp_path, command, sampler, count):
    for goal in (3, 10, 20):
        processes = [command(sampler) for _ in range(count)]
        wait_for(tmp_path / "s.db", goal, processes[0])
        for process in processes:
            process.kill()
            process.communicate()
    finish(*(command(sampler) for _ in range(count)))
    require_whole(tmp_path / "s.db", 30)


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_loses_nothing(tmp_path, command):
    other, process = (command(steps=200, trials=12) for _ in range(2))
    wait_for(tmp_path / "s.db", 3, process)
    process.send_signal(signal.SIGINT)
    shown = process.communicate(timeout=180)[1]  # it may wait for the database
    assert process.returncode == 130
    assert shown.endswith("stopped; the same command continues\n")
    assert "Traceback" not in shown
    other.kill()
    other.communicate()
    finish(command(steps=200, trials=12))
    require_whole(tmp_path / "s.db", 12)
