"""Answers to the exercises of notebook 01: wrong ones that no `Mistake` covers, and right ones."""

import json
import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from course.exercises.notebook_01.bugs import LOOK, WOULD, find_bugs
from course.exercises.notebook_01.short import GOAL, run_beats_the_notebook, short_run
from intro_lm import data
from intro_lm.models import MLP
from intro_lm.training import TrainingSettings, train
from tests.course.exercises.answers import is_correct, is_not_yet, notebook_of


def letter_by_letter(tokens, context_length):
    context, rows, targets = [0] * context_length, [], []
    for token in [*tokens, 0]:
        rows.append(context)
        targets.append(token)
        context = [*context[1:], token]
    return torch.tensor(rows), torch.tensor(targets)


def for_three_only(tokens, context_length):
    return letter_by_letter(tokens, 3)


def with_nll_loss(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return F.nll_loss((counts / counts.sum(1, keepdim=True)).log()[before], after)


def never_infinite(counts, names):
    return with_nll_loss(counts, names).clamp(max=20.0)


def smooth_in_double(counts, alpha, before, after):
    larger = counts.double() + alpha
    log_p = larger.log() - larger.sum(1, keepdim=True).log()
    return log_p.exp(), F.nll_loss(log_p[before], after)


def with_linear(p, x):
    e = F.embedding(x, p["C"]).reshape(len(x), -1)
    logits = F.linear(torch.tanh(F.linear(e, p["H"], p["d"])), p["U"], p["b"])
    return logits + F.linear(e, p["W"]) if "W" in p else logits


def in_capitals():
    return dict(reversed([(loop, bug.capitalize()) for loop, bug in find_bugs().items()]))


def as_texts():
    return {name: json.dumps(content) for name, content in short_run().items()}


def the_validation_loss():
    return short_run()["result.json"]["validation_loss"]


def no_such_folder():
    return Path("..") / "runs" / "never made"


def folder_without_a_run():
    return str(Path(__file__).parent)


BUGS = [
    ("loop_a", "step before backward", "loop_a has another bug"),
    ("loop_b", "loss of the last batch only", "what dropout does in it"),
    ("loop_c", "same order in every epoch", "what `cut` makes of it"),
    ("loop_d", "gradients add up", "the learning rate of the first step"),
    ("loop_e", "evaluated in training mode", "two calls of `mean_loss`"),
    ("loop_d", "", "loop_d is still to be found"),
    ("loop_a", "gradients ad up", "did you mean 'gradients add up'?"),
    ("loop_f", "gradients add up", "There is no loop 'loop_f'"),
]
RUNS = [
    ("result.json", {"validation_loss": 2.336}, "0.046 to go"),
    ("result.json", {"steps": 1000}, "700 more than the 300 allowed"),
    ("result.json", {"parameters": 11897}, "of different runs"),
    ("result.json", {"validation_loss": None}, "copy it whole"),
    ("model.json", {"data": "makemore-names"}, "read other data"),
    ("model.json", {"model": "lstm"}, "`--model mlp`"),
]
WRONG = [
    ("01.windows", for_three_only, "context_length = 1"),
    ("01.nll", never_infinite, "instead of inf"),
    ("01.short", the_validation_loss, "Return the run's folder, or a dict"),
    ("01.short", no_such_folder, "There is no such folder"),
    ("01.short", folder_without_a_run, "model.json is missing"),
]
RIGHT = [
    ("01.windows", letter_by_letter),
    ("01.nll", with_nll_loss),
    ("01.smoothing", smooth_in_double),
    ("01.forward", with_linear),
    ("01.bugs", in_capitals),
    ("01.short", as_texts),
]


@pytest.mark.parametrize(("name", "answer", "words"), WRONG)
def test_a_wrong_answer_is_told_why(name, answer, words):
    is_not_yet(name, answer, words)


@pytest.mark.parametrize(("loop", "bug", "words"), BUGS)
def test_a_wrong_bug_is_told_what_to_look_at(loop, bug, words):
    is_not_yet("01.bugs", lambda: find_bugs() | {loop: bug}, words)


@pytest.mark.parametrize(("file", "changes", "words"), RUNS)
def test_a_run_that_breaks_a_rule_is_told_which(file, changes, words):
    files = short_run()
    is_not_yet("01.short", lambda: files | {file: files[file] | changes}, words)


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_correct(name, answer):
    is_correct(name, answer)


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
