"""`python -m intro_lm train` and `sample`, as a user types them."""

import json
import os
import signal
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from intro_lm.__main__ import main
from intro_lm.cli.run_folder import load_run
from intro_lm.models import MODELS, RecurrentLM
from tests.cli.conftest import QUICK, SMALL


@pytest.fixture
def train(names_file):
    def run(folder: Path, *flags: str) -> int:
        data = [] if "--data" in flags else ["--data", names_file]
        return main(["train", *data, "--folder", str(folder), *SMALL, *QUICK, *flags])

    return run


def same_weights(one: Path | str, other: Path | str) -> bool:
    models = [load_run(folder)[0] for folder in (one, other)]
    return all(a.equal(b) for a, b in zip(*(m.parameters() for m in models), strict=True))


@pytest.mark.parametrize("model", MODELS)
def test_a_trained_model_is_sampled_from_its_folder(tmp_path, capsys, train, model):
    assert train(tmp_path, "--model", model, "--seed", "3") == 0
    printed = capsys.readouterr().out
    result = json.loads((tmp_path / "result.json").read_text())
    assert f"{result['parameters']:,} parameters" in printed
    assert f"validation {result['validation_loss']:.4f}" in printed
    assert f"test {result['test_loss']:.4f}" in printed
    assert result["steps"] == 6
    assert result["precision"] == "float32"
    sample = ["sample", "--folder", str(tmp_path), "--count", "3", "--prompt", "an", "--seed", "2"]
    assert main(sample) == 0
    first = capsys.readouterr().out
    assert [line[:2] for line in first.splitlines()] == ["an"] * 3
    assert main(sample) == 0
    assert capsys.readouterr().out == first


def test_a_new_model_of_the_table_is_trained_and_sampled(tmp_path, capsys, monkeypatch, train):
    monkeypatch.setitem(MODELS, "deep-gru", partial(RecurrentLM, cell="gru", layers=2))
    assert train(tmp_path, "--model", "deep-gru", "--dropout", "0.1") == 0
    assert main(["sample", "--folder", str(tmp_path)]) == 0
    assert load_run(tmp_path)[0].recurrent.num_layers == 2


def test_a_running_text_is_read_in_streams_and_its_last_tenth_kept_for_validation(
    tmp_path, capsys, train
):
    path = tmp_path / "play.txt"
    path.write_text("once more\n\nunto " * 200)
    flags = ["--data", str(path), "--length", "10", "--batch-size", "4", "--clip-norm", "1"]
    assert train(tmp_path, *flags) == 0
    assert "test_loss" not in json.loads((tmp_path / "result.json").read_text())
    assert main(["sample", "--folder", str(tmp_path), "--max-length", "300", "--count", "2"]) == 0
    assert "\n\n" in capsys.readouterr().out


def test_a_run_is_neither_overwritten_nor_resumed_as_another(tmp_path, capsys, train):
    assert train(tmp_path, "--layers", "1") == 0
    before = (tmp_path / "model.json").read_text()
    for flags, message in [
        ([], "pass --resume to go on with it, or choose another --folder"),
        (["--resume", "--learning-rate", "0.5"], "its --learning-rate is 0.02, yours is 0.5"),
        (["--resume", "--dropout", "0.5"], "its dropout is 0.0, yours is 0.5"),
    ]:
        assert train(tmp_path, *flags) == 1
        assert message in capsys.readouterr().err
    assert (tmp_path / "model.json").read_text() == before
    assert train(tmp_path, "--resume") == 0  # one layer is the default


def test_a_run_that_ctrl_c_stops_goes_on_to_the_same_weights(tmp_path, capsys, train):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    flags = ["--steps", "400", "--checkpoint-every", "400", "--dropout", "0.2"]
    assert train(whole, *flags) == 0

    def interrupt() -> None:
        while not list(stopped.glob("events*")):  # written where the first step begins
            time.sleep(0.005)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt, daemon=True)
    thread.start()
    assert train(stopped, *flags) == 130
    thread.join()
    assert f"go on with --folder={str(stopped)!r} --resume" in capsys.readouterr().err
    assert not (stopped / "result.json").exists()
    assert train(stopped, *flags, "--resume") == 0
    assert same_weights(whole, stopped)


def test_a_backward_model_reads_reversed_texts_and_its_texts_end_as_prompted(
    tmp_path, capsys, train, some_names, language_models
):
    path = tmp_path / "reversed.txt"
    path.write_text("\n".join(name[::-1] for name in some_names))
    assert train(tmp_path / "run", "--data", str(path)) == 0
    assert same_weights(tmp_path / "run", language_models[1])
    capsys.readouterr()
    assert main(["sample", "--folder", language_models[1], "--count", "4", "--prompt", "nia"]) == 0
    assert [line[-3:] for line in capsys.readouterr().out.splitlines()] == ["nia"] * 4


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--dropout", "1"], "dropout is 1.0"),
        (["--context-length", "3"], "the model lstm has no --context-length"),
        (["--optimizer", "sgd", "--learning-rate", "1e38"], "--learning-rate, or set --clip-norm"),
        (["--device", "warp"], "--device is 'warp'"),
        (["--data", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(tmp_path, refused, names_file, flags, message):
    command = ["train", "--data", names_file, "--folder", str(tmp_path / "run"), *SMALL, *QUICK]
    refused(message, *command, *flags)


def test_sampling_needs_a_run_and_a_known_prompt(tmp_path, refused, language_models):
    refused("holds no run", "sample", "--folder", str(tmp_path))
    refused("the character 'é'", "sample", "--folder", language_models[0], "--prompt", "é")


def test_a_text_too_long_for_a_batch_is_cut_or_named_before_training(
    tmp_path, capsys, refused, train, some_names
):
    path, folder = tmp_path / "long.txt", tmp_path / "run"
    path.write_text("\n".join([*some_names[:200], "x" * 200_000]))
    command = ["train", "--data", str(path), "--folder", str(folder), *SMALL, *QUICK]
    refused("has 200,000 tokens, too many for a batch of", *command)
    flags = ["--length", "9", "--max-length", "9"]
    refused("--max-length is for models that read whole texts", *command, *flags)
    assert not folder.exists()
    assert train(folder, "--data", str(path), "--max-length", "30") == 0
    assert "texts are longer than 30 tokens; only their beginnings" in capsys.readouterr().out
    assert train(folder, "--data", str(path), "--max-length", "20", "--resume") == 1
    assert "its --max-length is 30, yours is 20" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["tain"], ["doctor", "--surplus"], ["train"]])
def test_an_unknown_or_missing_argument_is_a_usage_error(capsys, arguments):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: python -m intro_lm" in capsys.readouterr().err
