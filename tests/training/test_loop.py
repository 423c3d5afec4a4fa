import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from intro_lm.evaluation import cross_entropy, evaluate
from intro_lm.models import language_model
from intro_lm.training import (
    NonFiniteLossError,
    Tracker,
    TrainingSettings,
    learning_rate_range_test,
    load_runs,
    train,
)
from tests.training.conftest import LossThat, dies, same

QUICK = TrainingSettings(steps=60, log_every=10, evaluate_every=20, checkpoint_every=25)


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
    torch.testing.assert_close(model.state_dict(), plain.state_dict())


def test_a_data_loader_gives_the_loss_of_our_own_batches(make_model, batches):
    ours, theirs = make_model(), make_model()
    loader = DataLoader(TensorDataset(batches.inputs, batches.targets), batch_size=64)
    expected = train(ours, replace(batches, shuffle=False), QUICK, progress=False)
    history = train(theirs, loader, QUICK, validation=loader, progress=False)
    assert history.train_losses == expected.train_losses
    assert same(ours, theirs)
    with pytest.raises(ValueError, match="train with validation"):
        _ = expected.validation_loss
    with pytest.raises(ValueError, match="0 batches"):
        train(ours, DataLoader([]), QUICK, progress=False)


def test_a_run_on_a_shuffled_loader_resumes_exactly_at_the_end_of_an_epoch(
    make_model, batches, tmp_path
):
    loader = DataLoader(TensorDataset(batches.inputs, batches.targets), 256, shuffle=True)
    settings = TrainingSettings(steps=2 * len(loader), checkpoint_every=len(loader))
    whole, resumed = make_model(), make_model()
    train(whole, loader, settings, progress=False)

    options = {"checkpoint_dir": tmp_path, "progress": False}
    loss = LossThat(dies, at=len(loader) + 3)
    with pytest.raises(RuntimeError, match="power cut"):
        train(make_model(), loader, settings, loss=loss, **options)
    train(resumed, loader, settings, resume=True, **options)
    assert same(whole, resumed)


def test_the_loss_falls_and_history_and_tracker_say_so(make_model, batches, tmp_path):
    tracker = Tracker(tmp_path / "run")
    options = {"validation": replace(batches, batch_size=512), "tracker": tracker}
    history = train(make_model(), batches, QUICK, progress=False, **options)
    tracker.close()
    assert [entry.step for entry in history.entries] == [10, 20, 30, 40, 50, 60]
    assert [step for step, _ in history.validation_losses] == [20, 40, 60]
    assert history.train_loss < history.train_losses[0][1] < math.log(27) + 0.1
    assert history.validation_loss == history.validation_losses[-1][1]
    assert history.entries[-1].learning_rate == pytest.approx(QUICK.learning_rate_at(59))
    table = load_runs(tmp_path)
    for row, entry in zip(table.to_dict("records"), history.entries, strict=True):
        assert {name: row[name] for name in entry.scalars()} == pytest.approx(entry.scalars())


def test_two_runs_are_bitwise_equal_and_leave_the_callers_random_state(make_model, batches):
    models = [make_model(), make_model()]
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    first, second = (train(model, batches, QUICK, progress=False) for model in models)
    assert torch.rand(3).equal(expected)
    assert same(*models)
    assert first.train_losses == second.train_losses


def test_the_settings_seed_decides_dropout(make_model, batches):
    models = [nn.Sequential(make_model(), nn.Dropout(0.5)) for _ in range(3)]
    for model, seed in zip(models, (1, 1, 2), strict=True):
        train(model, batches, TrainingSettings(steps=10, seed=seed), progress=False)
    assert same(*models[:2])
    assert not same(*models[1:])


@pytest.mark.parametrize("saving", [True, False])
def test_weights_that_are_not_finite_end_the_run_and_are_never_saved(
    make_model, batches, tmp_path, saving
):
    def with_broken_gradient(value):
        value.register_hook(lambda gradient: gradient * math.inf)
        return value

    loss, folder = LossThat(with_broken_gradient, at=1), tmp_path if saving else None
    options = {"loss": loss, "checkpoint_dir": folder, "progress": False}
    with pytest.raises(NonFiniteLossError, match="not finite after step 1"):
        train(make_model(), batches, TrainingSettings(steps=1), **options)
    assert not list(tmp_path.glob("*.safetensors*"))


def test_training_works_on_a_thread_of_its_own(make_model, batches):
    with ThreadPoolExecutor() as pool:
        history = pool.submit(train, make_model(), batches, QUICK, progress=False).result()
    assert history.entries[-1].step == 60


def test_gradients_are_clipped_to_the_norm(make_model, batches):
    """One step of plain SGD moves the weights by the rate times the norm of the gradient."""
    settings = TrainingSettings(steps=1, clip_norm=0.01, optimizer="sgd", learning_rate=1.0)
    model, before = make_model(), make_model()
    train(model, batches, settings, progress=False)
    pairs = zip(model.parameters(), before.parameters(), strict=True)
    moved = torch.cat([(now - then).flatten() for now, then in pairs]).norm().item()
    assert moved == pytest.approx(0.01 * settings.learning_rate_at(0), rel=1e-3)


def test_a_cpu_trains_in_float32_and_in_bfloat16_by_name_close_to_it(make_model, batches):
    histories = [
        train(make_model(), batches, replace(QUICK, precision=name, device="cpu"), progress=False)
        for name in ("auto", "bfloat16")
    ]
    assert [history.precision for history in histories] == ["float32", "bfloat16"]
    assert histories[0].train_loss != histories[1].train_loss
    assert histories[0].train_loss == pytest.approx(histories[1].train_loss, abs=0.02)


def test_an_unusable_device_is_refused(make_model, batches):
    with pytest.raises(ValueError, match="device is 'warp'"):
        train(make_model(), batches, TrainingSettings(device="warp"), progress=False)


def test_small_models_compute_on_one_thread_unless_the_user_chose(make_model, batches, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(language_model, "DEFAULT_THREADS", 2)
    before = torch.get_num_threads()

    def used(model, threads=2):
        torch.set_num_threads(threads)
        seen = set()
        model.register_forward_pre_hook(lambda *_: seen.add(torch.get_num_threads()))
        train(model, batches, TrainingSettings(steps=1), validation=batches, progress=False)
        evaluate(model, batches)
        learning_rate_range_test(model, batches, steps=1)
        assert torch.get_num_threads() == threads
        return seen

    try:
        assert used(make_model()) == {1}
        assert used(make_model(hidden_size=20_000)) == {2}  # 1.1 million weights
        assert used(make_model(), threads=3) == {3}
        monkeypatch.setenv("OMP_NUM_THREADS", "2")
        assert used(make_model()) == {2}
    finally:
        torch.set_num_threads(before)
