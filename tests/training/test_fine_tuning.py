"""Fine-tuning: which layers learn when, and how fast, through the ordinary loop."""

from dataclasses import replace

import pytest
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from intro_lm.data import PaddedBatches
from intro_lm.models import RecurrentLM, TextClassifier
from intro_lm.training import (
    CheckpointError,
    FineTuning,
    ParameterGroup,
    TrainingSettings,
    fine_tune,
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
    texts = some_names[:90]
    labels = [len(text) % 3 for text in texts]
    return PaddedBatches.from_texts(vocabulary, texts, 16, labels=labels)


@pytest.fixture
def build(vocabulary):
    def make() -> TextClassifier:
        models = []
        for seed in (1, 2):
            generator = torch.Generator().manual_seed(seed)
            sizes = {"embedding_size": 4, "hidden_size": 6, "layers": 2}
            models.append(RecurrentLM(len(vocabulary), **sizes, generator=generator))
        return TextClassifier.from_language_model(
            *models, classes=3, vocabularies=[vocabulary], dropout=0.2, token_dropout=0.2,
            generator=generator.manual_seed(3),
        )  # fmt: skip

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


def starts(recipe: FineTuning, layers: int = 4, steps: int = 100) -> list[int]:
    parameters = [[torch.nn.Parameter(torch.zeros(1))] for _ in range(layers)]
    return [group.start for group in recipe.parameter_groups(parameters, steps)]


def test_each_layers_learning_rate_is_what_was_asked_at_every_step(build, batches, watched):
    fine_tune(build(), batches, SETTINGS, RECIPE, progress=False)
    assert len(watched) == STEPS
    for step, groups in enumerate(watched):
        rates = [rate for rate, _ in groups]  # embedding, two layers, head
        head = SETTINGS.learning_rate_at(step)
        assert rates == pytest.approx([head / 8, head / 4, head / 2, head], rel=1e-12)


def test_frozen_layers_do_not_move_by_a_bit_and_unfrozen_ones_do(build, batches, watched):
    model = build()
    fine_tune(model, batches, SETTINGS, RECIPE, progress=False)
    parameters = [group[1] for group in watched[0]]
    for layer, start in enumerate([12, 8, 4, 0]):
        for step in range(STEPS):
            pairs = zip(watched[step][layer][1], parameters[layer], strict=True)
            assert all(now.equal(then) for now, then in pairs) == (step <= start)
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
    assert starts(recipe) == expected


def test_all_switched_off_is_plain_training_bit_for_bit(build, batches):
    plain, tuned = build(), build()
    train(plain, batches, SETTINGS, progress=False)
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


def test_a_run_is_not_resumed_with_another_recipe(build, batches, tmp_path):
    options = {"checkpoint_dir": tmp_path, "progress": False}
    fine_tune(build(), batches, SETTINGS, RECIPE, **options)
    with pytest.raises(CheckpointError, match=r"its parameter_groups is .* yours is"):
        fine_tune(build(), batches, SETTINGS, FineTuning(), resume=True, **options)
    with pytest.raises(CheckpointError, match=r"its parameter_groups is .* yours is"):
        train(build(), batches, SETTINGS, resume=True, **options)


def test_groups_that_are_not_the_models_are_refused_with_numbers(build, batches):
    model = build()
    layers = model.layer_groups()
    parameters = sum(map(len, layers))
    for wrong in (layers[1:], [*layers, layers[0]], build().layer_groups()):
        groups = [ParameterGroup(layer) for layer in wrong]
        with pytest.raises(ValueError, match=f"has {parameters} parameters"):
            train(model, batches, SETTINGS, parameter_groups=groups, progress=False)


@pytest.mark.parametrize(("name", "value"), [("stage", 1.0), ("rate_decay", 0.5)])
def test_a_recipe_out_of_range_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} is {value}"):
        FineTuning(**{name: value})


@pytest.mark.parametrize(("steps", "start", "bound"), [(100, 240, 0.33), (3, 7, 0.22), (1, 2, 0)])
def test_a_layer_that_would_begin_after_the_end_is_refused_with_what_would_do(steps, start, bound):
    message = f"begin at step {start} of {steps}; choose a stage of at most {bound}"
    with pytest.raises(ValueError, match=message):
        starts(FineTuning(stage=0.8), steps=steps)
    assert max(starts(FineTuning(stage=bound), steps=steps)) < steps
