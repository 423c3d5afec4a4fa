"""The sweep as a file and as a command."""

import re

import pytest

from intro_lm.__main__ import main
from intro_lm.search.sweep_file import read_sweep
from intro_lm.training import load_runs

WHOLE = """
dataset = "names"
sampler = "random"
pruner = "median"
seed = 4
[fixed]
steps = 10
evaluate_every = 5
[space]
learning_rate = { log-uniform = [0.001, 0.1] }
hidden_size = { integer = [4, 16] }
"""


def written(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_experiment_space_and_how_to_search(tmp_path):
    asked = read_sweep(written(tmp_path, WHOLE))
    assert asked.experiment.fixed == {"steps": 10, "evaluate_every": 5}
    assert asked.experiment.seed == asked.seed == 4
    assert (asked.sampler, asked.pruner) == ("random", "median")
    assert list(asked.space) == ["learning_rate", "hidden_size"]


def test_only_the_space_must_be_there(tmp_path):
    asked = read_sweep(written(tmp_path, "[space]\nlearning_rate = { uniform = [0.1, 0.2] }"))
    assert (asked.sampler, asked.pruner, asked.seed) == ("tpe", "none", 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space = ", "is not a TOML file"),
        ("dataset = 'names'", r"has no \[space\]"),
        ("sampeler = 'tpe'\n[space]", "sampeler is unknown; there are dataset, sampler"),
        ("seed = 'four'\n[space]", "seed is 'four'; its type is int"),
        ("[fixed]\nstps = 3\n[space]", "fixed.stps is not a hyperparameter"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_sweep(written(tmp_path, text))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"there is no file .*space.toml"):
        read_sweep(tmp_path / "space.toml")


def test_the_command_prints_the_best_trial_and_leaves_a_run_a_trial(tmp_path, capsys):
    path = written(tmp_path, WHOLE)
    study = tmp_path / "runs" / "sweep.log"
    assert main(["sweep", str(path), "--study", str(study), "--trials", "3"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("best: trial ")
    assert "learning_rate = 0.0" in out
    assert "3/3" in err
    assert "best" in err
    runs = sorted(folder.name for folder in (tmp_path / "runs" / "sweep").iterdir())
    assert runs == ["trial-000", "trial-001", "trial-002"]
    table = load_runs(tmp_path / "runs" / "sweep").groupby("run", observed=True).last()
    best = table["loss/validation"].min()
    assert f"validation loss {best:.4f}" in out
    assert table["hparams/hidden_size"].between(4, 16).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (WHOLE.replace("learning_rate", "lerning_rate"), "space.lerning_rate is not"),
        (WHOLE.replace('"names"', '"nmaes"'), "nmaes"),
        (WHOLE.replace("steps = 10", "steps = 0"), "^steps is 0"),
    ],
)
def test_the_command_says_what_is_wrong(tmp_path, capsys, text, message):
    path = written(tmp_path, text)
    assert main(["sweep", str(path), "--study", str(tmp_path / "s.log"), "--trials", "2"]) == 1
    assert re.search(message, capsys.readouterr().err)
