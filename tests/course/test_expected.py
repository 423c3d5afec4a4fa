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
from intro_lm.models import MLP, KneserNey
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


def test_a_notebook_stores_the_number_beside_the_line(two_entries):
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
                record = output.get("metadata", {}).get("course", {})
                names = EXPECTED.findall(output.get("data", {}).get("text/plain", ""))
                assert names == ([record["number"]] if "number" in record else [])
                assert all(name.startswith(path.name[:2]) for name in names), names
                used |= set(names)
    assert used == {name for name in bands() if not name.startswith("full.")}


def test_the_full_length_runs_are_those_that_the_tool_measures():
    promised = {name: entry for name, entry in bands().items() if name.startswith("full.")}
    runs = {name.rpartition(".")[0] for name in promised.keys() - GAINS.keys()}
    assert runs == RUNS.keys()
    assert GAINS.keys() <= promised.keys()
    for name, entry in promised.items():
        if name not in GAINS:
            flags = RUNS[name.rpartition(".")[0]]
            assert entry["command"] == f"python -m intro_lm train {flags}", name


def test_the_full_length_runs_keep_what_the_curriculum_says_of_them():
    gain, shakespeare = bands()["full.names.gain"], bands()["full.shakespeare.validation_loss"]
    assert gain["mean"] >= 0.05
    assert gain["interval"][0] > 0
    assert shakespeare["mean"] <= 1.47
    assert shakespeare["seconds"] <= 200
    assert bands()["full.makemore.test_loss"]["seconds"] <= 120


def test_every_band_says_how_it_was_measured():
    for name, entry in bands().items():
        if not name.startswith("full."):
            assert "tools/measure_bands.py" in entry["command"], name
        if "value" not in entry:
            assert entry["seeds"] >= 5, name
            assert entry["low"] <= entry["mean"] <= entry["high"], name


# What a correct run of notebook 01's baseline keeps, and what the bands notice when a plausible
# bug is in it. A band on the loss can't see every bug, so each names the promise that it breaks.

UNSEEN_SEED = 1234


@pytest.fixture(scope="module")
def splits() -> dict[str, list[str]]:
    return {name: list(part["text"]) for name, part in data.load("names").items()}


@pytest.fixture(scope="module")
def names_vocabulary(splits) -> data.Vocabulary:
    return data.Vocabulary.from_texts(splits["train"])


def train_baseline(vocabulary, train_names, model, settings=None, shuffle=True):
    inputs, targets = data.context_windows(vocabulary, train_names, 3)
    batches = data.WindowBatches(inputs, targets, 1024, shuffle=shuffle, seed=UNSEEN_SEED)
    train(model, batches, settings or TrainingSettings(seed=UNSEEN_SEED), progress=False)
    return model


def new_model():
    return MLP(27, generator=torch.Generator().manual_seed(UNSEEN_SEED))


@pytest.fixture(scope="module")
def trained(splits, names_vocabulary):
    return train_baseline(names_vocabulary, splits["train"], new_model())


def validation_loss(model, vocabulary, names, change=lambda inputs: inputs):
    inputs, targets = data.context_windows(vocabulary, names, 3)
    return evaluate(model, [(change(inputs), targets)])


def test_the_promised_lecture_loss_reproduces_the_published_one_and_the_package_beats_it():
    assert abs(bands()["01.lecture.validation_loss"]["mean"] - 2.17) < 0.03
    assert bands()["01.lecture.package_loss"]["mean"] <= 2.12


def test_a_correct_run_with_another_seed_keeps_the_promises(trained, splits, names_vocabulary):
    expect("01.mlp.parameters", sum(p.numel() for p in trained.parameters()))
    expect(
        "01.mlp.validation_loss", validation_loss(trained, names_vocabulary, splits["validation"])
    )


def test_a_correct_run_on_another_number_of_threads_keeps_the_promises(splits, names_vocabulary):
    """Other sums in another order, as on another processor."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        model = train_baseline(names_vocabulary, splits["train"], new_model())
    finally:
        torch.set_num_threads(threads)
    expect("01.mlp.validation_loss", validation_loss(model, names_vocabulary, splits["validation"]))


def test_training_on_validation_names_leaves_the_band(splits, names_vocabulary):
    leaky = train_baseline(names_vocabulary, splits["train"] + splits["validation"], new_model())
    with pytest.raises(UnexpectedNumberError):
        expect(
            "01.mlp.validation_loss",
            validation_loss(leaky, names_vocabulary, splits["validation"]),
        )


def test_a_context_in_the_wrong_order_leaves_the_band(trained, splits, names_vocabulary):
    with pytest.raises(UnexpectedNumberError):
        expect(
            "01.mlp.validation_loss",
            validation_loss(trained, names_vocabulary, splits["validation"], lambda x: x.flip(1)),
        )


def test_names_that_were_split_without_shuffling_leave_the_bands():
    names = data.names()
    cut = int(0.8 * len(names))
    train_names, validation_names = names[:cut], names[cut : int(0.9 * len(names))]
    vocabulary = data.Vocabulary.from_texts(names)
    model = train_baseline(vocabulary, train_names, new_model())
    with pytest.raises(UnexpectedNumberError):
        expect("01.mlp.validation_loss", validation_loss(model, vocabulary, validation_names))
    fit, check = (
        data.context_windows(vocabulary, part, 5) for part in (train_names, validation_names)
    )
    with pytest.raises(UnexpectedNumberError):
        expect("01.kneser_ney_6.validation_loss", evaluate(KneserNey(27, 6).fit(*fit), [check]))


def test_examples_that_are_never_shuffled_leave_the_band(splits, names_vocabulary):
    """In alphabetical order, as the bundled file has them, each batch holds a few initials."""
    model = train_baseline(names_vocabulary, sorted(splits["train"]), new_model(), shuffle=False)
    with pytest.raises(UnexpectedNumberError):
        expect(
            "01.mlp.validation_loss",
            validation_loss(model, names_vocabulary, splits["validation"]),
        )


def test_a_model_without_biases_leaves_the_promised_number_of_parameters():
    model = new_model()
    model.hidden = torch.nn.Linear(30, 200, bias=False)
    model.output = torch.nn.Linear(200, 27, bias=False)
    with pytest.raises(UnexpectedNumberError, match="is 11670, and the curriculum expects 11897"):
        expect("01.mlp.parameters", sum(p.numel() for p in model.parameters()))


def test_an_unscaled_start_leaves_the_band():
    """Every weight from the standard normal distribution: the loss starts far above log 27."""
    model = new_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(0))
    inputs = torch.randint(27, (1000, 3), generator=torch.Generator().manual_seed(1))
    targets = torch.randint(27, (1000,), generator=torch.Generator().manual_seed(2))
    with pytest.raises(UnexpectedNumberError):
        expect("01.start.loss", evaluate(model, [(inputs, targets)]))


def test_constant_learning_rate_leaves_the_band(splits, names_vocabulary):
    settings = TrainingSettings(schedule="constant", seed=UNSEEN_SEED)
    model = train_baseline(names_vocabulary, splits["train"], new_model(), settings)
    with pytest.raises(UnexpectedNumberError):
        expect(
            "01.mlp.validation_loss",
            validation_loss(model, names_vocabulary, splits["validation"]),
        )
