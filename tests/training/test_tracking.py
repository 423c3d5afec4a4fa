import pytest

from intro_lm.training import Tracker, load_runs


def test_a_second_run_of_the_same_name_stands_beside_the_first(tmp_path):
    for value in (1.0, 2.0):
        tracker = Tracker(tmp_path / "mlp")
        tracker.log(1, {"loss/train": value})
        tracker.close()
    runs = load_runs(tmp_path)
    assert {name: run["loss/train"] for name, run in runs.items()} == {
        "mlp": [(1, 1.0)],
        "mlp-2": [(1, 2.0)],
    }


def test_two_trackers_of_the_same_name_never_share_a_folder(tmp_path):
    assert Tracker(tmp_path / "mlp").folder != Tracker(tmp_path / "mlp").folder


def test_a_run_resumed_from_its_very_beginning_hides_all_it_wrote(tmp_path):
    for value in (1.0, 2.0):
        tracker = Tracker(tmp_path / "mlp", resume=True)
        tracker.start(0)
        tracker.log(10, {"loss/train": value})
        tracker.close()
    assert load_runs(tmp_path)["mlp"]["loss/train"] == [(10, 2.0)]


def test_a_resumed_run_hides_what_was_written_beyond_the_checkpoint(tmp_path):
    first = Tracker(tmp_path / "mlp")
    first.start(0)
    for step in (10, 20, 30):
        first.log(step, {"loss/train": 1.0})
    first.close()
    second = Tracker(tmp_path / "mlp", resume=True)
    second.start(20)
    second.log(30, {"loss/train": 2.0})
    second.close()
    assert load_runs(tmp_path)["mlp"]["loss/train"] == [(10, 1.0), (20, 1.0), (30, 2.0)]


def test_texts_are_written(tmp_path):
    tracker = Tracker(tmp_path / "mlp")
    tracker.text("samples", "anna\nbob")
    tracker.close()
    content = next((tmp_path / "mlp").glob("events*")).read_bytes()
    assert b"anna" in content
    assert b"bob" in content


def test_no_runs_is_an_error_that_names_the_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match="no TensorBoard runs below"):
        load_runs(tmp_path)
