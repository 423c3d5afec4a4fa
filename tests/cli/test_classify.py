"""`python -m intro_lm train --task classify`, as a user types it, and what its folder holds."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from intro_lm import data
from intro_lm.__main__ import main
from intro_lm.cli.run_folder import load_classifier, load_language_model
from intro_lm.evaluation.classification import predict
from tools.serve_hub import read_folder, serving

ROOT = Path(__file__).parents[2]
HUB = ROOT.parent / "shared" / "hub"

SMALL = ["--hidden-size", "8", "--embedding-size", "4"]
QUICK = ["--steps", "8", "--checkpoint-every", "4", "--device", "cpu"]


def labelled():
    names = data.names()[::20]
    return data.split(names, labels=["with a" if "a" in name else "without" for name in names])


@pytest.fixture(autouse=True)
def labelled_names(monkeypatch):
    corpus = labelled()
    monkeypatch.setattr("intro_lm.data.load", lambda name: corpus)
    return corpus


@pytest.fixture
def language_models(tmp_path):
    """A forward and a backward language model in folders of their own."""
    folders = [str(tmp_path / "forward"), str(tmp_path / "backward")]
    for folder, flags in zip(folders, ([], ["--backward"]), strict=True):
        assert main(["train", "--data", "names", "--folder", folder, *SMALL, *QUICK, *flags]) == 0
    return folders


def classify(folder, *flags):
    return main(
        ["train", "--task", "classify", "--data", "names", "--folder", str(folder), *QUICK, *flags]
    )


def refused(capsys, message):
    error = capsys.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_a_classifier_is_trained_from_scratch_and_its_scores_printed(tmp_path, capsys):
    assert classify(tmp_path, *SMALL, "--directions", "1") == 0
    printed = capsys.readouterr().out
    for word in ("2 classes", "accuracy", "macro-averaged F1", "recall of with a", "of without"):
        assert word in printed
    model, vocabulary, about = load_classifier(tmp_path)
    assert len(model.encoders) == 1
    assert about["classes"] == ["with a", "without"]
    assert list(tmp_path.glob("events.out.tfevents.*"))
    assert vocabulary.encode("an").shape == (2,)
    result = json.loads((tmp_path / "result.json").read_text())
    assert f"accuracy {result['test']['accuracy']:.3f}" in printed
    assert f"validation {result['validation_loss']:.4f}" in printed


def test_a_pretrained_classifier_is_fine_tuned_and_loaded_again(
    tmp_path, capsys, language_models, labelled_names
):
    forward, backward = language_models
    flags = ["--pretrained", forward, "--pretrained-backward", backward, "--dropout", "0.3"]
    folder = tmp_path / "classifier"
    assert classify(folder, *flags, "--per-class", "20") == 0
    assert "40 texts of 2 classes" in capsys.readouterr().out
    model, vocabulary, about = load_classifier(folder)
    assert about["pretrained"] == [forward, backward]
    assert about["sizes"] == {
        "embedding_size": 4,
        "hidden_size": 8,
        "layers": 1,
        "directions": 2,
        "dropout": 0.3,
    }
    batches = data.labelled_batches(vocabulary, labelled_names["test"])
    assert predict(model, batches).sum(1).allclose(torch.ones(len(labelled_names["test"])))
    # The same seed gives the same weights, and a finished run is resumed as it is.
    assert classify(tmp_path / "again", *flags, "--per-class", "20") == 0
    assert classify(folder, *flags, "--per-class", "20", "--resume") == 0
    for other in (tmp_path / "again", folder):
        for a, b in zip(load_classifier(other)[0].parameters(), model.parameters(), strict=True):
            assert a.equal(b)


def test_frozen_layers_are_those_of_the_language_model(tmp_path, language_models):
    assert classify(tmp_path / "c", "--pretrained", language_models[0], "--frozen") == 0
    encoder = load_classifier(tmp_path / "c")[0].encoders[0]
    language_model = load_language_model(language_models[0])[0]
    assert encoder.embedding.weight.equal(language_model.embedding.weight)
    assert encoder.recurrent.weight_hh_l0.equal(language_model.recurrent.weight_hh_l0)


def test_a_file_of_ones_own_is_classified_and_what_is_cut_or_left_out_is_said(
    tmp_path, capsys, some_names
):
    path = tmp_path / "mine.jsonl"
    lines = [{"name": name, "kind": len(name) % 2} for name in some_names[:200]]
    lines.append({"name": " ", "kind": 1})
    path.write_text("\n".join(map(json.dumps, lines)))
    command = ["train", "--task", "classify", "--data", str(path), "--folder", str(tmp_path / "f")]
    columns = ["--text", "name", "--label", "kind", "--max-length", "4"]
    assert main([*command, *columns, *SMALL, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "1 of 201 rows have no text and are left out" in printed
    for part in ("train", "validation", "test"):
        assert re.search(f"{part}: .* texts are longer than 4 tokens; only their", printed)
    assert load_classifier(tmp_path / "f")[2]["max_length"] == 4
    assert main([*command, *SMALL, *QUICK]) == 1
    refused(capsys, "mine.jsonl has no column 'text'; it has name, kind")


def test_a_backward_language_model_writes_texts_that_end_as_prompted(capsys, language_models):
    _, backward = language_models
    assert load_language_model(backward)[2]["backward"] is True
    capsys.readouterr()
    sample = ["sample", "--folder", backward, "--count", "4", "--prompt", "nia"]
    assert main(sample) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert all(line.endswith("nia") for line in lines)


def test_backward_language_models_learn_reversed_texts(tmp_path, monkeypatch, language_models):
    turned = data.split([name[::-1] for name in data.names()[::20]])
    straight = data.split(data.names()[::20])
    for part, rows in turned.items():  # the shuffle heeds places, not texts
        assert [text[::-1] for text in rows["text"]] == list(straight[part]["text"])
    monkeypatch.setattr("intro_lm.data.load", lambda name: turned)
    folder = tmp_path / "turned"
    assert main(["train", "--data", "names", "--folder", str(folder), *SMALL, *QUICK]) == 0
    by_hand, by_flag = load_language_model(folder)[0], load_language_model(language_models[1])[0]
    for a, b in zip(by_hand.parameters(), by_flag.parameters(), strict=True):
        assert a.equal(b)


def test_what_does_not_fit_together_is_refused_with_both(tmp_path, capsys, language_models):
    forward, backward = language_models
    folder = tmp_path / "c"
    both = ["--pretrained", forward, "--pretrained-backward", backward]
    for flags, message in [
        ([*both, "--hidden-size", "16"], f"--hidden-size is 16, and 8 in {forward}"),
        ([*both, "--model", "gru"], f"--model is gru, and lstm in {forward}"),
        ([*both, "--model", "mlp"], "mlp reads no whole texts"),
        ([*both, "--tied"], "the model lstm has no --tied"),
        ([*both, "--context-length", "3"], "the model lstm has no --context-length"),
        ([*both, "--directions", "1"], "--directions is 1, and 2 language models are given"),
        ([*both[:2], "--directions", "2"], "--directions is 2, and 1 language model is given"),
        ([*both, "--per-class", "9999"], "and 9999 are asked for"),
        (["--pretrained", backward], "holds a backward language model, and a forward one"),
        ([both[0], forward, both[2], forward], "a forward language model, and a backward one"),
        (both[2:], "--pretrained lacks"),
        (["--frozen"], "--frozen is for pretrained layers"),
        (["--no-head-first"], "--no-head-first is for pretrained layers"),
        (["--length", "8"], "--length is for language models"),
        (["--length", "0"], "--length is for language models"),
        (["--backward"], "--backward is for language models"),
        (["--model", "mlp"], "mlp reads no whole texts"),
        (["--tied"], "has no --tied"),
        (["--label", "kind"], "--label is for a file, and --data names is none"),
        ([*both, "--stage", "2"], "stage is 2.0"),
        ([*both, "--stage", "0.9", "--layers", "1", "--steps", "3"], "begin at step 5 of 3"),
        (["--batch-size", "0"], "batch_size is 0"),
        (["--max-length", "0"], "max_length is 0"),
    ]:
        assert classify(folder, *flags) == 1, flags
        refused(capsys, message)
    assert not folder.exists()


@pytest.mark.parametrize(
    "flags", [["--length", "0"], ["--frozen"], ["--pretrained-backward", "x"], ["--stage", "0"]]
)
def test_flags_that_do_not_fit_are_refused_before_any_data_is_loaded(
    tmp_path, capsys, monkeypatch, flags
):
    monkeypatch.setattr("intro_lm.data.load", lambda name: pytest.fail("data were loaded"))
    assert classify(tmp_path / "c", *flags) == 1
    refused(capsys, flags[0])


def test_characters_that_the_language_model_never_read_are_named_with_both_numbers(
    tmp_path, capsys, monkeypatch, language_models, some_names
):
    texts = [name.title() for name in some_names]
    labels = ["with a" if "a" in name else "without" for name in some_names]
    monkeypatch.setattr("intro_lm.data.load", lambda name: data.split(texts, labels=labels))
    assert classify(tmp_path / "c", "--pretrained", language_models[0]) == 1
    refused(
        capsys,
        f"{language_models[0]} knows 26 characters, and names holds 52, among them 'A', 'B', 'C', "
        "'D', 'E' …; pretrain on texts that hold them",
    )
    assert not (tmp_path / "c").exists()


def test_a_run_is_not_resumed_as_another(tmp_path, capsys, language_models):
    folder = tmp_path / "c"
    flags = ["--pretrained", language_models[0], "--dropout", "0.3"]
    assert classify(folder, *flags) == 0
    before = (folder / "model.json").read_text()
    assert classify(folder, *flags) == 1
    refused(capsys, f"{folder} holds an earlier run; go on with it by --resume, or choose another")
    for other, message in [
        ([*flags[:3], "0.5"], "its dropout is 0.3, yours is 0.5"),
        (flags[:2], "its dropout is 0.3, yours is 0.0"),
        ([*flags, "--max-length", "5"], "its max_length is None, yours is 5"),
        ([*SMALL, "--directions", "1", *flags[2:]], "its pretrained is ["),
    ]:
        assert classify(folder, *other, "--resume") == 1
        refused(capsys, message)
    assert (folder / "model.json").read_text() == before
    assert classify(folder, *flags, "--resume", "--embedding-size", "4") == 0


def test_a_classifier_that_was_stopped_is_resumed_bitwise_equal(tmp_path, monkeypatch):
    flags = [*SMALL, "--dropout", "0.2"]
    assert classify(tmp_path / "whole", *flags) == 0
    from intro_lm.training.checkpoint import Checkpoint

    save = Checkpoint.save

    def save_and_stop(self, step, *state):
        save(self, step, *state)
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoint, "save", save_and_stop)
    assert classify(tmp_path / "stopped", *flags) == 130
    monkeypatch.undo()
    monkeypatch.setattr("intro_lm.data.load", lambda name: labelled())
    assert not (tmp_path / "stopped" / "result.json").exists()
    assert classify(tmp_path / "stopped", *flags, "--resume") == 0
    models = [load_classifier(tmp_path / name)[0] for name in ("whole", "stopped")]
    for a, b in zip(*(model.parameters() for model in models), strict=True):
        assert a.equal(b)


def test_a_class_that_is_not_tested_has_no_recall_in_the_result(tmp_path, monkeypatch):
    corpus = labelled()
    one = [row for row, label in enumerate(corpus["test"]["label"]) if label == 0]
    corpus["test"] = corpus["test"].select(one)
    monkeypatch.setattr("intro_lm.data.load", lambda name: corpus)
    assert classify(tmp_path, *SMALL) == 0

    def fail(word):
        pytest.fail(f"{word} is no JSON")

    result = json.loads((tmp_path / "result.json").read_text(), parse_constant=fail)
    assert result["test"]["recall"][1] is None


def test_the_bundled_names_are_classified_by_their_name(tmp_path, capsys, monkeypatch):
    monkeypatch.undo()
    command = ["train", "--task", "classify", "--data", "name-origins", "--per-class", "10"]
    assert main([*command, "--folder", str(tmp_path), *SMALL, *QUICK]) == 0
    printed = capsys.readouterr().out
    assert "140 texts of 14 classes" in printed
    assert "recall of Zulu" in printed


@pytest.mark.skipif(not HUB.is_dir(), reason="no Hub-shaped folder lies beside the repository")
def test_sentiment_is_classified_by_a_model_pretrained_on_its_own_training_texts(tmp_path):
    code = f"""
