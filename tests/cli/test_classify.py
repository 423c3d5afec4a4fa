"""`python -m intro_lm classify`, as a user types it, and what its folder holds."""

import csv
import json
import re
from pathlib import Path

import pytest
import torch

from intro_lm import data
from intro_lm.__main__ import main
from intro_lm.cli.run_folder import load_run
from intro_lm.evaluation.classification import predict
from tests.cli.conftest import QUICK, SMALL


@pytest.fixture
def classify(labelled_file):
    def run(folder: Path, *flags: str) -> int:
        return main(["classify", "--data", labelled_file, "--folder", str(folder), *QUICK, *flags])

    return run


def test_the_bundled_names_are_classified_from_scratch(tmp_path, capsys):
    command = ["classify", "--data", "name-origins", "--per-class", "10", "--cell", "gru"]
    assert main([*command, "--folder", str(tmp_path), "--directions", "1", *SMALL, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "140 texts of 14 classes" in printed
    model, vocabulary, about = load_run(tmp_path)
    assert isinstance(model.encoders[0].recurrent, torch.nn.GRU)
    assert len(model.encoders) == 1
    assert len(vocabulary) == 27
    assert about["classes"][-1] == "Zulu"
    result = json.loads((tmp_path / "result.json").read_text())
    assert f"accuracy {result['test']['accuracy']:.3f}" in printed
    assert f"recall of Zulu       {result['test']['recall'][-1]:.3f}" in printed
    assert f"validation {result['validation_loss']:.4f}" in printed


def test_a_pretrained_classifier_is_fine_tuned_and_loaded_again(
    tmp_path, capsys, classify, labelled_file, language_models
):
    flags = ["--pretrained", *language_models[::-1], "--dropout", "0.3", "--per-class", "20"]
    assert classify(tmp_path, *flags) == 0
    assert "40 texts of 2 classes" in capsys.readouterr().out
    model, vocabulary, about = load_run(tmp_path)
    sizes = about["sizes"]
    assert (sizes["hidden_size"], sizes["embedding_size"], sizes["directions"]) == (8, 4, 2)
    assert sizes["dropout"] == 0.3
    test = data.load_file(labelled_file, label="label")["test"]
    probabilities = predict(model, data.labelled_batches(vocabulary, test))
    assert probabilities.shape == (len(test), 2)
    assert classify(tmp_path, *flags, "--resume") == 0  # a finished run stays as it is
    resumed = load_run(tmp_path)[0]
    for a, b in zip(resumed.parameters(), model.parameters(), strict=True):
        assert a.equal(b)


def test_a_file_of_ones_own_is_classified_and_what_is_cut_or_left_out_is_said(
    tmp_path, capsys, refused, some_names
):
    path = tmp_path / "mine.jsonl"
    lines = [{"name": name, "kind": len(name) % 2} for name in some_names[:200]]
    lines.append({"name": " ", "kind": 1})
    path.write_text("\n".join(map(json.dumps, lines)))
    command = ["classify", "--data", str(path), "--folder", str(tmp_path / "run"), *SMALL, *QUICK]
    columns = ["--text", "name", "--label", "kind", "--max-length", "4"]
    assert main([*command, *columns]) == 0
    printed = capsys.readouterr().out
    assert "1 of 201 rows are left out" in printed
    for part in ("train", "validation", "test"):
        assert re.search(f"{part}: .* texts are longer than 4 tokens; only their", printed)
    assert load_run(tmp_path / "run")[2]["max_length"] == 4
    refused("mine.jsonl: no column 'text'; it has name, kind", *command)


def test_a_class_that_is_not_tested_has_no_recall_in_the_result(tmp_path, some_names):
    path = tmp_path / "rare.csv"
    rows = [(name, "rare" if index < 2 else "common") for index, name in enumerate(some_names)]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("text", "label"), *rows])
    command = ["classify", "--data", str(path), "--folder", str(tmp_path / "run"), *SMALL, *QUICK]
    assert main(command) == 0
    result = (tmp_path / "run" / "result.json").read_text()
    assert json.loads(result)["test"]["recall"][1] is None


def test_what_does_not_fit_together_is_refused(tmp_path, refused, labelled_file, language_models):
    forward, backward = language_models
    folder = tmp_path / "c"
    (tmp_path / "capital.csv").write_text(
        "\n".join(["text,label", *(f"Mr {n},{n % 2}" for n in range(99))])
    )
    command = ["classify", "--folder", str(folder), *QUICK, "--data"]
    refused("is not among", *command, str(tmp_path / "capital.csv"), "--pretrained", forward)
    command.append(labelled_file)
    for flags, message in [
        (["--pretrained", forward, "--hidden-size", "16"], "--hidden-size is decided by"),
        (["--pretrained", forward, "--per-class", "9999"], "and 9999 are asked for"),
        (["--pretrained", backward], "--pretrained gives backward lstm; give a forward rnn"),
        (["--pretrained", forward, forward], "gives forward lstm and forward lstm"),
        (["--frozen"], "--frozen is only for --pretrained"),
        (["--batch-size", "0"], "--batch-size is 0"),
        (["--max-length", "0"], "--max-length is 0"),
    ]:
        refused(message, *command, *flags)
    assert not folder.exists()


def test_a_run_is_not_resumed_as_another(tmp_path, capsys, classify, language_models):
    flags = ["--pretrained", language_models[0], "--dropout", "0.3"]
    assert classify(tmp_path, *flags) == 0
    for other, message in [
        (flags[:2], "its dropout is 0.3, yours is 0.0"),
        ([*flags, "--max-length", "5"], "its --max-length is None, yours is 5"),
        ([*SMALL, "--directions", "1", *flags[2:]], "its pretrained is ["),
    ]:
        assert classify(tmp_path, *other, "--resume") == 1
        assert message in capsys.readouterr().err


def test_each_kind_of_run_is_used_for_what_it_is(
    tmp_path, refused, classify, labelled_file, language_models
):
    folder = str(tmp_path / "classifier")
    assert classify(folder, *SMALL) == 0
    refused("holds a classifier", "sample", "--folder", folder)
    refused(
        "--pretrained gives forward classifier",
        *["classify", "--data", labelled_file, "--pretrained", folder],
    )


def test_labels_are_needed(tmp_path, refused):
    refused("there is no ClassLabel column 'label'", "classify", "--data", "names")
