"""The exercises of the notebooks: `check` an answer, get a `hint`, see the `solution`.

In a notebook an exercise is three cells: Markdown (what, why, what the result looks like, minutes),
a stub (a function with its signature, a docstring with shapes, and `...`), and

    ex = exercise("01.windows")
    ex.check(build_windows)

To add one:

1. Write `notebook_01/windows.py`: the solution, which needs only the notebook's imports; its
   mistakes, `Mistake(wrong_answer, "what the mistake is")`; its checks; and the `Exercise`, which
   `notebook_01/__init__.py` lists. A check takes the answer and raises `NotYet`. Its docstring
   completes "This tests …". Most need one line:

       compare(answer, build_windows, ([1, 14, 14, 1], 3), MISTAKES)

   The smallest case comes first. All checks together have 4 seconds of processor time, on one
   thread, with seeds set to 0.
2. Add to `tests/course/exercises/answers_01.py` a right answer that is written differently, and
   wrong answers that no `Mistake` covers. Tests cover solution, stub and mistakes already.
3. Put the three cells into the notebook, and record it with `python -m course record`.
"""

from __future__ import annotations

import importlib
import pkgutil

from course.exercises.checking import Exercise

__all__ = ["Exercise", "exercise", "exercises", "numbers"]


def exercise(name: str) -> Exercise:
    """The exercise with this name, such as `01.windows`.

    Raises:
        ValueError: there is none; the message lists the notebook's exercises, or all.
    """
    number = name.partition(".")[0]
    asked = [number] if number in numbers() else numbers()
    found = {each.name: each for number in asked for each in exercises(number)}
    if name not in found:
        raise ValueError(f"there is no exercise {name!r}; there are {', '.join(found)}")
    return found[name]


def exercises(number: str) -> tuple[Exercise, ...]:
    """The exercises of the notebook with this number ("01"), in order."""
    return tuple(importlib.import_module(f"course.exercises.notebook_{number}").EXERCISES)


def numbers() -> list[str]:
    """The numbers of the notebooks that have exercises."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return sorted(n.removeprefix("notebook_") for n in modules if n.startswith("notebook_"))
