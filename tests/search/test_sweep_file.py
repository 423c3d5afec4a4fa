"""A sweep as a file."""

import pytest

from intro_lm.search import Experiment
from intro_lm.search.sweep_file import read_sweep

WHOLE = """
dataset = "names"
model = "lstm"
sampler = "random"
pruner = "median"
seed = 4
[fixed]
layers = 2
[space]
learning_rate = { log-uniform = [0.001, 0.1] }
hidden_size = { integer = [4, 16] }
"""


def written(tmp_path, text):
    path = tmp_path / "space.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_experiment_space_and_how_to_search(tmp_path):
    experiment, how = read_sweep(written(tmp_path, WHOLE))
    assert (experiment.model, experiment.fixed, experiment.seed) == ("lstm", {"layers": 2}, 4)
    assert list(how.pop("space")) == ["learning_rate", "hidden_size"]
    assert how == {"seed": 4, "sampler": "random", "pruner": "median"}


@pytest.mark.parametrize("before", ["", "\ufeff", "\r\n", "\ufeff# from an editor of Windows\r\n"])
def test_only_the_space_must_be_there(tmp_path, before):
    text = f"{before}[space]\nlearning_rate = {{ uniform = [0.1, 0.2] }}"
    experiment, how = read_sweep(written(tmp_path, text))
    assert experiment == Experiment()
    assert how == {"seed": 0, "space": {"learning_rate": {"uniform": [0.1, 0.2]}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("space = ", "is not a TOML file"),
        ("dataset = 'names'", r"space is None; .* space \(dict\)"),
        ("sampeler = 'tpe'\n[space]", "sampeler is 'tpe'; a sweep's file has dataset"),
        ("seed = 'four'\n[space]", r"seed is 'four'; .* seed \(int\)"),
        ("[fixed]\nstps = 3\n[space]", "stps is not a hyperparameter"),
    ],
)
def test_a_file_that_says_something_else_is_refused(tmp_path, text, message):
    with pytest.raises(ValueError, match=message):
        read_sweep(written(tmp_path, text))
