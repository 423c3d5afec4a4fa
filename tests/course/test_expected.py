"""The promised numbers: what `expect` says, that each is used, and what the bands tell apart."""

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
    assert output.metadata == {
        "course": {"number": "band", "value": 2.2, "version": intro_lm.__version__}
    }


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


# What a correct run of notebook 01's baseline keeps, and what the bands notice when a plausible
# bug is in it. A band on the loss can't see every bug, so each names the promise that it breaks.

SEED = 1234  # none of those that the bands were measured with


@pytest.fixture(scope="module")
def splits() -> dict[str, list[str]]:
    return {name: list(part["text"]) for name, part in data.load("names").items()}


def new_model() -> MLP:
    return MLP(27, generator=torch.Generator().manual_seed(SEED))


def baseline_loss(train_names, validation_names, shuffle=True, schedule="one-cycle", change=None):
    """The validation loss of notebook 01's baseline; `change` alters the validation contexts."""
    vocabulary = data.Vocabulary.from_texts(train_names)
    windows = data.context_windows(vocabulary, train_names, 3)
    model = new_model()
    batches = data.WindowBatches(*windows, 1024, shuffle=shuffle, seed=SEED)
    train(model, batches, TrainingSettings(schedule=schedule, seed=SEED), progress=False)
    inputs, targets = data.context_windows(vocabulary, validation_names, 3)
    return evaluate(model, [(change(inputs) if change else inputs, targets)])


@pytest.mark.slow
def test_a_correct_run_with_another_seed_keeps_the_promise(splits):
    expect("01.mlp.validation_loss", baseline_loss(splits["train"], splits["validation"]))


def leaking(splits):
    return baseline_loss(splits["train"] + splits["validation"], splits["validation"])


def reversed_contexts(splits):
    return baseline_loss(splits["train"], splits["validation"], change=lambda x: x.flip(1))


def split_without_shuffling(splits):
    names = data.names()
    cut = int(0.8 * len(names))
    return baseline_loss(names[:cut], names[cut : int(0.9 * len(names))])


def examples_in_alphabetical_order(splits):
    return baseline_loss(sorted(splits["train"]), splits["validation"], shuffle=False)


def constant_learning_rate(splits):
    return baseline_loss(splits["train"], splits["validation"], schedule="constant")


@pytest.mark.slow
@pytest.mark.parametrize(
    "wrong",
    [
        leaking,
        reversed_contexts,
        split_without_shuffling,
        examples_in_alphabetical_order,
        constant_learning_rate,
    ],
)
def test_a_wrong_run_leaves_the_band(splits, wrong):
    with pytest.raises(UnexpectedNumberError):
        expect("01.mlp.validation_loss", wrong(splits))


def test_a_model_without_biases_leaves_the_promised_number_of_parameters():
    model = new_model()
    model.hidden = torch.nn.Linear(30, 200, bias=False)
    model.output = torch.nn.Linear(200, 27, bias=False)
    with pytest.raises(UnexpectedNumberError, match="is 11670, and the curriculum expects 11897"):
        expect("01.mlp.parameters", sum(p.numel() for p in model.parameters()))


def test_an_unscaled_start_leaves_the_band():
    """Every weight from the standard normal distribution: the loss starts far above log 27."""
    model = new_model()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=generator)
    inputs = torch.randint(27, (1000, 3), generator=generator)
    targets = torch.randint(27, (1000,), generator=generator)
    with pytest.raises(UnexpectedNumberError):
        expect("01.start.loss", evaluate(model, [(inputs, targets)]))
