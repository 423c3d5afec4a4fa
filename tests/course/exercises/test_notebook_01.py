"""Notebook 01: each broken loop has its bug alone, and the run of 01.short is a real one."""

import json
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course.exercises.notebook_01.bugs import LOOK, WOULD, find_bugs
from course.exercises.notebook_01.short import GOAL, run_beats_the_notebook, short_run
from intro_lm import data
from intro_lm.models import MLP
from intro_lm.training import TrainingSettings, train
from tests.course.exercises.answers import notebook_of


def test_the_folder_of_a_run_is_an_answer(tmp_path):
    for name, content in short_run().items():
        (tmp_path / name).write_text(json.dumps(content))
    run_beats_the_notebook(lambda: tmp_path)
    run_beats_the_notebook(lambda: str(tmp_path))


@pytest.mark.slow
def test_the_published_run_reaches_its_goal_again():
    sizes = short_run()["model.json"]["sizes"]
    corpus = data.load("names")
    vocabulary = data.Vocabulary.from_texts(corpus["train"]["text"])
    batches, validation = (
        data.WindowBatches(*data.context_windows(vocabulary, corpus[part]["text"], 6))
        for part in ("train", "validation")
    )
    model = MLP(len(vocabulary), **sizes, generator=torch.Generator().manual_seed(0))
    settings = TrainingSettings(steps=300, learning_rate=0.03)
    history = train(model, batches, settings, validation=validation, progress=False)
    assert history.validation_loss < GOAL


class Spy(nn.Module):
    """A model with dropout that notes the mode and the inputs of each call."""

    def __init__(self):
        super().__init__()
        self.embedding, self.dropout = nn.Embedding(27, 8), nn.Dropout(0.5)
        self.output = nn.Linear(24, 27)
        self.calls = []

    def forward(self, x):
        self.calls.append((self.training, torch.is_grad_enabled(), x))
        return self.output(self.dropout(self.embedding(x).flatten(1)))


def loops():
    """The broken loops as the notebook shows them."""
    names = {"math": math, "torch": torch, "F": F}
    for cell in notebook_of("01.bugs").cells:
        if cell.cell_type == "markdown" and "def loop_a(" in cell.source:
            for fence in cell.source.split("```python")[1:]:
                exec(fence.partition("```")[0], names)
            listed = [bug for bug in WOULD if f"`{bug}`" in cell.source]
            assert listed == list(WOULD)
    return {loop: names[loop] for loop in LOOK}


@pytest.mark.parametrize("loop", LOOK)
def test_a_broken_loop_has_its_bug_and_no_other(loop, monkeypatch):
    torch.manual_seed(0)
    tokens = torch.randint(27, (64, 4))
    held_out = torch.randint(27, (16, 4))
    pairs = [(rows[:, :-1], rows[:, -1]) for rows in (tokens, held_out)]
    model, zeroed, rates, targets = Spy(), [], [], []
    zero, step, loss = torch.optim.AdamW.zero_grad, torch.optim.AdamW.step, F.cross_entropy

    def noting_step(self):
        rates.append(self.param_groups[0]["lr"])
        assert {id(p) for g in self.param_groups for p in g["params"]} == set(
            map(id, model.parameters())
        )
        return step(self)

    def noting_loss(logits, y, **keywords):
        targets.append((model.calls[-1][2], y))
        assert not torch.allclose(logits.sum(1), torch.ones(len(logits)))
        return loss(logits, y, **keywords)

    monkeypatch.setattr(torch.optim.AdamW, "step", noting_step)
    monkeypatch.setattr(
        torch.optim.AdamW, "zero_grad", lambda self: (zeroed.append(1), zero(self))[1]
    )
    monkeypatch.setattr(F, "cross_entropy", noting_loss)
    given = (tokens, held_out) if loop == "loop_c" else [data.WindowBatches(*p, 16) for p in pairs]
    assert math.isfinite(loops()[loop](model, *given))

    held = {tuple(row) for row in held_out[:, :-1].tolist()}
    on_held_out = [c for c in model.calls if tuple(c[2][0].tolist()) in held]
    last = max(rates) / 10
    found = {
        "gradients add up": not zeroed,
        "evaluated in training mode": any(training for training, _, _ in on_held_out),
        "targets shifted by one": all(bool((x[:, -1] == y).all()) for x, y in targets),
        "rate changes per epoch, not per step": rates[-1] > last and len(set(rates)) > 1,
        "trains on validation data": any(gradients for _, gradients, _ in on_held_out),
    }
    assert [bug for bug, there in found.items() if there] == [find_bugs()[loop]]
