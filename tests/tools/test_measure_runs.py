"""Measuring the full-length runs: a short one for real, and what becomes of the results."""

import sys

import pytest

from tools.measure_runs import GAINS, RUNS, entries_of, gain, main, run


@pytest.mark.slow
def test_a_run_is_the_command_with_the_seed():
    flags = "--data names --model mlp --hidden-size 4 --steps 3 --batch-size 32"
    first, again, other = run(flags, 1), run(flags, 1), run(flags, 2)
    assert first["validation_loss"] == again["validation_loss"] != other["validation_loss"]
    assert first["steps"] == 3
    assert first["parameters"] == 27 * 10 + 31 * 4 + 5 * 27


@pytest.mark.slow
def test_a_run_that_fails_says_which_and_why():
    with pytest.raises(SystemExit, match=r"--dropout 1 .*(?s:.)*dropout"):
        run("--data names --dropout 1", 0)


def test_an_entry_holds_band_seeds_seconds_and_command():
    results = [
        {"parameters": 10, "seconds": seconds, "validation_loss": loss, "test_loss": loss - 0.1}
        for seconds, loss in ((9.0, 2.0), (10.4, 2.1), (20.0, 2.2), (10.0, 2.3), (11.0, 2.4))
    ]
    entries = entries_of("full.some", "--data some", results)
    assert entries["full.some.parameters"]["value"] == 10
    found = entries["full.some.validation_loss"]
    assert found["mean"] == pytest.approx(2.2)
    assert (found["seeds"], found["seconds"]) == (5, 10)
    assert found["command"] == "python -m intro_lm train --data some"
    assert entries["full.some.test_loss"]["mean"] == pytest.approx(2.1)


def test_a_gain_is_how_much_lower_the_second_run_is_with_its_interval():
    found = gain([2.2, 2.3, 2.25, 2.22, 2.28], [2.1, 2.1, 2.1, 2.1, 2.1])
    low, high = found["interval"]
    assert found["mean"] == pytest.approx(0.15)
    assert 0 < low < 0.15 < high


def test_every_gain_is_one_of_two_runs():
    assert all(set(pair) <= RUNS.keys() for pair in GAINS.values())


def test_an_unknown_run_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_runs.py", "full.nonsense"])
    with pytest.raises(SystemExit):
        main()
    assert "no run is called full.nonsense; there are full.names" in capsys.readouterr().err
