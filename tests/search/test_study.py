"""Studies: what they keep, how they go on, and what ends them."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState

from intro_lm.search.experiment import Experiment
from intro_lm.search.space import distributions
from intro_lm.search.storage import StudyMismatchError, counted, open_study, slot_of
from intro_lm.search.study import SweepFailedError, best_so_far, sweep, training_seconds
from intro_lm.search.workers import Work
from tests.search.objectives import SPACE, Crash, parabola, slow_parabola


def run(objective=parabola, space=SPACE, **arguments):
    return sweep(objective, space, **{"trials": 12, "progress": False, **arguments})


def values(study):
    return [(trial.params, trial.value) for trial in counted(study)]


def test_the_best_trial_has_the_lowest_loss():
    study = run(sampler="random")
    assert study.best_value == min(trial.value for trial in study.trials)
    assert study.best_value == parabola(study.best_params, None)


@pytest.mark.parametrize("sampler", ["random", "tpe", "grid"])
def test_a_study_that_stopped_goes_on_to_the_same_trials(tmp_path, sampler):
    space = {
        "x": {"uniform": [-1.0, 1.0], "points": 6},
        "n": {"integer": [1, 5], "points": 2},
    }
    whole = run(space=space, sampler=sampler)
    for trials in (5, 12, 12):
        parts = run(space=space, sampler=sampler, study=tmp_path / "study.log", trials=trials)
    assert len(parts.trials) == 12
    assert values(parts) == values(whole)


def test_a_trial_stopped_by_hand_runs_again_with_its_values(tmp_path):
    whole = run(sampler="tpe")
    calls = []

    def stopped_once(parameters, logger):
        calls.append(parameters)
        if len(calls) == 11:
            raise KeyboardInterrupt
        return parabola(parameters, logger)

    stopped_once.description = "the same"
    with pytest.raises(KeyboardInterrupt):
        run(stopped_once, sampler="tpe", study=tmp_path / "study.log")
    study = run(stopped_once, sampler="tpe", study=tmp_path / "study.log")
    assert values(study) == values(whole)
    assert calls[10] == calls[11]


def test_failed_trials_are_kept_with_their_error_and_dont_end_the_study():
    def fails_above_zero(parameters, logger):
        if parameters["x"] > 0:
            raise ArithmeticError("too high")
        return parabola(parameters, logger)

    study = run(fails_above_zero, sampler="random", trials=20)
    failed = [trial for trial in study.trials if trial.state == TrialState.FAIL]
    assert [trial.number for trial in failed] == [
        trial.number for trial in study.trials if trial.params["x"] > 0
    ]
    assert 0 < len(failed) < 20
    assert {trial.user_attrs["error"] for trial in failed} == {"ArithmeticError: too high"}


def test_all_trials_failing_shows_the_first_error():
    def fails(parameters, logger):
        raise RuntimeError(f"bad luck with {parameters['n']}")

    with pytest.raises(SweepFailedError, match=r"all 3 trials failed; the first .*'x': .*bad luck"):
        run(fails, trials=3)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_not_finite_is_a_failed_trial(loss):
    with pytest.raises(SweepFailedError, match=f"returned the loss {loss}"):
        run(lambda parameters, logger: loss, trials=2)


@pytest.mark.parametrize("pruner", ["median", "halving"])
def test_a_pruner_stops_hopeless_trials_by_their_validation_losses(pruner):
    seen = []

    def trains(parameters, logger):
        logger.steps = 64
        for step in range(1, 65):
            logger.log(step, {"loss/validation": parabola(parameters, None) + 1 / step})
        seen.append(step)
        return parabola(parameters, None)

    study = run(trains, sampler="random", trials=40, pruner=pruner)
    pruned = [trial for trial in study.trials if trial.state == TrialState.PRUNED]
    whole = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(pruned) >= 10
    assert len(whole) == len(seen) >= 3
    assert all(trial.last_step < 100 for trial in pruned)
    assert all(trial.last_step == 100 for trial in whole)

    def mean(trials):
        return sum(parabola(trial.params, None) for trial in trials) / len(trials)

    assert mean(whole) < mean(pruned)


def test_trials_of_different_lengths_are_compared_at_the_same_share_of_their_steps():
    def trains(parameters, logger):
        logger.steps = 40 * parameters["n"]
        for quarter in (1, 2, 3, 4):
            logger.log(10 * parameters["n"] * quarter, {"loss/validation": 1 / quarter})
        return 1.0

    study = run(trains, sampler="random", trials=6, pruner="median")
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}
    assert {tuple(trial.intermediate_values) for trial in study.trials} == {(25, 50, 75, 100)}


def test_of_many_evaluations_the_last_is_kept():
    def trains(parameters, logger):
        logger.steps = 250
        for step in range(1, 251):
            logger.log(step, {"loss/validation": 1 / step})
        return 1 / 250

    (trial,) = run(trains, trials=1).trials
    assert trial.intermediate_values[100] == 1 / 250
    assert len(trial.intermediate_values) == 101


def test_halving_lets_the_better_half_go_on_at_a_quarter_and_at_a_half():
    def trains(parameters, logger):
        logger.steps = 4
        for step in (1, 2, 3, 4):
            logger.log(step, {"loss/validation": parabola(parameters, None)})
        return parabola(parameters, None)

    study = run(trains, sampler="random", trials=64, pruner="halving")
    ends = [trial.last_step for trial in study.trials]
    assert 64 * 0.35 <= ends.count(25) <= 64 * 0.65
    assert 64 * 0.1 <= ends.count(50) <= 64 * 0.35
    assert ends.count(75) == 0


def test_the_last_evaluation_prunes_nothing():
    def trains(parameters, logger):
        logger.steps = 1
        logger.log(1, {"loss/validation": parabola(parameters, None)})
        return parabola(parameters, None)

    study = run(trains, sampler="random", trials=20, pruner="median")
    assert {trial.state for trial in study.trials} == {TrialState.COMPLETE}


def test_best_so_far_falls_at_completed_trials_alone():
    losses = iter([3.0, None, 2.0, 4.0, 1.0])

    def trains(parameters, logger):
        loss = next(losses)
        if loss is None:
            raise optuna.TrialPruned
        return loss

    assert best_so_far(run(trains, trials=5)) == [3.0, 3.0, 2.0, 2.0, 1.0]


def test_the_seconds_in_the_training_loop_are_kept():
    def trains(parameters, logger):
        time.sleep(1.0)  # building the model is not training it
        logger.start(0)
        time.sleep(0.1)
        logger.log(1, {"loss/train": 1.0})
        return 1.0

    assert all(0.1 <= seconds < 0.9 for seconds in training_seconds(run(trains, trials=2)))


def test_two_workers_share_a_study_and_draw_what_one_would(tmp_path):
    alone = run(sampler="random", trials=20)
    study = run(slow_parabola, sampler="random", trials=20, study=tmp_path / "study.log", workers=2)
    assert values(study) == values(alone)
    assert len({tuple(trial.user_attrs["owner"]) for trial in study.trials}) == 2


def test_a_database_serves_in_place_of_the_file(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    run(study=url, trials=3, name="one", sampler="random")
    study = run(study=url, trials=8, workers=2, name="one", sampler="random")
    assert values(study) == values(run(trials=8, sampler="random"))
    assert len(run(study=url, trials=2, name="two").trials) == 2


def test_a_worker_that_dies_is_reported_and_its_trial_runs_again(tmp_path):
    crash = Crash(str(tmp_path / "crashed"))
    with pytest.raises(SweepFailedError, match=r"1 of 2 workers died \(exit code -9\)"):
        run(crash, study=tmp_path / "study.log", workers=2, sampler="random")
    study = run(crash, study=tmp_path / "study.log", workers=2, sampler="random")
    assert values(study) == values(run(sampler="random"))


def test_more_workers_than_trials_draw_no_trial_too_many(tmp_path):
    study = run(slow_parabola, study=tmp_path / "study.log", workers=4, trials=2)
    assert len([trial for trial in study.trials if trial.state == TrialState.COMPLETE]) == 2


def test_a_surplus_trial_counts_nowhere():
    study = run(trials=3, sampler="random")
    surplus = study.ask()
    with pytest.raises(SweepFailedError, match="drawn the last trial"):
        Work(parabola, distributions(SPACE), 3, None)._run_trial(surplus, None)
    study.tell(surplus, state=TrialState.FAIL)
    assert len(counted(study)) == 3
    later = study.ask()
    assert slot_of(study, study.trials[later.number]) == 3


def test_a_slot_that_two_processes_queue_again_is_run_once(tmp_path):
    path = tmp_path / "study.log"
    study = run(trials=2, study=path, sampler="random")
    lost = study.ask()
    for _ in range(2):
        study.enqueue_trial({}, user_attrs={"replaces": lost.number})
    study.tell(lost, state=TrialState.FAIL)
    assert values(run(trials=4, study=path, sampler="random")) == values(
        run(trials=4, sampler="random")
    )
    whole = [trial for trial in run(trials=4, study=path, sampler="random").trials if trial.value]
    assert len(whole) == 4


class Interrupts:
    """Stops by hand in one slot, as often as it is told to."""

    description = "interrupts"

    def __init__(self, slot, times=1):
        self.slot, self.times, self.calls = slot, times, []

    def __call__(self, parameters, logger):
        self.calls.append(dict(parameters))
        if slot_of(logger.trial.study, logger.trial.study.trials[-1]) == self.slot and (
            self.times > 0
        ):
            self.times -= 1
            raise KeyboardInterrupt
        return parabola(parameters, logger)


def test_fewer_trials_and_then_more_again_lose_none(tmp_path):
    path = tmp_path / "study.log"
    objective = Interrupts(slot=5)
    with pytest.raises(KeyboardInterrupt):
        run(objective, study=path, sampler="random", trials=10)
    assert len(counted(run(objective, study=path, sampler="random", trials=3))) == 6
    study = run(objective, study=path, sampler="random", trials=10)
    assert values(study) == values(run(trials=10, sampler="random"))


@pytest.mark.parametrize("sampler", ["random", "tpe"])
@pytest.mark.parametrize("drawn", [0, 1])
def test_a_trial_killed_while_its_values_are_drawn_runs_again_with_the_same(
    tmp_path, monkeypatch, sampler, drawn
):
    monkeypatch.setattr("intro_lm.search.storage.OWNERLESS_SECONDS", 0.5)
    path = tmp_path / "study.log"
    for trials in (2, 2, 12):  # killed again, before its rerun drew any value
        study = run(trials=trials, study=path, sampler=sampler)
        trial = study.ask()
        if drawn:
            trial.suggest_int("n", 1, 5)
    study = run(trials=20, study=path, sampler=sampler)
    assert values(study) == values(run(trials=20, sampler=sampler))


def test_a_trial_of_this_very_process_that_was_cut_off_runs_again(tmp_path):
    path = tmp_path / "study.log"
    trial = run(trials=2, study=path, sampler="random").ask()
    me = psutil.Process()
    trial.set_user_attr("owner", ["an earlier host name", me.pid, me.create_time()])
    assert values(run(trials=4, study=path, sampler="random")) == values(
        run(trials=4, sampler="random")
    )


def test_a_slot_whose_workers_keep_dying_is_left_failed_in_the_end(tmp_path):
    path = tmp_path / "study.log"
    study = run(trials=2, study=path, sampler="random")
    for _ in range(5):
        trial = study.ask()
        trial.set_user_attr("owner", ["", 2**22 + 1, 0.0])  # no such process
        study = run(trials=2, study=path, sampler="random")
    study = run(trials=4, study=path, sampler="random")
    states = [each.state.name for each in counted(study)]
    assert states == ["COMPLETE", "COMPLETE", "FAIL", "COMPLETE"]


def test_the_order_of_the_space_makes_no_difference(tmp_path):
    path = tmp_path / "study.log"
    run(trials=5, study=path, sampler="random")
    turned = {name: SPACE[name] for name in reversed(SPACE)}
    study = run(trials=12, study=path, sampler="random", space=turned)
    assert values(study) == values(run(sampler="random"))


SWEEP = """
dataset = "names"
sampler = "random"
[fixed]
steps = 10
evaluate_every = 5
[space]
learning_rate = { log-uniform = [0.001, 0.1] }
hidden_size = { integer = [4, 16] }
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_a_study_killed_three_times_ends_whole(tmp_path, workers):
    (tmp_path / "space.toml").write_text(SWEEP)
    command = [sys.executable, "-m", "intro_lm", "sweep", "space.toml", "--study", "sweep.log"]
    command += ["--trials", "30", "--workers", str(workers)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = 0
    for goal in (3, 10, 20):
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        deadline = time.monotonic() + 120
        while done < goal and process.poll() is None and time.monotonic() < deadline:
            done = finished(tmp_path / "sweep.log")
        assert process.poll() is None, "the sweep ended before it was killed"
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    last = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    study = optuna.load_study(
        study_name="sweep",
        storage=optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / "sweep.log"))
        ),
    )
    whole = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    assert len(whole) == 30
    assert len({tuple(trial.params.values()) for trial in whole}) == 30
    assert [trial.params for trial in counted(study)] == [
        trial.params
        for trial in counted(
            run(
                space={
                    "learning_rate": {"log-uniform": [0.001, 0.1]},
                    "hidden_size": {"integer": [4, 16]},
                },
                objective=lambda parameters, logger: 1.0,
                trials=30,
                sampler="random",
            )
        )
    ]


