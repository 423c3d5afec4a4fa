"""The exercises of the notebooks: `check` an answer, get a `hint`, see the `solution`.

In a notebook an exercise is three cells: Markdown (what, why, what the result looks like, minutes),
a stub (a function with its signature, a docstring with shapes, and `...`), and

    ex = exercise("01.windows")
    ex.check(build_windows)

A notebook's exercises are a package, `notebook_01`, with a module for each exercise that is named
after it: `windows.py` holds, from top to bottom, the solution, the known mistakes, the checks, and
the `Exercise`. To add one, touch three things and nothing central:

1. `course/exercises/notebook_01/windows.py`: write the solution, a function that needs only the
   notebook's imports (its source is shown, and put into the stub's cell by a test); a check or
   more; and the exercise, `WINDOWS = Exercise(...)`, which `notebook_01/__init__.py` imports and
   lists in `EXERCISES`. A check is a function that takes the answer, says in its docstring what is
   tested ("the windows of 'anna' with 3 tokens of context"; it completes "This tests …") and raises
   `NotYet`. Most need one line:

       compare(answer, build_windows, ([1, 14, 14, 1], 3), MISTAKES)

   `Mistake(wrong_function, "what the mistake is")` makes the message for a mistake: it is shown
   when the answer gives what `wrong_function` gives. For more, `call(answer, …)` gives the
   answer's result, `same(got, expected)` compares, and a check may raise `NotYet("why",
   {"inputs": show(x)})` itself. Order the checks so that the smallest case fails first. They have
   4 seconds together, run on the CPU in one thread with seeds set to 0, and have no network.
   Where the module grows past 250 lines, its wrong implementations move to `windows_mistakes.py`.
   What two exercises share goes into a module whose name says what it is.
2. `tests/course/exercises/test_notebook_01.py`: a `Case` in `CASES` holds, for one exercise,
   at least three wrong answers, each a function with a piece of the message meant for it, and at least one
   right answer that is written differently. `claims("01", CASES)` turns it into tests.
3. The notebook: the three cells, recorded with `python -m course record`.
   `tests/course/exercises/test_notebooks.py` holds module and notebook together, fills the
   solutions in and executes the cells that they need.

A stub whose body is more than `...` (a broken loop to mend, a dictionary to fill) is given to
`Exercise` as the function `stub=`; while the learner's code is still that, it is not attempted.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil

from course.exercises.checking import Exercise

__all__ = ["Exercise", "exercise", "exercises", "numbers"]


def exercise(name: str) -> Exercise:
    """The exercise of this name, such as `01.windows`.

    Raises:
        ValueError: there is none; the message lists those of that notebook, or all.
    """
    number = str(name).partition(".")[0]
    found = exercises(number) if number in numbers() else _all()
    for each in found:
        if each.name == name:
            return each
    names = [each.name for each in found]
    near = difflib.get_close_matches(str(name), names, n=1)
    guess = f" Did you mean {near[0]}?" if near else ""
    raise ValueError(f"there is no exercise {name!r}.{guess} There are: {', '.join(names)}")


def exercises(number: str) -> tuple[Exercise, ...]:
    """The exercises of the notebook with this number ("01"), in their order."""
    module = importlib.import_module(f"course.exercises.notebook_{number}")
    return tuple(module.EXERCISES)


def numbers() -> list[str]:
    """The numbers of the notebooks that have exercises."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(n.removeprefix("notebook_") for n in modules if n.startswith("notebook_"))


def _all() -> list[Exercise]:
    return [each for number in numbers() for each in exercises(number)]
