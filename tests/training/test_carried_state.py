"""Training on streams: state goes on from batch to batch, and a resumed run goes on with it."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file

from intro_lm.data import IGNORED, PaddedBatches, StreamBatches
from intro_lm.evaluation import cross_entropy, evaluate, evaluate_bits
from intro_lm.models import RecurrentLM
from intro_lm.training import NonFiniteLossError, TrainingSettings, train
from intro_lm.training.device import choose_precision, cpu_has_bfloat16

SETTINGS = TrainingSettings(
    steps=40, log_every=8, evaluate_every=20, checkpoint_every=7, device="cpu"
)


@pytest.fixture
def build(vocabulary):
    def make(**options):
        sizes = {"embedding_size": 8, "hidden_size": 16} | options
        generator = torch.Generator().manual_seed(0)
        return RecurrentLM(len(vocabulary), generator=generator, **sizes)

    return make


@pytest.fixture
def stream(vocabulary, some_names):
    return StreamBatches.from_texts(vocabulary, some_names[:300], batch_size=6, length=20)


class Watched(RecurrentLM):
    """Notes the state that each batch begins with."""

    def advance(self, inputs, state=None):
        logits, after = super().advance(inputs, state)
        self.began = [*getattr(self, "began", []), state]
        self.ended = [*getattr(self, "ended", []), after]
        return logits, after


def test_state_is_carried_through_an_epoch_and_starts_anew_with_the_next(vocabulary, stream):
    model = Watched(len(vocabulary), embedding_size=4, hidden_size=4)
    epoch = len(stream)
    train(model, stream, TrainingSettings(steps=2 * epoch + 2, device="cpu"), progress=False)
    for step, began in enumerate(model.began):
        if step % epoch == 0:
            assert began is None
        else:
            assert began.equal(model.ended[step - 1])
            assert not began.requires_grad  # truncated backpropagation


def test_state_is_not_carried_where_rows_do_not_go_on(vocabulary, some_names, stream):
    padded = PaddedBatches.from_texts(vocabulary, some_names[:50], batch_size=10)
    for batches in (padded, replace(stream, carries_state=False)):
        model = Watched(len(vocabulary), embedding_size=4, hidden_size=4)
        train(model, batches, TrainingSettings(steps=4, device="cpu"), progress=False)
        assert model.began == [None] * 4


def test_evaluation_with_carried_state_equals_one_long_pass(build, stream):
    model = build()
    inputs, targets = (torch.cat(parts, 1) for parts in zip(*stream.epoch(0), strict=True))
    expected = cross_entropy(model(inputs), targets).item()
    assert evaluate(model, stream.epoch(0), carry_state=True) == pytest.approx(expected, abs=1e-5)
    reset = evaluate(model, stream.epoch(0))
    assert reset != pytest.approx(expected, abs=1e-5)


def test_validation_while_training_carries_state_of_its_own(build, vocabulary, some_names, stream):
    """It equals a separate evaluation, and the training goes on as if nothing had been read."""
    validation = StreamBatches.from_texts(vocabulary, some_names[300:], batch_size=4, length=15)
    settings = replace(SETTINGS, precision="float32", steps=20, evaluate_every=5)
    model, alone = build(), build()
    history = train(model, stream, settings, validation=validation, progress=False)
    expected = evaluate(model, validation.epoch(0), carry_state=True)
    assert history.validation_loss == pytest.approx(expected, abs=1e-6)
    train(alone, stream, settings, progress=False)
    for watched, unwatched in zip(model.parameters(), alone.parameters(), strict=True):
        assert watched.equal(unwatched)


@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("killed_at", [20, 27])
def test_a_run_resumed_in_the_middle_of_a_stream_is_bitwise_equal(
    build, stream, tmp_path, cell, killed_at
):
    assert SETTINGS.steps > 2 * len(stream) > 0
    assert (killed_at - 1) // 7 * 7 % len(stream) != 0  # the checkpoint lies within an epoch
    whole = build(cell=cell, layers=2, dropout=0.2)
    expected = train(whole, stream, SETTINGS, progress=False)
    calls = 0

    def loss_that_is_killed(logits, targets):
        nonlocal calls
        calls += 1
        if calls == killed_at:
            raise RuntimeError("killed")
        return cross_entropy(logits, targets)

    killed = build(cell=cell, layers=2, dropout=0.2)
    with pytest.raises(RuntimeError, match="killed"):
        train(
            killed,
            stream,
            SETTINGS,
            loss=loss_that_is_killed,
            checkpoint_dir=tmp_path,
            progress=False,
        )
    saved = load_file(tmp_path / "checkpoint.safetensors")["carried"]
    assert saved.shape == (6, 2 if cell == "lstm" else 1, 2, 16)
    resumed = build(cell=cell, layers=2, dropout=0.2)
    history = train(resumed, stream, SETTINGS, checkpoint_dir=tmp_path, resume=True, progress=False)
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert ours.equal(theirs)
    assert history.train_losses == expected.train_losses


def test_padded_words_and_streams_train_with_the_same_loop(build, vocabulary, some_names):
    """A loss on whole names falls below that of guessing letters by their frequency, 2.8."""
    validation = PaddedBatches.from_texts(vocabulary, some_names[::5], shuffle=False)
    others = [name for name in some_names if name not in some_names[::5]]
    for batches in (
        PaddedBatches.from_texts(vocabulary, others, batch_size=16),
        StreamBatches.from_texts(vocabulary, others, batch_size=16, length=8),
    ):
        model = build(hidden_size=32)
        train(model, batches, TrainingSettings(steps=150, device="cpu"), progress=False)
        assert evaluate(model, validation.epoch(0)) < 2.6


def test_precision_is_bfloat16_by_itself_where_model_and_cpu_are_for_it(build, make_model):
    cpu = torch.device("cpu")
    by_itself = "bfloat16" if cpu_has_bfloat16() else "float32"
    assert choose_precision("auto", cpu, build()) == by_itself
    assert choose_precision("auto", cpu, make_model()) == "float32"
    assert choose_precision("float32", cpu, build()) == "float32"


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [
        ({"amx_bf16": True, "avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": False, "avx512_bf16": True}, "bfloat16"),
        ({"amx_bf16": False, "avx512_bf16": False, "avx2": True}, "float32"),
        ({"neon": True}, "float32"),
    ],
)
def test_a_cpu_without_instructions_for_bfloat16_takes_float32(
    build, monkeypatch, capabilities, expected
):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)
    assert choose_precision("auto", torch.device("cpu"), build()) == expected


def test_training_in_bfloat16_ends_within_a_hundredth_of_float32(build, vocabulary, some_names):
    batches = PaddedBatches.from_texts(vocabulary, some_names, batch_size=64)
    losses = {}
    for precision in ("float32", "bfloat16"):
        model = build(hidden_size=64)
        settings = TrainingSettings(steps=150, precision=precision, device="cpu")
        history = train(model, batches, settings, progress=False)
        assert history.precision == precision
        losses[precision] = evaluate(model, batches.epoch(0))
    assert losses["bfloat16"] == pytest.approx(losses["float32"], abs=0.01)


def test_bits_per_character_of_a_recurrent_model_are_those_of_whole_texts(
    build, vocabulary, some_names
):
    model, texts = build(), some_names[:70]
    tokens = len(vocabulary.encode_texts(texts))
    batches = PaddedBatches.from_texts(vocabulary, texts, batch_size=len(texts))
    ((inputs, targets),) = batches.epoch(0)
    assert int((targets != IGNORED).sum()) == tokens
    expected = cross_entropy(model(inputs), targets).item() / torch.tensor(2.0).log().item()
    assert evaluate_bits(model, vocabulary, texts) == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_explodes_ends_the_run_with_its_step(build, stream, tmp_path):
    settings = replace(SETTINGS, optimizer="sgd", learning_rate=1e38)
    with pytest.raises(NonFiniteLossError, match=r"the loss is (inf|nan) at step \d; .*clip_norm"):
        train(build(), stream, settings, checkpoint_dir=tmp_path, progress=False)
    assert not list(tmp_path.glob("*.safetensors"))
