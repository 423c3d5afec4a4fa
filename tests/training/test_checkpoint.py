import pickle
import sys

import pytest
import torch
from safetensors.torch import save_file

from intro_lm.data import WindowBatches
from intro_lm.training import CheckpointError, TrainingSettings, load_weights, train
from tests.training.conftest import LossThat

QUICK = TrainingSettings(steps=10, checkpoint_every=5)


@pytest.fixture
def folder(make_model, batches, tmp_path):
    """A folder with the checkpoint of a finished run."""
    train(make_model(), batches, QUICK, checkpoint_dir=tmp_path / "run", progress=False)
    return tmp_path / "run"


def test_a_missing_checkpoint_is_named(make_model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no checkpoint .*checkpoint.safetensors"):
        load_weights(tmp_path, make_model())


def test_another_models_run_is_refused_with_both_shapes(folder, make_model):
    with pytest.raises(CheckpointError, match=r"(?s)another model's.*hidden.bias.*\[16\].*\[17\]"):
        load_weights(folder, make_model(hidden_size=17))


def test_another_runs_settings_or_data_are_refused_with_both_values(
    folder, make_model, batches, windows
):
    settings = TrainingSettings(steps=10, checkpoint_every=5, learning_rate=0.5)
    other = WindowBatches(*windows, batch_size=64, seed=1)
    options = {"checkpoint_dir": folder, "resume": True, "progress": False}
    with pytest.raises(CheckpointError, match=r"its learning_rate is 0.02, yours is 0.5"):
        train(make_model(), batches, settings, **options)
    with pytest.raises(CheckpointError, match="its data is"):
        train(make_model(), other, QUICK, **options)


class Bomb:
    def __reduce__(self):
        return (exec, ("raise SystemExit('the pickle was executed')",))


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda path: path.write_bytes(b""), "truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "truncated"),
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "truncated"),
        (lambda path: path.write_bytes(pickle.dumps(Bomb())), "Pickled files are never loaded"),
        (lambda path: torch.save(Bomb(), path), "Pickled files are never loaded"),
        (lambda path: save_file({"x": torch.zeros(3)}, path), "its format is None"),
    ],
)
def test_a_file_that_is_not_a_whole_checkpoint_is_refused_and_never_executed(
    folder, make_model, write, message
):
    write(folder / "checkpoint.safetensors")
    with pytest.raises(CheckpointError, match=f"not a whole checkpoint .*{message}"):
        load_weights(folder, make_model())


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes to set")
def test_a_disk_that_fills_leaves_the_checkpoint_before(make_model, batches, tmp_path):
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fills(value):
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        return value

    options = {"loss": LossThat(fills, at=7), "checkpoint_dir": tmp_path, "progress": False}
    try:
        with pytest.raises(OSError, match="too large"):
            train(make_model(), batches, QUICK, **options)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert load_weights(tmp_path, make_model()) == 5
    assert [path.name for path in tmp_path.glob("[!.]*")] == ["checkpoint.safetensors"]
