"""A run that was stopped and resumed ends with the bytes of one that was not."""

import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import pytest
import torch
from safetensors.torch import load_file

from intro_lm.data import PaddedBatches, StreamBatches
from intro_lm.models import MLP, RecurrentLM, TextClassifier
from intro_lm.training import NonFiniteLossError, TrainingSettings, load_weights, train
from tests.training.conftest import LossThat, dies, same

QUICK = TrainingSettings(steps=60, log_every=10, evaluate_every=20, checkpoint_every=25)
SHORT = TrainingSettings(steps=40, log_every=8, evaluate_every=20, checkpoint_every=7)


@pytest.mark.parametrize("kind", ["windows", "whole texts", "labelled texts", "a stream"])
def test_a_killed_run_is_resumed_bitwise_equal(kind, batches, some_names, vocabulary, tmp_path):
    names, size = some_names[:300], len(vocabulary)
    recurrent = partial(RecurrentLM, size, "lstm", 8, 16, 2, dropout=0.2)
    build, batches, settings = {
        "windows": (partial(MLP, size), batches, QUICK),
        "whole texts": (recurrent, PaddedBatches.from_texts(vocabulary, names), SHORT),
        "labelled texts": (
            partial(TextClassifier, size, 2, hidden_size=16, dropout=0.2),
            PaddedBatches.from_texts(vocabulary, names, labels=[len(name) % 2 for name in names]),
            SHORT,
        ),
        # The checkpoint of step 21 is in the middle of an epoch.
        "a stream": (recurrent, StreamBatches.from_texts(vocabulary, names, 6, 20), SHORT),
    }[kind]
    models = [build(generator=torch.Generator().manual_seed(0)) for _ in range(3)]
    options = {"validation": batches, "progress": False}
    expected = train(models[0], batches, settings, **options)
    options["checkpoint_dir"] = tmp_path
    with pytest.raises(RuntimeError, match="power cut"):
        train(models[1], batches, settings, loss=LossThat(dies, at=27), **options)
    history = train(models[2], batches, settings, resume=True, **options)
    assert history.train_losses == expected.train_losses
    assert history.validation_losses == expected.validation_losses
    assert same(models[0], models[2])


def test_a_finished_run_is_returned_at_once_and_never_overwritten(make_model, batches, tmp_path):
    model, again, loaded = make_model(), make_model(seed=5), make_model(seed=6)
    history = train(model, batches, SHORT, checkpoint_dir=tmp_path, progress=False)
    repeated = train(again, batches, SHORT, checkpoint_dir=tmp_path, resume=True, progress=False)
    assert repeated.entries == history.entries
    assert load_weights(tmp_path, loaded) == 40
    assert same(model, again)
    assert same(model, loaded)
    with pytest.raises(FileExistsError, match="resume=True"):
        train(make_model(), batches, SHORT, checkpoint_dir=tmp_path, progress=False)


def test_resuming_without_a_folder_is_refused(make_model, batches):
    with pytest.raises(ValueError, match="resume=True needs checkpoint_dir"):
        train(make_model(), batches, QUICK, resume=True, progress=False)


def test_divergence_names_its_step_and_keeps_the_last_good_checkpoint(
    make_model, batches, tmp_path
):
    loss = LossThat(lambda value: value * math.nan, at=33)
    with pytest.raises(NonFiniteLossError, match=r"the loss is nan at step 33; .*learning_rate"):
        train(make_model(), batches, QUICK, loss=loss, checkpoint_dir=tmp_path, progress=False)
    kept = make_model(seed=9)
    assert load_weights(tmp_path, kept) == 25
    assert all(parameter.isfinite().all() for parameter in kept.parameters())


def presses_ctrl_c(value):
    os.kill(os.getpid(), signal.SIGINT)
    return value


def test_ctrl_c_finishes_the_step_saves_and_can_be_resumed(make_model, batches, tmp_path):
    whole, resumed = make_model(), make_model(seed=3)
    expected = train(whole, batches, QUICK, progress=False)
    options = {"checkpoint_dir": tmp_path, "progress": False}
    with pytest.raises(KeyboardInterrupt, match=r"stopped by hand after step 33; .*resume=True"):
        train(make_model(), batches, QUICK, loss=LossThat(presses_ctrl_c, at=33), **options)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    history = train(resumed, batches, QUICK, resume=True, **options)
    assert same(whole, resumed)
    assert history.train_losses == expected.train_losses


def test_ctrl_c_in_the_last_step_is_not_swallowed(make_model, batches):
    with pytest.raises(KeyboardInterrupt, match="after step 60"):
        train(make_model(), batches, QUICK, loss=LossThat(presses_ctrl_c, at=60), progress=False)


class LoggerThatPressesCtrlC:
    def start(self, step):
        pass

    def log(self, step, scalars):
        if step == 60:
            presses_ctrl_c(step)


def test_ctrl_c_after_the_last_step_stops_the_caller(make_model, batches, tmp_path):
    model = make_model()
    options = {"tracker": LoggerThatPressesCtrlC(), "checkpoint_dir": tmp_path, "progress": False}
    with pytest.raises(KeyboardInterrupt):
        train(model, batches, QUICK, **options)
    assert load_weights(tmp_path, model) == 60


KILLED = """
    import sys, torch
    from intro_lm import data
    from intro_lm.models import MLP
    from intro_lm.training import TrainingSettings, train
    names = data.names()[::20]
    vocabulary = data.Vocabulary.from_texts(names)
    batches = data.WindowBatches(*data.context_windows(vocabulary, names, 3), batch_size=64)
    model = MLP(len(vocabulary), hidden_size=16, generator=torch.Generator().manual_seed(0))
    settings = TrainingSettings(steps=2000, log_every=20, checkpoint_every=15)
    steps = int(sys.argv[2])

    def loss(logits, targets):  # says when the steps are done after which the test kills the run
        global steps
        steps -= 1
        if steps == 0:
            print("now", flush=True)
        return torch.nn.functional.cross_entropy(logits, targets)

    train(
        model, batches, settings, loss=loss,
        checkpoint_dir=sys.argv[1], resume=True, progress=False,
    )
    print("finished", flush=True)
"""


@pytest.mark.slow
def test_a_run_killed_at_twenty_random_moments_ends_with_the_same_bytes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))

    def start(folder, steps):
        command = [sys.executable, str(script), str(folder), str(steps)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole", 0)
    assert whole.communicate(timeout=120)[0] == "finished\n"
    moments = random.Random(0)
    for _ in range(20):
        process = start(tmp_path / "killed", moments.randint(16, 50))
        assert process.stdout.readline() == "now\n"
        time.sleep(moments.uniform(0, 0.02))  # within a step, or while a checkpoint is written
        process.kill()
        assert process.communicate(timeout=120)[0] == ""
    last = start(tmp_path / "killed", 0)
    assert last.communicate(timeout=120)[0] == "finished\n"
    names = ("whole", "killed")
    whole, killed = (load_file(tmp_path / name / "checkpoint.safetensors") for name in names)
    assert whole.keys() == killed.keys()
    assert all(whole[name].equal(killed[name]) for name in whole)
