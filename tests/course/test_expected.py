"""The promised numbers: what `expect` says, that each is used, and what a band tells apart."""

import re
from pathlib import Path

import nbformat
import pytest
import torch
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

import intro_lm
from course import expected
from course.expected import UnexpectedNumberError, bands, expect
from intro_lm import data
from intro_lm.evaluation import evaluate
from intro_lm.models import MLP
from intro_lm.training import TrainingSettings, train
from tools.measure_bands import limited
from tools.measure_runs import GAINS, RUNS

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("[0-9]*.ipynb"))
EXPECTED = re.compile(r"^(\S+): .+, as expected$", re.MULTILINE)  # as stored


@pytest.fixture
def two_entries(monkeypatch):
    entries = {
        "exact": {"value": 11897, "command": "counted"},
        "band": {"mean": 2.2, "low": 2.15, "high": 2.25, "command": "measured so"},
    }
    monkeypatch.setattr(expected, "bands", lambda: entries)


def test_a_number_in_its_band_prints_a_line_without_the_number(two_entries, capsys):
    expect("band", 2.1999)
    expect("band", 2.2001)
    expect("exact", 11897)
    first, second, third = capsys.readouterr().out.splitlines()
    assert first == second == "band: between 2.15 and 2.25, as expected"
    assert third == "exact: 11897, as expected"


@pytest.mark.parametrize(
    ("name", "value"),
    [("band", 2.1499), ("band", 2.2501), ("band", float("nan")), ("exact", 11870)],
)
def test_a_number_outside_raises_with_both_numbers_and_the_command(two_entries, name, value):
    with pytest.raises(
        UnexpectedNumberError, match=rf"{name} is {value:.6g}, .*expects .*\(measured by"
    ):
        expect(name, value)


def test_a_notebook_stores_the_number_with_the_line(two_entries):
    InteractiveShell.instance()
    try:
        with capture_output() as captured:
            expect("band", 2.1999999)
    finally:
        InteractiveShell.clear_instance()
    (output,) = captured.outputs
    assert output.data == {"text/plain": "band: between 2.15 and 2.25, as expected"}
    known = {"number": "band", "value": 2.2, "version": intro_lm.__version__}
    assert output.metadata["course"] == known


def test_an_unknown_name_is_refused():
    with pytest.raises(KeyError, match=r"no entry '01.nonsense' in expected.toml"):
        expect("01.nonsense", 1)


def test_every_number_that_a_notebook_expects_is_promised_and_the_other_way_round():
    used = set()
    for path in NOTEBOOKS:
        for cell in nbformat.read(path, as_version=4).cells:
            for output in cell.get("outputs", []):
                stored = output.get("metadata", {}).get("course", {})
                names = EXPECTED.findall(output.get("data", {}).get("text/plain", ""))
                assert names == ([stored["number"]] if "number" in stored else [])
                assert all(name.startswith(path.name[:2]) for name in names), names
                used |= set(names)
    assert used == {name for name in bands() if not name.startswith("full.")}


def test_the_full_length_runs_are_those_that_the_tool_measures():
    promised = {name: entry for name, entry in bands().items() if name.startswith("full.")}
    assert GAINS.keys() <= promised.keys()
    assert {name.rpartition(".")[0] for name in promised.keys() - GAINS.keys()} == RUNS.keys()
    for name in promised.keys() - GAINS.keys():
        flags = RUNS[name.rpartition(".")[0]]
        assert promised[name]["command"] == f"python -m intro_lm train {flags}", name


def test_the_promised_numbers_reproduce_the_published_ones():
    gain, shakespeare = bands()["full.names.gain"], bands()["full.shakespeare.validation_loss"]
    assert gain["interval"][0] > 0
    assert shakespeare["mean"] <= 1.47
    assert abs(bands()["01.lecture.validation_loss"]["mean"] - 2.17) < 0.03
    assert bands()["01.lecture.package_loss"]["mean"] <= 2.12


def test_every_band_says_how_it_was_measured():
    for name, entry in bands().items():
        assert name.startswith("full.") or "tools/measure_bands.py" in entry["command"], name
        if "value" not in entry:
            assert entry["seeds"] >= 5, name
            assert entry["low"] <= entry["mean"] <= entry["high"], name
            assert limited(name, entry) == entry, "an impossible value would pass"


SEED = 1234  # none of those that the bands were measured with


def baseline_loss(train_names, validation_names, change=lambda inputs: inputs):
    """The validation loss of notebook 01's baseline; `change` alters the validation contexts."""
    vocabulary = data.Vocabulary.from_texts(train_names)
    windows = data.context_windows(vocabulary, train_names, 3)
    model = MLP(27, generator=torch.Generator().manual_seed(SEED))
    batches = data.WindowBatches(*windows, 1024, shuffle=True, seed=SEED)
    train(model, batches, TrainingSettings(schedule="one-cycle", seed=SEED), progress=False)
    inputs, targets = data.context_windows(vocabulary, validation_names, 3)
    return evaluate(model, [(change(inputs), targets)])


@pytest.mark.slow
def test_a_band_keeps_a_correct_run_and_notices_a_leak_and_reversed_contexts():
    parts = {name: list(part["text"]) for name, part in data.load("names").items()}
    training, validation = parts["train"], parts["validation"]
    expect("01.mlp.validation_loss", baseline_loss(training, validation))
    leaking = baseline_loss(training + validation, validation)
    for wrong in (leaking, baseline_loss(training, validation, lambda inputs: inputs.flip(1))):
        with pytest.raises(UnexpectedNumberError):
            expect("01.mlp.validation_loss", wrong)
