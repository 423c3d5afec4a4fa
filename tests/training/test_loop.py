import math
import os
import random
import signal
import subprocess
import sys
import textwrap
import threading
import time
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from intro_lm.data import WindowBatches
from intro_lm.evaluation import cross_entropy
from intro_lm.training import (
    NonFiniteLossError,
    Tracker,
    TrainingSettings,
    load_runs,
    load_weights,
    train,
)

QUICK = TrainingSettings(steps=60, log_every=10, evaluate_every=20, checkpoint_every=25)


def weights(model):
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(first[n].equal(second[n]) for n in first)


@pytest.fixture
def batches(windows):
    return WindowBatches(*windows, batch_size=64)


def test_training_follows_the_plain_loop_step_by_step(make_model, batches):
    """Over three epochs, each in an order of its own, with the learning rate of each step."""
    batches = replace(batches, batch_size=512)
    steps = 2 * len(batches) + 3
    settings = TrainingSettings(steps=steps, learning_rate=0.5, optimizer="sgd")
    model, plain = make_model(), make_model()
    train(model, batches, settings, progress=False)
    order = [*batches.epoch(0), *batches.epoch(1), *batches.epoch(2)][:steps]
    for step, (inputs, targets) in enumerate(order):
        loss = cross_entropy(plain(inputs), targets)
        gradients = torch.autograd.grad(loss, list(plain.parameters()))
        with torch.no_grad():
            for parameter, gradient in zip(plain.parameters(), gradients, strict=True):
                parameter -= settings.learning_rate_at(step) * gradient
    for trained, expected in zip(model.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(trained, expected)


def test_the_loss_falls_and_the_history_says_so(make_model, batches, windows):
    validation = WindowBatches(*windows, batch_size=512, shuffle=False)
    history = train(make_model(), batches, QUICK, validation=validation, progress=False)
    assert [record.step for record in history.entries] == [10, 20, 30, 40, 50, 60]
    assert [step for step, _ in history.validation_losses] == [20, 40, 60]
    first, last = history.train_losses[0][1], history.train_loss
    assert last < first < math.log(27) + 0.1
    assert all(record.tokens_per_second > 0 for record in history.entries)
    assert history.entries[-1].learning_rate == pytest.approx(QUICK.learning_rate_at(59))


def test_two_runs_are_bitwise_equal(make_model, batches):
    models = [make_model(), make_model()]
    histories = [train(model, batches, QUICK, progress=False) for model in models]
    assert same(*map(weights, models))
    assert histories[0].train_losses == histories[1].train_losses


def test_training_does_not_touch_the_callers_random_state(make_model, batches):
    model = make_model()
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    train(model, batches, QUICK, progress=False)
    assert torch.rand(3).equal(expected)


def test_the_settings_seed_decides_dropout(make_model, batches):
    runs = []
    for seed in (1, 1, 2):
        model = nn.Sequential(make_model(), nn.Dropout(0.5))
        settings = TrainingSettings(steps=10, seed=seed)
        train(model, batches, settings, progress=False)
        runs.append(weights(model))
    assert same(runs[0], runs[1])
    assert not same(runs[0], runs[2])


def test_resumed_run_equals_uninterrupted_run(make_model, batches, tmp_path):
    """Stopped between two records, with dropout drawing random numbers."""

    def build():
        return nn.Sequential(make_model(), nn.Dropout(0.3))

    whole = build()
    expected = train(whole, batches, QUICK, progress=False)

    calls = 0

    def loss_that_stops(logits, targets):
        nonlocal calls
        calls += 1
        if calls == 38:  # 13 steps beyond the checkpoint of step 25
            raise RuntimeError("power cut")
        return cross_entropy(logits, targets)

    with pytest.raises(RuntimeError, match="power cut"):
        train(
            build(), batches, QUICK, loss=loss_that_stops, checkpoint_dir=tmp_path, progress=False
        )
    resumed = build()
    history = train(resumed, batches, QUICK, checkpoint_dir=tmp_path, resume=True, progress=False)
    assert same(weights(whole), weights(resumed))
    assert history.train_losses == expected.train_losses


def test_resuming_a_finished_run_returns_it_at_once(make_model, batches, tmp_path):
    model = make_model()
    history = train(model, batches, QUICK, checkpoint_dir=tmp_path, progress=False)
    again = make_model(seed=5)
    repeated = train(again, batches, QUICK, checkpoint_dir=tmp_path, resume=True, progress=False)
    assert repeated.entries == history.entries
    assert same(weights(model), weights(again))


def test_a_folder_with_a_run_is_not_overwritten(make_model, batches, tmp_path):
    train(make_model(), batches, QUICK, checkpoint_dir=tmp_path, progress=False)
    before = (tmp_path / "checkpoint.safetensors").read_bytes()
    with pytest.raises(FileExistsError, match="resume=True"):
        train(make_model(), batches, QUICK, checkpoint_dir=tmp_path, progress=False)
    assert (tmp_path / "checkpoint.safetensors").read_bytes() == before


def test_divergence_stops_with_its_step_and_keeps_the_last_good_checkpoint(
    make_model, batches, tmp_path
):
    calls = 0

    def loss_that_breaks(logits, targets):
        nonlocal calls
        calls += 1
        value = cross_entropy(logits, targets)
        return value * math.nan if calls == 33 else value

    with pytest.raises(NonFiniteLossError, match=r"the loss is nan at step 33; .*learning_rate"):
        train(
            make_model(),
            batches,
            QUICK,
            loss=loss_that_breaks,
            checkpoint_dir=tmp_path,
            progress=False,
        )
    kept = make_model(seed=9)
    assert load_weights(tmp_path, kept) == 25
    assert all(parameter.isfinite().all() for parameter in kept.parameters())


@pytest.mark.parametrize("saving", [True, False])
def test_weights_that_are_not_finite_end_the_run_and_are_never_saved(
    make_model, batches, tmp_path, saving
):
    def loss_with_broken_gradient(logits, targets):
        value = cross_entropy(logits, targets)
        if value.requires_grad:
            value.register_hook(lambda gradient: gradient * math.inf)
        return value

    settings = TrainingSettings(steps=1)
    with pytest.raises(NonFiniteLossError, match="not finite after step 1"):
        train(
            make_model(),
            batches,
            settings,
            loss=loss_with_broken_gradient,
            validation=batches,
            checkpoint_dir=tmp_path if saving else None,
            progress=False,
        )
    assert not list(tmp_path.glob("*.safetensors*"))


def test_ctrl_c_finishes_the_step_saves_and_can_be_resumed(make_model, batches, tmp_path):
    whole = make_model()
    expected = train(whole, batches, QUICK, progress=False)
    calls = 0

    def loss_during_which_ctrl_c_is_pressed(logits, targets):
        nonlocal calls
        calls += 1
        if calls == 33:
            os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(logits, targets)

    with pytest.raises(KeyboardInterrupt, match=r"stopped by hand after step 33; .*resume=True"):
        train(
            make_model(),
            batches,
            QUICK,
            loss=loss_during_which_ctrl_c_is_pressed,
            checkpoint_dir=tmp_path,
            progress=False,
        )
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    resumed = make_model(seed=3)
    history = train(resumed, batches, QUICK, checkpoint_dir=tmp_path, resume=True, progress=False)
    assert same(weights(whole), weights(resumed))
    assert history.train_losses == expected.train_losses


def test_ctrl_c_during_an_evaluation_saves_before_it_stops(make_model, batches, tmp_path):
    evaluated = 0

    def loss_that_is_stopped_while_evaluating(logits, targets):
        nonlocal evaluated
        evaluated += not torch.is_grad_enabled()
        if evaluated == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(logits, targets)

    with pytest.raises(KeyboardInterrupt, match="after step 20"):
        train(
            make_model(),
            batches,
            QUICK,
            validation=batches,
            loss=loss_that_is_stopped_while_evaluating,
            checkpoint_dir=tmp_path,
            progress=False,
        )
    assert load_weights(tmp_path, make_model()) == 20


def test_ctrl_c_in_the_last_step_is_not_swallowed(make_model, batches):
    calls = 0

    def loss_that_is_stopped_at_the_end(logits, targets):
        nonlocal calls
        calls += 1
        if calls == 60:
            os.kill(os.getpid(), signal.SIGINT)
        return cross_entropy(logits, targets)

    with pytest.raises(KeyboardInterrupt, match="after step 60"):
        train(make_model(), batches, QUICK, loss=loss_that_is_stopped_at_the_end, progress=False)


def test_an_unusable_checkpoint_folder_is_refused_before_the_first_step(
    make_model, batches, tmp_path
):
    (tmp_path / "file").write_text("not a folder")
    model = make_model()
    before = weights(model)
    with pytest.raises(OSError, match="choose another checkpoint_dir"):
        train(model, batches, QUICK, checkpoint_dir=tmp_path / "file", progress=False)
    assert same(before, weights(model))


def test_resuming_without_a_folder_is_refused(make_model, batches):
    with pytest.raises(ValueError, match="resume=True needs checkpoint_dir"):
        train(make_model(), batches, QUICK, resume=True, progress=False)


def test_training_works_on_a_thread_of_its_own(make_model, batches):
    finished = []
    thread = threading.Thread(
        target=lambda: finished.append(train(make_model(), batches, QUICK, progress=False))
    )
    thread.start()
    thread.join()
    assert finished[0].entries[-1].step == 60


def test_gradients_are_clipped_to_the_norm(make_model, batches):
    norms = []

    class Watch(torch.optim.SGD):
        def step(self, closure=None):
            gradients = [p.grad for group in self.param_groups for p in group["params"]]
            norms.append(torch.cat([g.flatten() for g in gradients]).norm().item())
            return super().step(closure)

    settings = TrainingSettings(steps=5, clip_norm=0.01, optimizer="sgd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.optim, "SGD", Watch)
        train(make_model(), batches, settings, progress=False)
    assert norms == pytest.approx([0.01] * 5, rel=1e-3)


def test_bfloat16_stays_near_float32(make_model, batches):
    losses = {}
    for precision in ("float32", "bfloat16"):
        settings = TrainingSettings(steps=60, precision=precision)
        losses[precision] = train(make_model(), batches, settings, progress=False).train_losses[-1]
    assert losses["bfloat16"][1] == pytest.approx(losses["float32"][1], abs=0.02)


def test_an_unusable_device_is_refused(make_model, batches):
    with pytest.raises(ValueError, match="device is 'warp'"):
        train(make_model(), batches, TrainingSettings(device="warp"), progress=False)


def test_tracked_run_reads_back_equal_to_the_history(make_model, batches, windows, tmp_path):
    tracker = Tracker(tmp_path / "runs" / "mlp")
    validation = WindowBatches(*windows, shuffle=False)
    history = train(
        make_model(), batches, QUICK, validation=validation, tracker=tracker, progress=False
    )
    tracker.close()
    table = load_runs(tmp_path / "runs")
    assert list(table["step"]) == [10, 20, 30, 40, 50, 60]
    for tag, pairs in {
        "loss/train": history.train_losses,
        "loss/validation": history.validation_losses,
    }.items():
        assert list(table[tag].dropna()) == pytest.approx([value for _, value in pairs])
    tags = {"loss/train", "loss/validation", "learning_rate", "tokens_per_second"}
    assert set(table) == {"run", "step", *tags}


KILLED = """
    import sys, torch
    from pathlib import Path
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
        if torch.is_grad_enabled():
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


def test_a_run_killed_at_ten_random_moments_ends_with_the_same_bytes(tmp_path):
    script = tmp_path / "run.py"
    script.write_text(textwrap.dedent(KILLED))

    def start(folder, steps):
        command = [sys.executable, str(script), str(folder), str(steps)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    whole = start(tmp_path / "whole", 0)
    assert whole.communicate(timeout=120)[0] == "finished\n"
    moments = random.Random(0)
    for _ in range(10):
        process = start(tmp_path / "killed", moments.randint(16, 50))
        assert process.stdout.readline() == "now\n"
        time.sleep(moments.uniform(0, 0.02))  # within a step, or while a checkpoint is written
        process.kill()
        assert process.communicate(timeout=120)[0] == ""
    last = start(tmp_path / "killed", 0)
    assert last.communicate(timeout=120)[0] == "finished\n"
    files = [tmp_path / name / "checkpoint.safetensors" for name in ("whole", "killed")]
    assert same(*map(load_file, files))