def finished(journal: Path) -> int:
    """Completed trials, read from the journal without opening the study."""
    if not journal.exists():
        return 0
    operations = [json.loads(line) for line in journal.read_bytes().split(b"\n")[:-1]]
    return sum(each["op_code"] == 6 and each["state"] == 1 for each in operations)


def test_half_a_line_at_the_end_of_the_file_is_dropped(tmp_path):
    path = tmp_path / "study.log"
    run(trials=5, study=path, sampler="random")
    with path.open("ab") as file:
        file.write(b'{"op_code":4,"work')
    assert values(run(trials=8, study=path, sampler="random")) == values(
        run(trials=8, sampler="random")
    )


def test_half_a_line_of_a_dead_process_spoils_nothing_for_a_living_one(tmp_path):
    path = tmp_path / "study.log"

    def finds_half_a_line(parameters, logger):
        with path.open("ab") as file:
            file.write(b'{"op_code":4,"work')
        return parabola(parameters, logger)

    study = run(finds_half_a_line, trials=4, study=path, sampler="random")
    assert values(study) == values(run(trials=4, sampler="random"))
    assert len(open_study(path, "sweep").trials) == 4


def test_a_damaged_study_is_named(tmp_path):
    path = tmp_path / "study.log"
    run(trials=2, study=path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:3], b"x\n", *lines[3:]]))
    with pytest.raises(StudyMismatchError, match=r"study\.log is damaged"):
        run(study=path)


