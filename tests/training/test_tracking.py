import numpy as np
import pytest

from intro_lm.training import Tracker, load_runs


def write(folder, scalars, hyperparameters=None, start=None, resume=False):
    """A run with these scalars by step."""
    tracker = Tracker(folder, resume)
    if hyperparameters is not None:
        tracker.hyperparameters(hyperparameters)
    if start is not None:
        tracker.start(start)
    for step, values in scalars.items():
        tracker.log(step, values)
    tracker.close()


def curve(folder):
    table = load_runs(folder)
    return list(zip(table["step"], table["loss/train"], strict=True))


def test_a_second_run_of_the_same_name_gets_a_folder_of_its_own(tmp_path):
    for value in (1.0, 2.0):
        write(tmp_path / "mlp", {1: {"loss/train": value}})
    assert load_runs(tmp_path).to_dict("records") == [
        {"run": "mlp", "step": 1, "loss/train": 1.0},
        {"run": "mlp-2", "step": 1, "loss/train": 2.0},
    ]


def test_a_resumed_run_hides_what_was_written_beyond_the_checkpoint(tmp_path):
    for start, value in ((0, 1.0), (20, 2.0)):
        scalars = {start + more: {"loss/train": value} for more in (10, 20, 30)}
        write(tmp_path / "mlp", scalars, {"learning_rate": 0.1}, start, resume=True)
    assert curve(tmp_path) == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0), (50, 2.0)]
    assert list(load_runs(tmp_path)["hparams/learning_rate"]) == [0.1] * 5


def test_a_run_resumed_in_the_same_second_hides_it_too(tmp_path):
    """The files of one process are numbered, and the tenth must not come before the ninth."""
    for value in range(12):
        write(tmp_path / "mlp", {10: {"loss/train": value}}, start=0, resume=True)
    assert curve(tmp_path) == [(10, 11.0)]


def test_what_is_written_after_closing_hides_nothing(tmp_path):
    tracker = Tracker(tmp_path / "mlp")
    tracker.start(0)
    for step in (10, 20):
        tracker.log(step, {"loss/train": 1.0})
        tracker.close()
    assert curve(tmp_path) == [(10, 1.0), (20, 1.0)]


def test_texts_are_written(tmp_path):
    tracker = Tracker(tmp_path / "mlp")
    tracker.text("samples", "anna\nbob")
    tracker.close()
    assert b"anna  \nbob" in next((tmp_path / "mlp").glob("events*")).read_bytes()


def test_no_runs_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no TensorBoard runs below"):
        load_runs(tmp_path)


def test_runs_of_different_tags_share_a_table(tmp_path):
    steps = {10: {"loss/train": 3.0}, 20: {"loss/train": 2.0, "loss/validation": 2.5}}
    write(tmp_path / "a", steps)
    write(tmp_path / "b", {20: {"accuracy": 0.5}})
    table = load_runs(tmp_path)
    assert list(table) == ["run", "step", "accuracy", "loss/train", "loss/validation"]
    assert list(table["run"]) == ["a", "a", "b"]
    assert list(table["step"]) == [10, 20, 20]
    np.testing.assert_array_equal(table["accuracy"], [np.nan, np.nan, 0.5])
    np.testing.assert_array_equal(table["loss/train"], [3.0, 2.0, np.nan])
    np.testing.assert_array_equal(table["loss/validation"], [np.nan, 2.5, np.nan])


def test_hyperparameters_are_on_each_row_of_their_run(tmp_path):
    values = {"learning_rate": 0.1, "hidden_size": 64, "optimizer": "sgd", "tied": True}
    write(tmp_path / "a", {10: {"loss/train": 3.0}, 20: {"loss/train": 2.0}}, values)
    write(tmp_path / "b", {10: {"loss/train": 4.0}})
    table = load_runs(tmp_path)
    for name, value in values.items():
        assert list(table[f"hparams/{name}"][:2]) == [value, value]
        assert table[f"hparams/{name}"].isna().tolist() == [False, False, True]


def test_runs_are_sorted_as_people_count(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path / f"trial-{number}", {20: {"loss/train": number}, 10: {"loss/train": 0.0}})
    last = load_runs(tmp_path).groupby("run").last()
    assert list(last.index) == ["trial-1", "trial-2", "trial-10"]
    assert list(last["loss/train"]) == [1.0, 2.0, 10.0]


def test_a_run_that_has_logged_nothing_yet_is_at_step_0(tmp_path):
    write(tmp_path / "new", {}, {"learning_rate": 0.1})
    write(tmp_path / "old", {10: {"loss/train": 3.0}}, {"learning_rate": 0.2})
    table = load_runs(tmp_path)
    assert list(table["step"]) == [0, 10]
    assert list(table["hparams/learning_rate"]) == [0.1, 0.2]


def test_a_hyperparameter_that_tensorboard_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="int, float, str, bool"):
        Tracker(tmp_path / "mlp").hyperparameters({"learning_rate": 0.1, "clip_norm": [1, 2]})