import sys
from intro_lm.__main__ import main
small = {[*SMALL, *QUICK]}
pretrain = ["train", "--data", "rotten-tomatoes", "--folder", "lm", *small]
classify = ["train", "--task", "classify", "--data", "rotten-tomatoes", "--pretrained", "lm"]
limits = ["--per-class", "20", "--max-length", "50", "--folder", "classifier"]
sys.exit(main(pretrain) or main([*classify, *limits, {", ".join(map(repr, QUICK))}]))
"""
    with serving(read_folder(HUB)) as server:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={
                **os.environ,
                "HF_ENDPOINT": server.address,
                "HF_HOME": str(tmp_path / "home"),
                "NO_PROXY": "127.0.0.1",
                "no_proxy": "127.0.0.1",
                "PYTHONPATH": str(ROOT),
            },
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
    for said in ("40 texts of 2 classes", "of 1066 texts are longer than 50", "recall of neg"):
        assert said in done.stdout


def test_language_models_of_unlike_size_or_vocabulary_are_refused(
    tmp_path, capsys, monkeypatch, language_models, some_names, labelled_names
):
    forward, _ = language_models
    other = str(tmp_path / "other")
    command = ["train", "--backward", "--folder", other, "--data", "names", *QUICK]
    assert main([*command, "--hidden-size", "9", "--embedding-size", "4"]) == 0
    flags = ["--pretrained", forward, "--pretrained-backward", other]
    assert classify(tmp_path / "c", *flags) == 1
    refused(capsys, "hidden_size is 8 and the backward one's 9")
    few = data.split([name for name in some_names if "z" not in name and "q" not in name])
    monkeypatch.setattr("intro_lm.data.load", lambda name: few)
    third = str(tmp_path / "third")
    assert main([*command[:3], third, *command[4:], *SMALL]) == 0
    monkeypatch.setattr("intro_lm.data.load", lambda name: labelled_names)
    assert classify(tmp_path / "c", *flags[:3], third) == 1
    refused(capsys, "vocabulary_size is 27 and the backward one's 25")


def test_each_kind_of_run_is_used_for_what_it_is(tmp_path, capsys, language_models):
    folder = tmp_path / "c"
    assert classify(folder, *SMALL) == 0
    assert main(["sample", "--folder", str(folder)]) == 1
    refused(capsys, "holds a classifier, which predicts no next token")
    assert classify(tmp_path / "d", "--pretrained", str(folder)) == 1
    refused(capsys, "holds a classifier")
    with pytest.raises(ValueError, match="holds a language model and no classifier"):
        load_classifier(language_models[0])
    mlp = str(tmp_path / "mlp")
    assert main(["train", "--data", "names", "--model", "mlp", "--folder", mlp, *QUICK]) == 0
    assert classify(tmp_path / "d", "--pretrained", mlp) == 1
    refused(capsys, "holds the model mlp")


@pytest.mark.parametrize(
    "flags", [["--per-class", "3"], ["--pretrained", "x"], ["--frozen"], ["--max-length", "3"]]
)
def test_what_only_a_classifier_heeds_is_refused_for_a_language_model(tmp_path, capsys, flags):
    assert main(["train", "--data", "names", "--folder", str(tmp_path), *QUICK, *flags]) == 1
    refused(capsys, f"{flags[0]} is for classifying; add --task classify")


def test_labels_are_needed(tmp_path, capsys, monkeypatch, some_names):
    monkeypatch.setattr("intro_lm.data.load", lambda name: data.split(some_names))
    assert classify(tmp_path) == 1
    refused(capsys, "there is no ClassLabel column 'label'")