def test_a_running_trial_of_nobody_is_replaced_after_a_while(tmp_path, monkeypatch):
    monkeypatch.setattr("intro_lm.search.storage.OWNERLESS_SECONDS", 0.5)
    path = tmp_path / "study.log"
    run(trials=2, study=path, sampler="random").ask()  # a worker killed before it signed
    assert values(run(trials=4, study=path, sampler="random")) == values(
        run(trials=4, sampler="random")
    )


def test_a_trial_of_a_living_process_is_left_to_it(tmp_path):
    path = tmp_path / "study.log"
    trial = run(trials=2, study=path, sampler="random").ask()
    parent = psutil.Process(os.getppid())
    trial.set_user_attr("owner", [os.uname().nodename, parent.pid, parent.create_time()])
    study = run(trials=4, study=path, sampler="random")
    states = [each.state.name for each in study.trials]
    assert states == ["COMPLETE", "COMPLETE", "RUNNING", "COMPLETE"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"space": {"x": {"uniform": [0.0, 1.0]}}}, "begun with space ="),
        ({"seed": 5}, "begun with seed = 0, not 5"),
        ({"sampler": "tpe"}, "begun with sampler = 'random', not 'tpe'"),
        ({"pruner": "median"}, "begun with pruner = 'none', not 'median'"),
        ({"objective": slow_parabola}, "begun with objective = 'parabola', not 'slow_parabola'"),
    ],
)
def test_a_study_of_another_sweep_is_refused_and_stays(tmp_path, change, message):
    path = tmp_path / "study.log"
    run(trials=2, study=path, sampler="random")
    before = path.read_bytes()
    with pytest.raises(StudyMismatchError, match=message):
        run(study=path, **{"sampler": "random", **change})
    assert path.read_bytes() == before


