"""The exercises of notebook 01, the MLP baseline."""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import Any

import torch

from intro_lm.exercises.checking import Exercise
from intro_lm.exercises.comparing import Answer, NotYet, call, compare
from intro_lm.exercises.mistakes_01 import BENGIO, LOOK, NLL, SMOOTHING, WINDOWS, WOULD
from intro_lm.exercises.values import plain, show
from intro_lm.runs import MODEL_FILE, RESULT_FILE, build

ANNA = [1, 14, 14, 1]


def build_windows(tokens: list[int], context_length: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Cut one name into examples: every context, and the token that comes after it.

    Args:
        tokens: the n ids of the name's letters, without boundaries. The boundary is id 0.
        context_length: T, how many tokens a context holds.

    Returns:
        inputs, a LongTensor (n + 1, T), and targets, a LongTensor (n + 1,).
    """
    padded = torch.tensor([0] * context_length + tokens + [0])  # (T + n + 1,)
    windows = padded.unfold(0, context_length + 1, 1)  # (n + 1, T + 1)
    return windows[:, :-1], windows[:, -1]


def windows_of_anna(answer: Answer) -> None:
    """the windows of 'anna' with 3 tokens of context"""
    compare(answer, build_windows, (ANNA, 3), WINDOWS)


def windows_of_other_lengths(answer: Answer) -> None:
    """a context of one token, a context longer than the name, and a name without letters"""
    for tokens, length in ((ANNA, 1), ([5], 4), ([], 2)):
        compare(answer, build_windows, (tokens, length), WINDOWS)


def negative_log_likelihood(counts: torch.Tensor, names: list[list[int]]) -> float:
    """Measure a bigram model that is a table of counts, on some names.

    Args:
        counts: (V, V), how often each token (column) came after each token (row).
        names: the ids of each name's letters, without boundaries. The boundary is id 0.

    Returns:
        The mean negative log-likelihood of the names, in nats per predicted token, the boundary
        at each name's end included. It is infinite where a pair was never counted.
    """
    before = torch.tensor([token for name in names for token in [0, *name]])  # (N,)
    after = torch.tensor([token for name in names for token in [*name, 0]])  # (N,)
    probabilities = counts / counts.sum(1, keepdim=True)
    return -probabilities[before, after].log().mean().item()


COUNTS = torch.tensor([[0.0, 6, 2], [3, 1, 4], [5, 2, 1]])


def loss_of_one_name(answer: Answer) -> None:
    """the loss of one name of two letters under counts of three tokens"""
    compare(answer, negative_log_likelihood, (COUNTS, [[1, 2]]), NLL)


def loss_of_two_names(answer: Answer) -> None:
    """the loss of two names of different lengths, with a mean over tokens"""
    compare(answer, negative_log_likelihood, (COUNTS, [[1], [1, 2, 2, 1, 1]]), NLL)


def loss_of_a_new_pair(answer: Answer) -> None:
    """that a pair which was never counted makes the loss infinite"""
    counts = COUNTS.clone()
    counts[2, 2] = 0
    compare(answer, negative_log_likelihood, (counts, [[1, 2, 2]]), NLL)


def smooth(
    counts: torch.Tensor, alpha: float, before: torch.Tensor, after: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """Smooth a bigram model by adding to its counts, and measure it on pairs of tokens.

    Args:
        counts: (V, V) whole numbers, how often each token (column) came after each token (row).
        alpha: what is added to every count; 1 is add-one smoothing.
        before: (N,) ids of tokens.
        after: (N,) ids of the tokens that came after those.

    Returns:
        The probabilities (V, V), of which each row sums to 1, and the mean negative log-likelihood
        of the N pairs, in nats.
    """
    larger = counts + alpha  # (V, V)
    probabilities = larger / larger.sum(1, keepdim=True)
    return probabilities, -probabilities[before, after].log().mean().item()


def smoothed_by_one(answer: Answer) -> None:
    """add-one smoothing: a table whose rows sum to 1, and the loss of one pair"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [5, 2, 1]])
    compare(answer, smooth, (counts, 1.0, torch.tensor([1]), torch.tensor([2])), SMOOTHING)


def smoothed_by_other_amounts(answer: Answer) -> None:
    """a pair that was never counted, a token that was never seen, and amounts other than 1"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [0, 0, 0]])
    before, after = torch.tensor([0, 0, 2]), torch.tensor([0, 1, 1])
    for alpha in (0.5, 100.0):
        compare(answer, smooth, (counts, alpha, before, after), SMOOTHING)


def not_smoothed(answer: Answer) -> None:
    """that with an amount of 0 a pair which was never counted makes the loss infinite"""
    counts = torch.tensor([[0, 6, 2], [3, 1, 4], [5, 2, 1]])
    pairs = torch.tensor([0, 1]), torch.tensor([0, 2])
    compare(answer, smooth, (counts, 0.0, *pairs), SMOOTHING)


def bengio_logits(p: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The logits of the network of Bengio et al. (2003), b + U tanh(d + H e) + W e.

    Here e holds the embeddings of an example's T context tokens side by side, the oldest first.

    Args:
        p: the parameters by the paper's names: C (V, E), H (h, T·E), d (h,), U (V, h), b (V,),
            and, only in a network with direct connections, W (V, T·E).
        x: (B, T) ids of the context tokens.

    Returns:
        (B, V) logits.
    """
    e = p["C"][x].flatten(1)  # (B, T·E)
    hidden = torch.tanh(e @ p["H"].T + p["d"])  # (B, h)
    logits = hidden @ p["U"].T + p["b"]  # (B, V)
    if "W" in p:
        logits = logits + e @ p["W"].T
    return logits


def _parameters(v: int, t: int, e: int, h: int, direct: bool) -> dict[str, torch.Tensor]:
    shapes = {"C": (v, e), "H": (h, t * e), "d": (h,), "U": (v, h), "b": (v,)}
    if direct:
        shapes["W"] = (v, t * e)
    return {name: torch.randn(shape) for name, shape in shapes.items()}


def logits_of_one_context(answer: Answer) -> None:
    """the logits of one context of two tokens, without direct connections"""
    p = _parameters(v=3, t=2, e=3, h=2, direct=False)
    compare(answer, bengio_logits, (p, torch.tensor([[1, 2]])), BENGIO)


def logits_of_a_batch(answer: Answer) -> None:
    """the logits of a batch of contexts of three tokens, and of one token"""
    for t in (3, 1):
        p = _parameters(v=5, t=t, e=4, h=6, direct=False)
        compare(answer, bengio_logits, (p, torch.randint(5, (4, t))), BENGIO)


def logits_with_direct_connections(answer: Answer) -> None:
    """the logits of a network with direct connections"""
    p = _parameters(v=3, t=2, e=3, h=2, direct=True)
    compare(answer, bengio_logits, (p, torch.tensor([[1, 2], [0, 0]])), BENGIO)


def find_bugs() -> dict[str, str]:
    """Name the bug of each broken loop.

    Returns:
        The keys "loop_a" to "loop_e", each with the name of its bug, as in the list above.
    """
    return {
        "loop_a": "gradients add up",
        "loop_b": "evaluated in training mode",
        "loop_c": "targets shifted by one",
        "loop_d": "rate changes per epoch, not per step",
        "loop_e": "trains on validation data",
    }


def bugs_by_name(answer: Answer) -> None:
    """that only loops that there are, and bugs of the list, are named"""
    found = _named(answer)
    for loop, bug in found.items():
        if loop not in LOOK:
            raise NotYet(f"There is no loop {loop!r}", {"loops": ", ".join(LOOK)})
        if bug not in WOULD:
            near = difflib.get_close_matches(bug, WOULD, n=1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            raise NotYet(f"{bug!r} is not on the list{guess}", {"the list": ", ".join(WOULD)})


def bugs_of_the_loops(answer: Answer) -> None:
    """the bugs of the five loops"""
    found, right = _named(answer), find_bugs()
    for loop, bug in found.items():
        if bug != right[loop]:
            raise NotYet(
                f"{loop} has another bug. In {loop}, {LOOK[loop]}. (It would be {bug!r} if "
                f"{WOULD[bug]})",
                {"got": f"{loop}: {bug}"},
            )
    if missing := [loop for loop in right if loop not in found]:
        raise NotYet(
            f"What is there is right; {missing[0]} is still to be found. There, {LOOK[missing[0]]}",
            {"missing": ", ".join(missing)},
        )


def _named(answer: Answer) -> dict[str, str]:
    found = plain(call(answer))
    if type(found) is not dict:
        raise NotYet("Return a dict from each loop to its bug", {"got": show(found)})
    for loop, bug in found.items():
        if type(loop) is not str or type(bug) is not str:
            raise NotYet("Loops and bugs are named by strings", {"got": show({loop: bug})})
    return {loop.strip(): bug.strip().lower() for loop, bug in found.items() if bug.strip()}


def short_run() -> Path | dict[str, dict]:
    """A run of at most 300 steps that beats what the notebook's network reached in 1000.

    Returns:
        The run that `python -m intro_lm train` made: its folder, or what stands in its files
        "model.json" and "result.json", by these names.
    """
    # python -m intro_lm train --data names --model mlp --context-length 6 --embedding-size 16
    #     --learning-rate 0.03 --batch-size 1024 --steps 300 --folder runs/short
    sizes = {"context_length": 6, "embedding_size": 16}
    result = {
        "parameters": 25259,
        "steps": 300,
        "seconds": 7.162,
        "precision": "float32",
        "train_loss": 2.193446159362793,
        "validation_loss": 2.2594269144588206,
        "test_loss": 2.2361966065766996,
    }
    return {"model.json": {"data": "names", "model": "mlp", "sizes": sizes}, "result.json": result}


STEPS, GOAL = 300, 2.29


def run_beats_the_notebook(answer: Answer) -> None:
    """a run of at most 300 steps on the bundled names, by what stands in its files"""
    about, result = (_file(call(answer), name) for name in (MODEL_FILE, RESULT_FILE))
    case = {MODEL_FILE: show(about), RESULT_FILE: show(result)}
    if about.get("data") != "names" or about.get("backward"):
        raise NotYet("This run read other data; only one on `names`, forward, can compare", case)
    if about.get("model") != "mlp":
        raise NotYet("This run trained another model; make one with `--model mlp`", case)
    steps, loss = result.get("steps"), result.get("validation_loss")
    if type(steps) is not int or type(loss) is not float:
        raise NotYet("result.json says no steps or no validation loss; copy it whole", case)
    model = build("mlp", 27, about.get("sizes", {}), seed=0)
    if result.get("parameters") != sum(p.numel() for p in model.parameters()):
        raise NotYet(
            "The two files are of different runs: a model of these sizes has another number of "
            "parameters",
            case,
        )
    if steps > STEPS:
        raise NotYet(f"It took {steps} steps, {steps - STEPS} more than the {STEPS} allowed", case)
    if not loss < GOAL:
        away = f"{loss - GOAL:.3f} to go"
        raise NotYet(f"Its validation loss is {loss:.3f}, and {GOAL} is to be beaten: {away}", case)


def _file(run: Any, name: str) -> dict[str, Any]:
    """What a file of a run says, from the run's folder or from a dict of its files."""
    if isinstance(run, str | Path):
        folder = Path(run)
        if not folder.is_dir():
            raise NotYet(
                "There is no such folder. A path is read from the folder of the notebook: a run in "
                'runs/short is `Path("..") / "runs" / "short"`',
                {"got": folder.name},
            )
        files = {path.name for path in folder.iterdir()}
        text = (folder / name).read_text(encoding="utf-8") if name in files else None
    else:
        files = plain(run)
        if type(files) is not dict:
            raise NotYet("Return the run's folder, or a dict of its two files", {"got": show(run)})
        text = files.get(name)
    if text is None:
        raise NotYet(
            f"{name} is missing. `python -m intro_lm train` writes model.json at its start and "
            "result.json at its end; a run without both is not finished",
            {"there are": ", ".join(sorted(map(str, files))) or "no files"},
        )
    found = json.loads(text) if type(text) is str else text
    return found if type(found) is dict else {}


EXERCISES = (
    Exercise(
        name="01.windows",
        title="Cut a name into windows",
        minutes=10,
        solved_by=build_windows,
        why=(
            "With T boundaries in front, each place of the name has T tokens before it, and one "
            "rule serves all of them. `unfold` slides a window of T + 1 tokens over the padded "
            "name, one step at a time: all but the last are the context, the last is the target. "
            "It copies nothing; both results are views of the padded name."
        ),
        hints=(
            "Write down the five examples of *anna* as ids. Which list of ids, cut into pieces of "
            "`context_length + 1`, gives them all?",
            "Pad in front with `[0] * context_length`, and put one 0 behind. There is one window "
            "for each letter and one for the end.",
            "`padded[i : i + context_length]` is context number i, and "
            "`padded[i + context_length]` its target. `tensor.unfold(0, size, 1)` gives all "
            "windows at once.",
        ),
        checks=(windows_of_anna, windows_of_other_lengths),
    ),
    Exercise(
        name="01.nll",
        title="The loss of a counting model",
        minutes=15,
        solved_by=negative_log_likelihood,
        why=(
            "A row of counts, divided by its sum, is the distribution of the next token. Indexing "
            "with two tensors, `probabilities[before, after]`, picks the probability of every pair "
            "at once. The mean goes over all predicted tokens, the boundaries behind the names "
            "among them: a model must also say where a name ends. A pair that was never counted "
            "has probability 0 and minus log 0 is infinite, which is why models are smoothed."
        ),
        hints=(
            "Turn the counts into probabilities first. Which dimension must sum to 1?",
            "Each name gives the pairs of `[0, *name]` and `[*name, 0]`.",
            "With `before` and `after` as two LongTensors, `probabilities[before, after]` has one "
            "probability for each predicted token. Take the logarithm, then the mean, then minus.",
        ),
        checks=(loss_of_one_name, loss_of_two_names, loss_of_a_new_pair),
    ),
    Exercise(
        name="01.smoothing",
        title="Smoothing, and what it does",
        minutes=15,
        solved_by=smooth,
        why=(
            "A row grows by `alpha` in each of its V places, so its sum grows by V times `alpha`, "
            "and dividing by the new sum keeps a probability for every pair. Smoothing moves "
            "belief from what was counted to what was not. Where a row holds thousands of counts, "
            "1 more or less hardly matters; where it holds ten, V added ones outweigh them, and "
            "every token becomes nearly as likely as any other. How much to add is therefore a "
            "choice that is made on names that were not counted."
        ),
        hints=(
            "Add first, divide afterwards. Which sum belongs below a row: the old or the new one?",
            "`larger = counts + alpha` and its sums over dimension 1, with `keepdim=True`, give "
            "the table. The loss is that of the exercise before, for pairs that are given.",
            "`probabilities = larger / larger.sum(1, keepdim=True)`; then "
            "`-probabilities[before, after].log().mean().item()`.",
        ),
        checks=(smoothed_by_one, smoothed_by_other_amounts, not_smoothed),
    ),
    Exercise(
        name="01.forward",
        title="The network as the paper has it",
        minutes=20,
        solved_by=bengio_logits,
        why=(
            "The paper writes an example as a column and multiplies from the left, H e. A batch "
            "holds its examples as rows, so each matrix is turned round: e @ H.T. (`nn.Linear` "
            "keeps its weights like the paper and does the same.) `flatten(1)` puts the "
            "embeddings side by side and leaves the batch alone. With W there is a second way "
            "from the embeddings to the logits: what it adds depends on each place of the context "
            "for itself, and the hidden layer has only the rest to explain."
        ),
        hints=(
            "Follow the shapes: (B, T), then (B, T, E), (B, T·E), (B, h), (B, V). Which step "
            "makes which?",
            "`p['C'][x]` looks up all embeddings, `flatten(1)` puts them side by side. Compare "
            "the shape of H with that of `W1` in `forward`: which way round does it stand?",
            "`hidden = torch.tanh(e @ p['H'].T + p['d'])`, and the logits likewise from U and b. "
            "Then add `e @ p['W'].T` if `'W' in p`.",
        ),
        checks=(logits_of_one_context, logits_of_a_batch, logits_with_direct_connections),
    ),
    Exercise(
        name="01.bugs",
        title="Five broken loops",
        minutes=30,
        solved_by=find_bugs,
        why=(
            "None of the five raises an error, and each reports a number. `loop_a` never calls "
            "`zero_grad`, so that every step follows the sum of all gradients so far. `loop_b` "
            "stays in training mode, and its loss is that of a network with holes, a different "
            "one at each call. In `loop_c` the target is `rows[:, -2]`, the last token of the "
            "context itself: the loss falls towards 0, which no model of names can reach. "
            "`loop_d` makes a list of rates for steps and takes one an epoch, so that the rate "
            "hardly falls. In `loop_e` one function serves both lists of batches, and it always "
            "takes a step: the validation names are trained on, and `model.eval()` doesn't "
            "prevent it. Two of them flatter (c and e), three harm. Compare a loss with what you "
            "know of the task, such as the best table's, and both kinds stand out."
        ),
        hints=(
            "Read each loop with one question at a time. When are the gradients set back? In which "
            "mode is the model when it is measured? What is the target of a row? How often does "
            "the rate change? Which batches reach `optimizer.step()`?",
            "Each question of the first hint finds exactly one loop. Five names of the list occur "
            "nowhere: no loop calls softmax, for one.",
            "In their order: a line is missing; a call of `model.eval()` is missing; an index is "
            "off; a line is indented too little; a function does more than its name says.",
        ),
        checks=(bugs_by_name, bugs_of_the_loops),
    ),
    Exercise(
        name="01.short",
        title="Beat 2.29 in 300 steps",
        minutes=60,
        solved_by=short_run,
        why=(
            "A longer context is what this network lacked: six letters instead of three, with 16 "
            "numbers a letter. In so few steps hardly anything is learned by heart, so weight "
            "decay doesn't help yet, and a higher rate, 0.03, pays as long as it falls to zero at "
            "the end. Larger batches help further, at the price of more time a step. The two files "
            "say all that is needed to repeat the run but the flags of the training, which is why "
            "they stand beside them."
        ),
        hints=(
            "What did the notebook change to get from 2.29 to 2.25? That needs no more steps.",
            "In 300 steps the training loss is hardly below the validation loss. So this is "
            "underfitting, and what helps against overfitting costs you something here.",
            "Try a context of 5 to 8, an embedding of 16, and rates from 0.02 to 0.04, one change "
            "at a time, with `--batch-size 1024`. Then see what 2048 does.",
        ),
        checks=(run_beats_the_notebook,),
    ),
)
