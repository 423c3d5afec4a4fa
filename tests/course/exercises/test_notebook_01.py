"""The exercises of notebook 01: what each takes for right, and what it says to what is wrong."""

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
from intro_lm.cli.run_folder import build
from intro_lm.training import TrainingSettings, train
from tests.course.exercises.proof import Case, claims, notebook_of


def letter_by_letter(tokens, context_length):
    context, rows, targets = [0] * context_length, [], []
    for token in [*tokens, 0]:
        rows.append(context)
        targets.append(token)
        context = [*context[1:], token]
    return torch.tensor(rows), torch.tensor(targets)


def as_a_list(tokens, context_length):
    return list(letter_by_letter(tokens, context_length))


def end_forgotten(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs[:-1], targets[:-1]


def not_padded(tokens, context_length):
    text = [*tokens, 0]
    places = range(len(text) - context_length)
    rows = [text[n : n + context_length] for n in places]
    return torch.tensor(rows), torch.tensor([text[n + context_length] for n in places])


def newest_first(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs.flip(1), targets


def target_in_context(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return torch.cat([inputs[:, 1:], targets[:, None]], dim=1), targets


def of_floats(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs.float(), targets


def targets_in_a_column(tokens, context_length):
    inputs, targets = letter_by_letter(tokens, context_length)
    return inputs, targets[:, None]


def return_forgotten(tokens, context_length):
    letter_by_letter(tokens, context_length)


def only_inputs(tokens, context_length):
    return letter_by_letter(tokens, context_length)[0]


def appends_to_its_argument(tokens, context_length):
    result = letter_by_letter(tokens, context_length)
    tokens.append(0)
    return result


def for_three_only(tokens, context_length):
    return letter_by_letter(tokens, 3)


def with_a_loop(counts, names):
    total, n = 0.0, 0
    for name in names:
        for before, after in zip([0, *name], [*name, 0], strict=True):
            probability = (counts[before, after] / counts[before].sum()).item()
            total += math.inf if probability == 0 else -math.log(probability)
            n += 1
    return total / n


def with_nll_loss(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return F.nll_loss((counts / counts.sum(1, keepdim=True)).log()[before], after)


def sign_forgotten(counts, names):
    return -with_a_loop(counts, names)


def summed(counts, names):
    return with_a_loop(counts, names) * sum(len(name) + 1 for name in names)


def mean_of_means(counts, names):
    return sum(with_a_loop(counts, [name]) for name in names) / len(names)


def keepdim_forgotten(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return -(counts / counts.sum(0)).log()[before, after].mean().item()


def in_bits(counts, names):
    return with_a_loop(counts, names) / math.log(2)


def add_one(counts, names):
    return with_a_loop(counts + 1, names)


def never_infinite(counts, names):
    return min(with_a_loop(counts, names), 20.0)


def one_for_each_token(counts, names):
    before = torch.cat([torch.tensor([0, *name]) for name in names])
    after = torch.cat([torch.tensor([*name, 0]) for name in names])
    return -(counts / counts.sum(1, keepdim=True))[before, after].log()


def normalises_in_place(counts, names):
    counts /= counts.sum(1, keepdim=True)
    return with_a_loop(counts, names)


def smooth_with_a_loop(counts, alpha, before, after):
    table = [[n + alpha for n in row] for row in counts.tolist()]
    table = [[n / sum(row) for n in row] for row in table]
    total = 0.0
    for a, b in zip(before.tolist(), after.tolist(), strict=True):
        total += math.inf if table[a][b] == 0 else -math.log(table[a][b])
    return torch.tensor(table), total / len(before)


def smooth_in_double(counts, alpha, before, after):
    larger = counts.double() + alpha
    log_p = larger.log() - larger.sum(1, keepdim=True).log()
    return log_p.exp(), F.nll_loss(log_p[before], after)


def one_whatever_alpha(counts, alpha, before, after):
    return smooth_with_a_loop(counts, 1, before, after)


def nothing_added(counts, alpha, before, after):
    return smooth_with_a_loop(counts, 0, before, after)


def divided_by_old_sums(counts, alpha, before, after):
    p = (counts + alpha) / counts.sum(1, keepdim=True)
    return p, -p[before, after].log().mean().item()


def sum_grows_once(counts, alpha, before, after):
    p = (counts + alpha) / (counts.sum(1, keepdim=True) + alpha)
    return p, -p[before, after].log().mean().item()


def added_afterwards(counts, alpha, before, after):
    p = counts / counts.sum(1, keepdim=True) + alpha
    return p, -p[before, after].log().mean().item()


def divided_along_columns(counts, alpha, before, after):
    p = (counts + alpha) / (counts + alpha).sum(1)
    return p, -p[before, after].log().mean().item()


def only_zeros_grow(counts, alpha, before, after):
    p = counts.masked_fill(counts == 0, int(alpha)) if alpha >= 1 else counts + alpha
    p = p / p.sum(1, keepdim=True)
    return p, -p[before, after].log().mean().item()


def only_the_table(counts, alpha, before, after):
    return smooth_with_a_loop(counts, alpha, before, after)[0]


def loss_summed(counts, alpha, before, after):
    p, loss = smooth_with_a_loop(counts, alpha, before, after)
    return p, loss * len(before)


def adds_in_place(counts, alpha, before, after):
    counts += int(alpha)
    return smooth_with_a_loop(counts, alpha - int(alpha), before, after)


def one_by_one(p, x):
    rows = []
    for tokens in x.tolist():
        e = torch.cat([p["C"][token] for token in tokens])
        logits = p["b"] + p["U"] @ torch.tanh(p["d"] + p["H"] @ e)
        rows.append(logits + p["W"] @ e if "W" in p else logits)
    return torch.stack(rows)


def with_linear(p, x):
    e = F.embedding(x, p["C"]).reshape(len(x), -1)
    logits = F.linear(torch.tanh(F.linear(e, p["H"], p["d"])), p["U"], p["b"])
    return logits + F.linear(e, p["W"]) if "W" in p else logits


def without_tanh(p, x):
    e = p["C"][x].flatten(1)
    return one_by_one(p, x) + (e @ p["H"].T + p["d"] - torch.tanh(e @ p["H"].T + p["d"])) @ p["U"].T


def direct_forgotten(p, x):
    return one_by_one({name: tensor for name, tensor in p.items() if name != "W"}, x)


def direct_demanded(p, x):
    return direct_forgotten(p, x) + p["C"][x].flatten(1) @ p["W"].T


def hidden_bias_forgotten(p, x):
    return one_by_one(p | {"d": torch.zeros_like(p["d"])}, x)


def interleaved(p, x):
    e = p["C"][x].mT.flatten(1)
    return torch.tanh(e @ p["H"].T + p["d"]) @ p["U"].T + p["b"]


def softmax_too(p, x):
    return F.softmax(one_by_one(p, x), dim=-1)


def not_turned_round(p, x):
    hidden = torch.tanh(p["C"][x].flatten(1) @ p["H"] + p["d"])
    return hidden @ p["U"] + p["b"]


def not_flattened(p, x):
    return torch.tanh(p["C"][x] @ p["H"].T + p["d"]) @ p["U"].T + p["b"]


def batch_flattened(p, x):
    return torch.tanh(p["C"][x].flatten() @ p["H"].T + p["d"]) @ p["U"].T + p["b"]


def in_capitals():
    return dict(reversed([(loop, bug.capitalize()) for loop, bug in find_bugs().items()]))


def with_bug(loop, bug):
    def answer():
        return find_bugs() | {loop: bug}

    answer.__name__ = f"{bug} in {loop}"
    return answer


def one_missing():
    return {loop: bug for loop, bug in find_bugs().items() if loop != "loop_d"} | {"loop_e": ""}


def a_list_of_bugs():
    return list(find_bugs().values())


def run_with(file, **changes):
    def answer():
        files = short_run()
        return files | {file: files[file] | changes}

    answer.__name__ = f"{file} with {', '.join(changes)}"
    return answer


def as_texts():
    return {name: json.dumps(content) for name, content in short_run().items()}


def only_the_result():
    return {"result.json": short_run()["result.json"]}


def the_validation_loss():
    return short_run()["result.json"]["validation_loss"]


def no_such_folder():
    return Path("..") / "runs" / "never made"


def folder_without_a_run():
    return str(Path(__file__).parent)


CASES = [
    Case(
        "01.windows",
        wrong=[
            (end_forgotten, "The end is missing"),
            (not_padded, "The beginning is missing"),
            (newest_first, "turned round"),
            (target_in_context, "the very token that it should predict"),
            (of_floats, "of floats, and integers are expected"),
            (targets_in_a_column, "shape (5, 1) instead of (5,)"),
            (return_forgotten, "is the `return` missing?"),
            (only_inputs, "It returned a torch.Tensor, and a tuple is expected"),
            (appends_to_its_argument, "It changes its argument `tokens`"),
            (for_three_only, "context_length = 1"),
        ],
        right=[letter_by_letter, as_a_list],
    ),
    Case(
        "01.nll",
        wrong=[
            (sign_forgotten, "The sign is missing"),
            (summed, "divide by how many there are"),
            (mean_of_means, "one mean over all tokens"),
            (keepdim_forgotten, "each row must sum to 1"),
            (in_bits, "in bits"),
            (add_one, "The counts are smoothed"),
            (never_infinite, "20 instead of inf"),
            (one_for_each_token, "a tensor of shape (3,), and a float is expected"),
            (normalises_in_place, "It changes its argument `counts`"),
        ],
        right=[with_a_loop, with_nll_loss],
    ),
    Case(
        "01.smoothing",
        wrong=[
            (one_whatever_alpha, "1 is added whatever `alpha` is"),
            (nothing_added, "Nothing is added to the counts"),
            (divided_by_old_sums, "the sum of the counts before `alpha` was added"),
            (sum_grows_once, "V times `alpha`"),
            (added_afterwards, "Add it to the counts, and divide afterwards"),
            (divided_along_columns, "Keep the dimension"),
            (only_zeros_grow, "Only the counts of 0 grow"),
            (only_the_table, "a torch.Tensor, and a tuple is expected"),
            (loss_summed, "divide by how many there are"),
            (adds_in_place, "It changes its argument `counts`"),
        ],
        right=[smooth_with_a_loop, smooth_in_double],
    ),
    Case(
        "01.forward",
        wrong=[
            (without_tanh, "not squeezed by tanh"),
            (direct_forgotten, "`W` is there and is not used"),
            (direct_demanded, "Without direct connections `p` holds no `W`"),
            (hidden_bias_forgotten, "`d` is missing"),
            (interleaved, "The embeddings are interleaved"),
            (softmax_too, "logits are asked for"),
            (not_turned_round, "turn the matrix round"),
            (not_flattened, "side by side first"),
            (batch_flattened, "so that the batch stays"),
        ],
        right=[one_by_one, with_linear],
    ),
    Case(
        "01.bugs",
        wrong=[
            (with_bug("loop_a", "step before backward"), "loop_a has another bug"),
            (with_bug("loop_b", "loss of the last batch only"), "what dropout does in it"),
            (with_bug("loop_c", "same order in every epoch"), "what `cut` makes of it"),
            (with_bug("loop_d", "gradients add up"), "the learning rate of the first step"),
            (with_bug("loop_e", "evaluated in training mode"), "two calls of `mean_loss`"),
            (with_bug("loop_a", "gradients ad up"), "did you mean 'gradients add up'?"),
            (with_bug("loop_f", "gradients add up"), "There is no loop 'loop_f'"),
            (one_missing, "loop_d is still to be found"),
            (a_list_of_bugs, "Return a dict"),
        ],
        right=[in_capitals],
    ),
    Case(
        "01.short",
        wrong=[
            (run_with("result.json", validation_loss=2.336), "0.046 to go"),
            (run_with("result.json", steps=1000), "700 more than the 300 allowed"),
            (run_with("result.json", parameters=11897), "of different runs"),
            (run_with("result.json", validation_loss=None), "copy it whole"),
            (run_with("model.json", data="makemore-names"), "read other data"),
            (run_with("model.json", model="lstm"), "`--model mlp`"),
            (only_the_result, "model.json is missing"),
            (the_validation_loss, "Return the run's folder, or a dict"),
            (no_such_folder, "There is no such folder"),
            (folder_without_a_run, "model.json is missing"),
        ],
        right=[as_texts],
    ),
]


@pytest.mark.parametrize("claim", claims("01", CASES))
def test_exercise(claim):
    claim()


def test_the_folder_of_a_run_is_an_answer(tmp_path):
    for name, content in short_run().items():
        (tmp_path / name).write_text(json.dumps(content))
    run_beats_the_notebook(lambda: tmp_path)
    run_beats_the_notebook(lambda: str(tmp_path))


def test_the_published_run_reaches_its_goal_again():
    sizes = short_run()["model.json"]["sizes"]
    corpus = data.load("names")
    vocabulary = data.Vocabulary.from_texts(corpus["train"]["text"])
    batches, validation = (
        data.WindowBatches(*data.context_windows(vocabulary, corpus[part]["text"], 6))
        for part in ("train", "validation")
    )
    model = build("mlp", len(vocabulary), sizes, seed=0)
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
