"""Answers to the exercises of notebook 01: wrong ones that no `Mistake` covers, and right ones."""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

from course.exercises.notebook_01.bugs import find_bugs
from course.exercises.notebook_01.short import short_run


def letter_by_letter(tokens, context_length):
    context, rows, targets = [0] * context_length, [], []
    for token in [*tokens, 0]:
        rows.append(context)
        targets.append(token)
        context = [*context[1:], token]
    return torch.tensor(rows), torch.tensor(targets)


def with_nll_loss(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return F.nll_loss((counts / counts.sum(1, keepdim=True)).log()[before], after)


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


def run(file, **changes):
    """What gives the published run with something in one of its files changed."""
    files = short_run()
    return lambda: files | {file: files[file] | changes}


BUGS = [
    ("loop_a", "step before backward", "loop_a has another bug"),
    ("loop_b", "loss of the last batch only", "what dropout does in it"),
    ("loop_d", "", "loop_d is missing"),
    ("loop_a", "gradients ad up", "did you mean 'gradients add up'?"),
    ("loop_f", "gradients add up", "There is no loop 'loop_f'"),
]
WRONG = [
    (
        "01.windows",
        ("[0] * context_length", "[0] * 3", "context_length + 1", "4"),
        "context_length = 1",
    ),
    ("01.nll", (".mean()", ".mean().clamp(min=-20)"), "instead of inf"),
    *(
        ("01.bugs", lambda loop=loop, bug=bug: find_bugs() | {loop: bug}, words)
        for loop, bug, words in BUGS
    ),
    ("01.short", lambda: 2.26, "Return the run's folder, or a dict"),
    ("01.short", lambda: Path("..") / "runs" / "never made", "There is no such folder"),
    ("01.short", lambda: str(Path(__file__).parent), "model.json is missing"),
    ("01.short", run("result.json", validation_loss=2.336), "0.046 to go"),
    ("01.short", run("result.json", validation_loss=1.2), "No training of 300 steps ends with"),
    ("01.short", run("result.json", train_loss=1.2), "No training of 300 steps ends with"),
    ("01.short", run("result.json", steps=1000), "700 more than the 300 allowed"),
    ("01.short", run("result.json", parameters=11897), "from different runs"),
    ("01.short", run("result.json", validation_loss=None), "copy the whole file"),
    ("01.short", run("model.json", data="makemore-names"), "read other data"),
    ("01.short", run("model.json", model="lstm"), "`--model mlp`"),
]
RIGHT = [
    ("01.windows", letter_by_letter),
    ("01.nll", with_nll_loss),
    ("01.smoothing", smooth_in_double),
    ("01.forward", with_linear),
    ("01.bugs", in_capitals),
    ("01.short", lambda: {name: json.dumps(content) for name, content in short_run().items()}),
]
