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


# What each broken loop of 01.bugs is asked to be looked at for.
LOOK = {
    "loop_a": (
        "write down what its first two steps do to one weight and to that weight's gradient, line "
        "by line"
    ),
    "loop_b": "ask of each call of the model what dropout does in it",
    "loop_c": (
        "take the row · · a n (two boundaries, then a and n) and write down what `cut` makes of it"
    ),
    "loop_d": "write down the learning rate of the first step, of the last, and of two in between",
    "loop_e": "follow each of the two calls of `mean_loss`, and ask what it leaves behind",
}
# What would be seen in a loop that had the bug which was named.
WOULD = {
    "gradients add up": "the gradients were never reset",
    "softmax before cross-entropy": "a softmax came between the model and the loss",
    "step before backward": "`optimizer.step()` came before `backward()`",
    "evaluated in training mode": "the model were in training mode when the loss that it returns "
    "is measured",
    "targets shifted by one": "a target were not the token right after its context",
    "same order in every epoch": "every epoch asked for the same batches",
    "rate changes per epoch, not per step": "rates that were made for steps were used up by epochs",
    "loss of the last batch only": "the loss it returns left out all validation batches but one",
    "trains on validation data": "a validation batch changed a weight",
    "optimizer of another model": "the optimizer were given other parameters than the model's",
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
    if not isinstance(found, dict):
        raise NotYet("Return a dict from each loop to its bug", {"got": show(found)})
    for loop, bug in found.items():
        if not isinstance(loop, str) or not isinstance(bug, str):
            raise NotYet("Loops and bugs are named by strings", {"got": show({loop: bug})})
    return {loop.strip(): bug.strip().lower() for loop, bug in found.items() if bug.strip()}


BUGS = Exercise(
    name="01.bugs",
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
        "Read each loop with one question at a time. When are the gradients reset? In which "
        "mode is the model when it is measured? What is the target of a row? How often does "
        "the rate change? Which batches reach `optimizer.step()`?",
        "Each question of the first hint finds exactly one loop. Five names of the list occur "
        "nowhere: no loop calls softmax, for one.",
        "In their order: a line is missing; a call of `model.eval()` is missing; an index is "
        "off; a line is indented too little; a function does more than its name says.",
    ),
    checks=(bugs_by_name, bugs_of_the_loops),
)
