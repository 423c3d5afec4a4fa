"""`python -m intro_lm train` and `sample`, as a user types them."""

import json
import os
import signal

import pytest
from safetensors.torch import load_file

from intro_lm.__main__ import main

SMALL = ["--hidden-size", "8", "--embedding-size", "4", "--steps", "6", "--checkpoint-every", "3"]


@pytest.fixture(autouse=True)
def few_names(monkeypatch, some_names):
    from intro_lm import data

    monkeypatch.setattr("intro_lm.data.load", lambda name: data.split(some_names))


def train(folder, *flags):
    return main(["train", "--data", "names", "--folder", str(folder), *SMALL, *flags])


@pytest.mark.parametrize("model", ["mlp", "rnn", "gru", "lstm"])
def test_a_trained_model_is_sampled_from_its_folder(tmp_path, capsys, model):
    assert train(tmp_path, "--model", model, "--batch-size", "32") == 0
    printed = capsys.readouterr().out
    assert "parameters" in printed
    assert "validation" in printed
    assert "\ntest" in printed
    sample = ["sample", "--folder", str(tmp_path), "--count", "3", "--prompt", "an", "--seed", "2"]
    assert main(sample) == 0
    first = capsys.readouterr().out
    assert len(first.splitlines()) == 3
    assert all(line.startswith("an") for line in first.splitlines())
    assert main(sample) == 0
    assert capsys.readouterr().out == first
    assert list(tmp_path.glob("events.out.tfevents.*"))


def test_a_running_text_is_read_in_streams_and_its_last_tenth_kept_for_validation(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("intro_lm.data.running_text", lambda name: "once more\n\nunto " * 200)
    assert train(tmp_path, "--length", "10", "--batch-size", "4", "--clip-norm", "1") == 0
    assert "\ntest" not in capsys.readouterr().out
    assert main(["sample", "--folder", str(tmp_path), "--max-length", "300", "--count", "1"]) == 0
    assert load_file(tmp_path / "checkpoint.safetensors")["carried"].shape == (4, 2, 1, 8)


def test_a_run_is_resumed_and_not_overwritten(tmp_path, capsys):
    assert train(tmp_path) == 0
    assert train(tmp_path) == 1
    assert "by --resume, or choose another --folder" in capsys.readouterr().err
    assert train(tmp_path, "--resume") == 0
    assert train(tmp_path, "--resume", "--learning-rate", "0.5") == 1
    assert "its learning_rate is 0.02, yours is 0.5" in capsys.readouterr().err


def test_a_language_model_is_not_resumed_with_another_dropout(tmp_path, capsys):
    assert train(tmp_path, "--layers", "1") == 0
    before = (tmp_path / "model.json").read_text()
    assert train(tmp_path, "--resume", "--dropout", "0.5") == 1
    assert "its dropout is 0.0, yours is 0.5" in capsys.readouterr().err
    assert train(tmp_path, "--resume", "--backward") == 1
    assert "its backward is None, yours is True" in capsys.readouterr().err
    assert (tmp_path / "model.json").read_text() == before
    assert train(tmp_path, "--resume") == 0  # one layer is the default


def test_a_stopped_run_says_by_which_flags_it_goes_on(tmp_path, capsys, monkeypatch):
    from intro_lm.training.history import History

    monkeypatch.setattr(History, "summary", lambda self: os.kill(os.getpid(), signal.SIGINT) or "")
    assert train(tmp_path, "--log-every", "2") == 130
    error = capsys.readouterr().err
    assert f"go on with --folder={str(tmp_path)!r} --resume" in error
    assert "checkpoint_dir" not in error


def test_flags_have_the_names_and_defaults_of_the_dataclass_and_the_models(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for flag in ("--learning-rate FLOAT (0.02)", "--clip-norm FLOAT (none)", "--layers INT"):
        assert flag in shown
    for flag in ("--token-dropout", "--tied", "--context-length", "--precision", "--seed"):
        assert flag in shown


def test_sizes_are_kept_beside_the_weights(tmp_path):
    assert train(tmp_path, "--model", "gru", "--layers", "2") == 0
    about = json.loads((tmp_path / "model.json").read_text())
    sizes = {"embedding_size": 4, "hidden_size": 8, "layers": 2}
    assert about == {"data": "names", "model": "gru", "sizes": sizes}


def test_the_losses_that_are_printed_lie_in_the_folder(tmp_path, capsys):
    assert train(tmp_path, "--seed", "3") == 0
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert f"validation {result['validation_loss']:.4f}" in printed
    assert f"test {result['test_loss']:.4f}" in printed
    assert f"{result['parameters']} parameters" in printed
    assert result["steps"] == 6
    assert 0 < result["seconds"] < 60


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dropout", "1"], "dropout is 1.0"),
        (["--context-length", "3"], "the model lstm has no --context-length"),
        (["--tied"], "embedding_size is 4 and hidden_size 8"),
        (["--learning-rate", "-1"], "learning_rate is -1.0"),
        (["--device", "warp"], "device is 'warp'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path, capsys, flags, message):
    assert train(tmp_path, *flags) == 1
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_sampling_needs_a_run_and_a_known_prompt(tmp_path, capsys):
    assert main(["sample", "--folder", str(tmp_path)]) == 1
    assert "holds no run" in capsys.readouterr().err
    assert train(tmp_path) == 0
    assert main(["sample", "--folder", str(tmp_path), "--prompt", "é"]) == 1
    assert "the character 'é'" in capsys.readouterr().err


def test_an_unknown_dataset_is_named(tmp_path, capsys, monkeypatch):
    monkeypatch.undo()
    assert main(["train", "--data", "nonsense", "--folder", str(tmp_path)]) == 1
    assert "no dataset 'nonsense'" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["doctor", "--surplus"])
