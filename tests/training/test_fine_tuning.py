"""Fine-tuning: which layers learn when, and how fast, through the ordinary loop."""

from dataclasses import replace

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from intro_lm.data import PaddedBatches
from intro_lm.models import TextClassifier
from intro_lm.training import (
    CheckpointError,
    FineTuning,
    ParameterGroup,
    TrainingSettings,
    fine_tune,
    loop,
    train,
)
from tests.training.conftest import LossThat, dies, same

STEPS = 20
SETTINGS = TrainingSettings(
    steps=STEPS, learning_rate=0.05, weight_decay=0.1, log_every=6, checkpoint_every=3, device="cpu"
)
RECIPE = FineTuning(stage=0.2, rate_decay=2.0)


@pytest.fixture
def batches(vocabulary, some_names):
    labels = [len(text) % 3 for text in some_names[:90]]
    return PaddedBatches.from_texts(vocabulary, some_names[:90], 16, labels=labels)


@pytest.fixture
def build(vocabulary):
    def make() -> TextClassifier:
        sizes = {"embedding_size": 4, "hidden_size": 6, "layers": 2, "dropout": 0.2}
        generator = torch.Generator().manual_seed(3)
        return TextClassifier(len(vocabulary), 3, **sizes, token_dropout=0.2, generator=generator)

    return make


@pytest.fixture
def watched():
    """At each step: every group's learning rate, and copies of its parameters before the step."""
    seen = []

    def note(optimizer, *_):
        seen.append(
            [(g["lr"], [p.detach().clone() for p in g["params"]]) for g in optimizer.param_groups]
        )

    handle = register_optimizer_step_pre_hook(note)
    yield seen
    handle.remove()


def test_layers_learn_at_their_rates_and_not_by_a_bit_before_their_turn(build, batches, watched):
    model = build()
    fine_tune(model, batches, SETTINGS, RECIPE, progress=False)
    assert len(watched) == STEPS
    parameters = [group[1] for group in watched[0]]
    for step, groups in enumerate(watched):
        head = SETTINGS.learning_rate_at(step)
        rates = [rate for rate, _ in groups]  # embedding, two layers, head
        assert rates == pytest.approx([head / 8, head / 4, head / 2, head], rel=1e-12)
        for (_, now), then, start in zip(groups, parameters, [12, 8, 4, 0], strict=True):
            pairs = zip(now, then, strict=True)
            assert all(a.equal(b) for a, b in pairs) == (step <= start)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_frozen_features_stay_as_they_were_pretrained(build, batches):
    model, before = build(), build()
    fine_tune(model, batches, SETTINGS, replace(RECIPE, frozen=True), progress=False)
    assert same(model.encoders, before.encoders)
    assert not same(model.output, before.output)


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (FineTuning(stage=0.1), [30, 20, 10, 0]),
        (FineTuning(stage=0.1, gradual_unfreezing=False), [10, 10, 10, 0]),
        (FineTuning(stage=0.1, head_first=False), [20, 10, 0, 0]),
        (FineTuning(head_first=False, gradual_unfreezing=False), [0, 0, 0, 0]),
        (FineTuning(frozen=True), [100, 100, 100, 0]),
    ],
)
def test_each_part_can_be_switched_off(recipe, expected):
    parameters = [[torch.nn.Parameter(torch.zeros(1))] for _ in range(4)]
    assert [group.start for group in recipe.parameter_groups(parameters, 100)] == expected


def test_all_switched_off_is_plain_training_which_pays_nothing_for_freezing(
    build, batches, monkeypatch
):
    plain, tuned, calls = build(), build(), []
    freeze = loop.freeze_groups
    monkeypatch.setattr(loop, "freeze_groups", lambda *a: [calls.append(a), freeze(*a)])
    train(plain, batches, SETTINGS, progress=False)
    assert len(calls) <= 2
    off = FineTuning(head_first=False, gradual_unfreezing=False, rate_decay=1)
    fine_tune(tuned, batches, SETTINGS, off, progress=False)
    assert same(plain, tuned)


@pytest.mark.parametrize("killed_at", [3, 8])  # in the first stage and in the third
def test_a_run_killed_in_any_stage_is_resumed_bitwise_equal(build, batches, tmp_path, killed_at):
    whole, killed, resumed = build(), build(), build()
    expected = fine_tune(whole, batches, SETTINGS, RECIPE, progress=False)
    options = {"checkpoint_dir": tmp_path, "progress": False}
    with pytest.raises(RuntimeError, match="power cut"):
        fine_tune(killed, batches, SETTINGS, RECIPE, loss=LossThat(dies, killed_at + 1), **options)
    assert all(parameter.requires_grad for parameter in killed.parameters())
    history = fine_tune(resumed, batches, SETTINGS, RECIPE, resume=True, **options)
    assert same(whole, resumed)
    assert history.train_losses == expected.train_losses
    with pytest.raises(CheckpointError, match=r"its parameter_groups is .* yours is"):
        train(build(), batches, SETTINGS, resume=True, **options)


def test_groups_that_are_not_the_models_are_refused(build, batches):
    model = build()
    layers = model.layer_groups()
    for wrong in (layers[1:], build().layer_groups()):
        groups = [ParameterGroup(layer) for layer in wrong]
        with pytest.raises(ValueError, match="the parameter groups don't hold all parameters"):
            train(model, batches, SETTINGS, parameter_groups=groups, progress=False)


@pytest.mark.parametrize(("name", "value"), [("stage", 1.0), ("stage", 0.8), ("rate_decay", 0.5)])
def test_a_recipe_out_of_range_is_refused(build, batches, name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        fine_tune(build(), batches, SETTINGS, FineTuning(**{name: value}))
