"""Exercise 01.bugs: name the bug of each of five broken loops."""

from __future__ import annotations

import difflib

from course.exercises.checking import Exercise
from course.exercises.comparing import Answer, NotYet, call
from course.exercises.values import plain, show


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


# Where to look in each broken loop.
LOOK = {
    "loop_a": (
        "write down, line by line, what its first two steps do to one weight and its gradient"
    ),
    "loop_b": "for each call of the model, ask what dropout does in it",
    "loop_c": (
        "take the row · · a n (two boundaries, then a and n) and write down what `cut` makes of it"
    ),
    "loop_d": "write down the learning rate of the first step, the last, and two in between",
    "loop_e": "follow both calls of `mean_loss`, and ask what each leaves behind",
}
# A loop would have this bug if …
WOULD = {
    "gradients add up": "the gradients were never reset",
    "softmax before cross-entropy": "a softmax came between the model and the loss",
    "step before backward": "`optimizer.step()` came before `backward()`",
    "evaluated in training mode": "it measured its loss with the model in training mode",
    "targets shifted by one": "a target wasn't the token right after its context",
    "same order in every epoch": "every epoch asked for the same batches",
    "rate changes per epoch, not per step": "each epoch used one of the rates meant for steps",
    "loss of the last batch only": "the loss it returns left out all validation batches but one",
    "trains on validation data": "a validation batch changed a weight",
    "optimizer of another model": "the optimizer got parameters that aren't the model's",
}


def bugs_by_name(answer: Answer) -> None:
    """that every loop you name exists, and every bug is on the list"""
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
                f"{loop} has another bug: it would be {bug!r} if {WOULD[bug]}. In {loop}, "
                f"{LOOK[loop]}",
                {"got": f"{loop}: {bug}"},
            )
    if missing := [loop for loop in right if loop not in found]:
        raise NotYet(
            f"What you have is right, but {missing[0]} is missing. There, {LOOK[missing[0]]}",
            {"missing": ", ".join(missing)},
        )


def _named(answer: Answer) -> dict[str, str]:
    found = plain(call(answer))
    if not isinstance(found, dict):
        raise NotYet("Return a dict that maps each loop to its bug", {"got": show(found)})
    for loop, bug in found.items():
        if not isinstance(loop, str) or not isinstance(bug, str):
            raise NotYet("Loops and bugs should be strings", {"got": show({loop: bug})})
    return {loop.strip(): bug.strip().lower() for loop, bug in found.items() if bug.strip()}


BUGS = Exercise(
    name="01.bugs",
    solved_by=find_bugs,
    why=(
        "No loop raises an error, and each reports a number. `loop_a` never calls `zero_grad`, "
        "so every step follows the sum of all gradients so far. `loop_b` stays in training mode, "
        "so its loss is that of a network with holes, different ones at each call. In `loop_c` "
        "the target is `rows[:, -2]`, the last token of the context itself: the loss falls "
        "towards 0, which no model of names can reach. `loop_d` makes a list of rates for steps "
        "and takes one per epoch, so the rate hardly falls. In `loop_e` one function serves both "
        "lists of batches, and it always takes a step: it trains on the validation names, and "
        "`model.eval()` doesn't prevent that. c and e flatter the loss; the other three harm it. "
        "Compare a loss with what you know of the task, such as the best table's, and both kinds "
        "stand out."
    ),
    hints=(
        "Read the loops with one question at a time. When are the gradients reset? Which mode is "
        "the model in when it is measured? What is the target of a row? How often does the rate "
        "change? Which batches reach `optimizer.step()`?",
        "Each question in the first hint finds exactly one loop. Five names on the list occur "
        "nowhere: no loop calls softmax, for one.",
        "In order: a line is missing; a call of `model.eval()` is missing; an index is off; a "
        "line is indented too little; a function does more than its name says.",
    ),
    checks=(bugs_by_name, bugs_of_the_loops),
)