def test_a_study_of_another_project_is_refused(tmp_path):
    for name in ("theirs", "sweep"):
        storage = optuna.storages.JournalStorage(
            optuna.storages.journal.JournalFileBackend(str(tmp_path / name))
        )
        study = optuna.create_study(study_name=name, storage=storage)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    with pytest.raises(StudyMismatchError, match="holds the study 'theirs', not 'sweep'"):
        run(study=tmp_path / "theirs")
    with pytest.raises(StudyMismatchError, match="was not made by intro_lm"):
        run(study=tmp_path / "sweep")


@pytest.mark.parametrize("content", [b"my diary", b"my diary\n", b'{"a": 1}\n'])
def test_a_file_that_is_no_study_is_refused_and_stays(tmp_path, content):
    (tmp_path / "diary.txt").write_bytes(content)
    with pytest.raises(StudyMismatchError, match="is not a study"):
        run(study=tmp_path / "diary.txt")
    assert (tmp_path / "diary.txt").read_bytes() == content


def test_a_folder_that_cant_be_written_is_an_error_that_names_it(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match=r"study .*file/study.log can't be written"):
        run(study=tmp_path / "file" / "study.log")
    with pytest.raises(OSError, match=r"runs can't be written to .*file"):
        run(runs=tmp_path / "file")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sampler": "bayes"}, "sampler is 'bayes'"),
        ({"seed": -1}, "seed is -1"),
        ({"trials": 0}, "trials is 0"),
        ({"workers": 0}, "workers is 0"),
        ({"pruner": "hyperband"}, "pruner is 'hyperband'"),
        ({"workers": 2}, "several workers need a study that is kept"),
        ({"study": "nosuch://database"}, "can't be opened"),
    ],
)
def test_bad_arguments_are_named_before_any_trial(arguments, message):
    def never(parameters, logger):
        raise AssertionError

    with pytest.raises(ValueError, match=message):
        run(never, **arguments)


