"""Measuring bands: what an entry holds, and the real tool on a small notebook."""

import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.course.notebooks.makers import cell, notebook, save
from tools.measure_bands import entry, limited, main, with_seed

ROOT = Path(__file__).parents[2]
MEASURED = """
from course.expected import expect
expect("01.number", 3)
expect("01.loss", 2.0 + 0.01 * SEED)
"""


def test_a_whole_number_is_promised_exactly():
    assert entry([3, 3, 3], "so") == {"value": 3, "command": "so"}
    with pytest.raises(SystemExit, match=r"differs between seeds: \[3, 4\]"):
        entry([3, 4], "so")


def test_a_measured_number_gets_six_standard_deviations_to_each_side():
    values = [2.0, 2.01, 2.02, 2.03, 2.04, 2.0]
    mean, std = statistics.fmean(values), statistics.stdev(values)
    found = entry(values, "so", seeds=5)
    assert found["mean"] == pytest.approx(mean, abs=1e-5)
    assert found["low"] == pytest.approx(mean - 6 * std, abs=1e-4)
    assert found["high"] == pytest.approx(mean + 6 * std, abs=1e-4)
    assert found["seeds"] == 5
    never_varies = entry([1.25] * 6, "so")
    assert (never_varies["low"], never_varies["high"]) == (1.246, 1.254)


@pytest.mark.parametrize(
    ("name", "band"),
    [
        ("03.pruning.rank_correlation", (-1, 1)),
        ("05.curve.baseline_all_accuracy", (0, 1)),
        ("05.curve.scratch_30", (0, 1)),  # a recall
        ("01.mlp.validation_loss", (0, 1.4)),
        ("04.test.gain", (-1.2, 1.4)),
    ],
)
def test_a_band_ends_where_the_number_does(name, band):
    found = limited(name, {"low": -1.2, "high": 1.4, "seeds": 8})
    assert (found["low"], found["high"]) == band


def test_a_notebook_without_its_one_seed_line_is_refused(tmp_path):
    path = save(notebook(cell("x = 1")), tmp_path / "01_bad.ipynb")
    with pytest.raises(SystemExit, match=r"01_bad.ipynb has 0 lines 'SEED = 0'"):
        with_seed(path, 1)


def test_too_few_seeds_are_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["measure_bands.py", "--seeds", "4"])
    with pytest.raises(SystemExit):
        main()
    assert "--seeds is 4; a band needs at least 5" in capsys.readouterr().err


@pytest.mark.slow
def test_the_tool_measures_a_notebook_and_keeps_the_other_entries(tmp_path):
    path = save(notebook(cell("SEED = 0"), cell(MEASURED)), tmp_path / "01_small.ipynb")
    output = tmp_path / "expected.toml"
    output.write_text('["00.other"]\nvalue = 7\ncommand = "kept"\n')
    before = path.read_bytes()
    command = [sys.executable, "tools/measure_bands.py", str(path), "--seeds", "5"]
    command += ["--output", str(output)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == before
    written = tomllib.loads(output.read_text(encoding="utf-8"))
    assert written["00.other"] == {"value": 7, "command": "kept"}
    assert written["01.number"]["value"] == 3
    # Five seeds, and the first once more with two threads.
    assert written["01.loss"]["mean"] == pytest.approx((5 * 2.02 + 2.0) / 6, abs=1e-5)
    command = "python tools/measure_bands.py notebooks/01_small.ipynb --seeds 5"
    assert written["01.loss"]["command"] == command
