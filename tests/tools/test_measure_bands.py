"""Measuring bands, on a small notebook and through the real tool."""

import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.course.notebooks.makers import cell, notebook, save

ROOT = Path(__file__).parents[2]
MEASURED = """
from course.expected import expect
expect("01.number", 3)
expect("01.loss", 2.0 + 0.01 * SEED)
expect("01.steady", 1.25)
"""


def measure(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tools/measure_bands.py", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, dict]:
    folder = tmp_path_factory.mktemp("bands")
    path = save(notebook(cell("SEED = 0"), cell(MEASURED)), folder / "01_small.ipynb")
    output = folder / "expected.toml"
    output.write_text('["00.other"]\nvalue = 7\ncommand = "kept"\n')
    before = path.read_bytes()
    done = measure(path, "--seeds", 5, "--output", output)
    assert done.returncode == 0, done.stdout + done.stderr
    assert path.read_bytes() == before
    return tomllib.loads(output.read_text(encoding="utf-8"))


def test_a_whole_number_is_promised_exactly(written):
    assert written["01.number"]["value"] == 3


def test_a_measured_number_gets_six_standard_deviations_to_each_side(written):
    found = written["01.loss"]
    values = [2.0, 2.01, 2.02, 2.03, 2.04, 2.0]  # the first seed once more, with two threads
    mean, std = statistics.fmean(values), statistics.stdev(values)
    assert found["mean"] == pytest.approx(mean, abs=1e-5)
    assert found["std"] == pytest.approx(std, abs=1e-5)
    assert found["low"] == pytest.approx(mean - 6 * std, abs=1e-4)
    assert found["high"] == pytest.approx(mean + 6 * std, abs=1e-4)
    assert found["seeds"] == 5
    assert found["command"] == "python tools/measure_bands.py notebooks/01_small.ipynb --seeds 5"


def test_a_number_that_never_varies_still_gets_room_for_rounding(written):
    assert (written["01.steady"]["low"], written["01.steady"]["high"]) == (1.246, 1.254)


def test_what_was_not_measured_stays(written):
    assert written["00.other"] == {"value": 7, "command": "kept"}


def test_a_notebook_without_its_one_seed_line_is_refused(tmp_path):
    path = save(notebook(cell("x = 1")), tmp_path / "01_bad.ipynb")
    done = measure(path, "--output", tmp_path / "expected.toml")
    assert done.returncode == 1
    assert "01_bad.ipynb has 0 lines 'SEED = 0'" in done.stderr


def test_too_few_seeds_are_refused(tmp_path):
    done = measure("--seeds", 4, "--output", tmp_path / "expected.toml")
    assert done.returncode == 2
    assert "--seeds is 4; a band needs at least 5" in done.stderr