def test_a_wrong_argument_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="sampler is 'bayes'"):
        run(sampler="bayes", study=tmp_path / "new" / "study.log", runs=tmp_path / "runs")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["nosuch://me:se@cret@host/db", "sqlite://me:se@cret@/x:y/z"])
def test_a_databases_password_stays_out_of_the_message(address):
    with pytest.raises(ValueError, match="can't be opened") as caught:
        open_study(address, "sweep", {})
    assert "cret" not in str(caught.value)


@pytest.mark.parametrize("module", ["__main__", "tests.search.test_study"])
def test_an_objective_that_workers_cant_import_is_refused(tmp_path, module):
    def objective(parameters, logger):
        return 1.0

    objective.__module__ = module
    with pytest.raises(ValueError, match="defined in a notebook"):
        run(objective, workers=2, study=tmp_path / "study.log")


def test_settings_that_cant_be_trained_with_are_named_before_any_trial(tmp_path):
    for space, message in (
        ({"hidden_size": {"integer": [-5, 8]}}, "hidden_size is -5"),
        ({"optimizer": {"categorical": ["adam"]}}, "optimizer is 'adam'"),
        ({"learning_rate": {"uniform": [0.0, 0.1]}}, r"learning_rate is 0\.0"),
    ):
        with pytest.raises(ValueError, match=message):
            run(Experiment(), space=space, study=tmp_path / "study.log")
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_stops_workers_and_their_trials_run_again(tmp_path):
    (tmp_path / "space.toml").write_text(SWEEP.replace("steps = 10", "steps = 200"))
    command = [sys.executable, "-m", "intro_lm", "sweep", "space.toml", "--study", "sweep.log"]
    command += ["--trials", "12", "--workers", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while finished(tmp_path / "sweep.log") < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)  # to the parent alone, as an IDE's stop button does
    _, shown = process.communicate(timeout=60)
    assert process.returncode == 130
    assert shown.endswith("stopped; the same command goes on\n")
    assert "Traceback" not in shown
    assert finished(tmp_path / "sweep.log") < 12
    last = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    study = open_study(tmp_path / "sweep.log", "sweep")
    assert [trial.state for trial in counted(study)] == [TrialState.COMPLETE] * 12


def test_a_database_takes_over_from_a_killed_process(tmp_path):
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    crash = Crash(str(tmp_path / "crashed"))
    with pytest.raises(SweepFailedError, match="1 of 2 workers died"):
        run(crash, study=url, workers=2, sampler="random")
    assert values(run(crash, study=url, sampler="random")) == values(run(sampler="random"))


def test_a_machine_that_fell_silent_is_replaced(tmp_path, monkeypatch):
    monkeypatch.setattr("intro_lm.search.storage.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("intro_lm.search.storage.SILENT_SECONDS", 1)
    url = f"sqlite:///{tmp_path / 'studies.db'}"
    study = run(study=url, trials=2, sampler="random")
    trial = study.ask()
    trial.set_user_attr("owner", ["another machine", 1, 0.0])
    study._storage.record_heartbeat(trial._trial_id)
    time.sleep(2.5)
    assert values(run(study=url, trials=3, sampler="random")) == values(
        run(trials=3, sampler="random")
    )
