"""The training loop reads every kind of batches alike."""

import pytest
import torch
from torch import nn

from intro_lm.data import BOUNDARY, LabelledBatches, PaddedBatches, StreamBatches
from intro_lm.evaluation import cross_entropy
from intro_lm.training import TrainingSettings, train

SETTINGS = TrainingSettings(
    steps=40, log_every=20, evaluate_every=20, checkpoint_every=10, device="cpu"
)


class Recurrent(nn.Module):
    """(B, T) -> (B, T, V), whose padding can't matter since it stands behind all that counts."""

    def __init__(self, vocabulary_size):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 8)
        self.cell = nn.GRU(8, 16, batch_first=True)
        self.output = nn.Linear(16, vocabulary_size)

    def forward(self, inputs):
        return self.output(self.cell(self.embedding(inputs))[0])


class BagOfTokens(nn.Module):
    """(B, T) -> (B, classes): the mean of the embeddings of what is not padding."""

    def __init__(self, vocabulary_size, classes):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary_size, 8)
        self.output = nn.Linear(8, classes)

    def forward(self, inputs):
        counts = (inputs != BOUNDARY).unsqueeze(2)
        mean = (self.embedding(inputs) * counts).sum(1) / counts.sum(1).clamp(min=1)
        return self.output(mean)


@pytest.mark.parametrize("kind", ["padded", "streams", "labelled"])
def test_a_model_learns_from_them_and_a_resumed_run_equals_a_whole_one(
    kind, some_names, vocabulary, tmp_path
):
    names, size = some_names[:400], len(vocabulary)
    if kind == "labelled":
        by_last_letter = [int(name[-1] in "aeiou") for name in names]
        batches = LabelledBatches.from_texts(vocabulary, names, by_last_letter)
    elif kind == "padded":
        batches = PaddedBatches.from_texts(vocabulary, names)
    else:
        batches = StreamBatches.from_texts(vocabulary, names, batch_size=8, length=16)

    def build():
        torch.manual_seed(0)
        return BagOfTokens(size, 2) if kind == "labelled" else Recurrent(size)

    whole = build()
    history = train(whole, batches, SETTINGS, validation=batches, progress=False)
    losses = [loss for _, loss in history.validation_losses]
    assert losses[-1] < losses[0]

    calls = 0

    def fails_at_step_27(logits, targets):
        nonlocal calls
        calls += 1
        if calls == 27:
            raise RuntimeError("killed")
        return cross_entropy(logits, targets)

    with pytest.raises(RuntimeError, match="killed"):
        train(
            build(),
            batches,
            SETTINGS,
            loss=fails_at_step_27,
            checkpoint_dir=tmp_path,
            progress=False,
        )
    resumed = build()
    train(
        resumed,
        batches,
        SETTINGS,
        validation=batches,
        checkpoint_dir=tmp_path,
        resume=True,
        progress=False,
    )
    for ours, theirs in zip(resumed.parameters(), whole.parameters(), strict=True):
        assert ours.equal(theirs)
