import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

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


@pytest.mark.parametrize("begun", [None, "events.out.tfevents.4000000000.host.1.0"])
def test_rows_are_in_the_runs_order_even_where_the_clock_was_set_back(tmp_path, monkeypatch, begun):
    for start, clock in ((0, 3e9), (20, 2e9), (40, 1e9)):
        monkeypatch.setattr(time, "time", lambda now=clock: now)
        scalars = {start + more: {"loss/train": start} for more in (10, 20)}
        write(tmp_path / "mlp", scalars, {}, start, resume=True)
        if begun and start == 0:  # by an earlier version, which took names from the clock
            next((tmp_path / "mlp").glob("events*")).rename(tmp_path / "mlp" / begun)
    expected = [(10, 0), (20, 0), (30, 20), (40, 20), (50, 40), (60, 40)]
    assert curve(tmp_path) == expected
    shown = EventAccumulator(str(tmp_path / "mlp")).Reload().Scalars("loss/train")  # TensorBoard's
    assert [(event.step, event.value) for event in shown] == expected


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


def test_runs_of_different_tags_and_hyperparameters_share_a_table(tmp_path):
    values = {"learning_rate": 0.1, "hidden_size": 64, "optimizer": "sgd", "tied": True}
    steps = {10: {"loss/train": 3.0}, 20: {"loss/train": 2.0, "loss/validation": 2.5}}
    write(tmp_path / "a", steps, values)
    write(tmp_path / "b", {20: {"accuracy": 0.5}})
    write(tmp_path / "new", {}, {"learning_rate": 0.2})  # has logged nothing yet
    table = load_runs(tmp_path)
    scalars = ["accuracy", "loss/train", "loss/validation"]
    assert sorted(table) == sorted(["run", "step", *scalars, *(f"hparams/{n}" for n in values)])
    assert list(zip(table["run"], table["step"], strict=True)) == [
        ("a", 10), ("a", 20), ("b", 20), ("new", 0)
    ]  # fmt: skip
    nan = np.nan
    expected = [[nan, 3.0, nan], [nan, 2.0, 2.5], [0.5, nan, nan], [nan, nan, nan]]
    np.testing.assert_array_equal(table[scalars], expected)
    for name, value in values.items():
        assert list(table[f"hparams/{name}"][:2]) == [value, value]
    assert table["hparams/learning_rate"].fillna(0).tolist() == [0.1, 0.1, 0, 0.2]


def test_runs_are_sorted_as_people_count(tmp_path):
    for number in (10, 2, 1):
        write(tmp_path / f"trial-{number}", {20: {"loss/train": number}, 10: {"loss/train": 0.0}})
    last = load_runs(tmp_path).groupby("run").last()
    assert list(last.index) == ["trial-1", "trial-2", "trial-10"]
    assert list(last["loss/train"]) == [1.0, 2.0, 10.0]


def test_a_hyperparameter_that_tensorboard_cannot_hold_is_refused(tmp_path):
    with pytest.raises(ValueError, match="int, float, str, bool"):
        Tracker(tmp_path / "mlp").hyperparameters({"learning_rate": 0.1, "clip_norm": [1, 2]})
