"""How trials and their hyperparameters lie on axes: which trials count, ranges, ticks, cuts."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.ticker import MaxNLocator

from intro_lm.plots.models import LOSS_LABEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

TRIAL_COLOURS = {"completed": "#0b62a4", "pruned": "#9a9a9a", "best": "#c2185b"}
TRIAL_MARKERS = {"completed": "o", "pruned": "x", "best": "*"}
BEYOND_MARKER = "^"  # at the upper edge: the loss lies above the axis
VALIDATION_LABEL = f"validation {LOSS_LABEL}"
USUAL_SHARE = 0.8  # of the losses, the lowest, which a loss axis is made to show well
STRETCHED = 3  # times what the usual losses need: longer axes are cut
MOST_TICKS = 5


@dataclass(frozen=True)
class Scale:
    """A hyperparameter's range. A choice of a categorical one lies at its position: 0, 1, …"""

    name: str
    low: float
    high: float
    log: bool = False
    integer: bool = False
    choices: tuple[Any, ...] = ()

    def place(self, value: Any) -> float:
        """Where the value lies on the axis."""
        return self.choices.index(value) if self.choices else float(value)

    def fraction(self, place: Any) -> Any:
        """0 at the low end, 1 at the high end; of a number or an array."""
        if self.log:
            return np.log(place / self.low) / math.log(self.high / self.low)
        return (place - self.low) / (self.high - self.low)

    def at(self, fraction: Any) -> Any:
        """The place at a fraction: the inverse of `fraction`."""
        if self.log:
            return self.low * (self.high / self.low) ** fraction
        return self.low + fraction * (self.high - self.low)

    @property
    def title(self) -> str:
        """The name, a word a line."""
        return self.name.replace("_", "\n")

    @property
    def ordered(self) -> bool:
        """Whether there is anything between two values."""
        return all(isinstance(choice, (int, float)) for choice in self.choices)

    @property
    def countable(self) -> bool:
        """Whether every value can have its own tick."""
        return bool(self.choices) or (self.integer and self.high - self.low <= MOST_TICKS)

    def ticks(self) -> tuple[list[float], list[str]]:
        """A few round places within the range, or every choice, and what to write there."""
        if self.choices:
            return [float(n) for n in range(len(self.choices))], [
                str(choice) for choice in self.choices
            ]
        if self.countable:
            places = [float(n) for n in range(math.ceil(self.low), math.floor(self.high) + 1)]
        elif self.log:
            places = self._log_places()
        else:
            values = MaxNLocator(MOST_TICKS - 1, steps=[1, 2, 5, 10], integer=self.integer)
            places = [float(place) for place in values.tick_values(self.low, self.high)]
        places = [place for place in places if self.low <= place <= self.high]
        return places, [f"{place:g}" for place in places]

    def end_labels(self, cut: bool = False) -> list[tuple[float, str]]:
        """Places and what to write there: both ends, and the ticks that keep clear of them.

        A countable range has its ticks alone. Where the axis is `cut`, its upper end says so.
        """
        ticks = list(zip(*self.ticks(), strict=True))
        if self.countable:
            return ticks
        inner = [(place, label) for place, label in ticks if 0.08 < self.fraction(place) < 0.92]
        low, high = f"{self.low:.4g}", f"{self.high:.4g}"
        return [(self.low, low), *inner, (self.high, f"≥ {high}" if cut else high)]

    def _log_places(self) -> list[float]:
        first, last = math.floor(math.log10(self.low)), math.ceil(math.log10(self.high))
        for digits in ((1, 2, 5), (1, 3), (1,)):
            # float("5e-3") is 0.005; 5 * 10**-3 isn't always
            places = [float(f"{d}e{p}") for p in range(first, last + 1) for d in digits]
            places = [place for place in places if self.low <= place <= self.high]
            if len(places) <= MOST_TICKS:
                break
        places = places[:: math.ceil(len(places) / MOST_TICKS)]
        return places if len(places) > 1 else [self.low, self.high]

    def set_axis(self, axes: Axes, which: Literal["x", "y"]) -> None:
        """Give the x or y axis this scale, its range with a margin, its ticks and its name."""
        if self.log:
            axes.set(**{f"{which}scale": "log"})
        margin = 0.5 / (len(self.choices) - 1) if self.choices else 0.06
        axes.set(**{f"{which}lim": (self.at(-margin), self.at(1 + margin))})
        axis = axes.xaxis if which == "x" else axes.yaxis
        axis.set_ticks(*self.ticks())
        axis.set_ticks([], minor=True)
        axis.set_label_text(self.name)


def scale(trials: Sequence[FrozenTrial], name: str) -> Scale:
    """The range that a hyperparameter was searched over, from the trials' distributions.

    Raises:
        ValueError: no trial has it; the message lists the known ones.
    """
    from optuna.distributions import CategoricalDistribution, IntDistribution

    holding = [trial for trial in trials if name in trial.params]
    if not holding:
        known = sorted({known for trial in trials for known in trial.params})
        raise ValueError(f"no trial has a hyperparameter {name!r}; known are {', '.join(known)}")
    kinds: list[Any] = [trial.distributions[name] for trial in holding]
    values = [trial.params[name] for trial in holding]
    if isinstance(kinds[0], CategoricalDistribution):
        choices = tuple(dict.fromkeys([c for kind in kinds for c in kind.choices] + values))
        return Scale(name, 0, max(len(choices) - 1, 1), choices=choices)
    low = min([kind.low for kind in kinds] + values)
    high = max([kind.high for kind in kinds] + values)
    log = all(kind.log for kind in kinds)
    if low == high:  # held fixed: a little room on both sides
        low, high = (low / 2, high * 2) if log else (low - 0.5, high + 0.5)
    integer = all(isinstance(kind, IntDistribution) for kind in kinds)
    return Scale(name, low, high, log, integer)


def hyperparameters(trials: Iterable[FrozenTrial]) -> list[str]:
    """The names that occur, in the order of their first occurrence."""
    return list(dict.fromkeys(name for trial in trials for name in trial.params))


def completed(trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, float]]:
    """The trials that ran to their end with their losses, the best (lowest) first.

    Raises:
        ValueError: none did with a finite loss; the message counts the states.
    """
    done = [
        (trial, trial.value)
        for trial in trials
        if trial.state.name == "COMPLETE" and trial.value is not None
    ]
    if not any(math.isfinite(loss) for _, loss in done):
        states = Counter(trial.state.name for trial in trials)
        counts = ", ".join(f"{count} {state}" for state, count in states.items())
        found = f"{len(trials)} ({counts})" if counts else "0"
        raise ValueError(f"no completed trial among the {found} has a finite loss to draw")
    return sorted(done, key=lambda pair: (pair[1], pair[0].number))


def last_reports(trials: Sequence[FrozenTrial]) -> list[tuple[FrozenTrial, float]]:
    """The pruned trials with the last loss that each reported; those without one are left out."""
    pruned = [t for t in trials if t.state.name == "PRUNED" and t.intermediate_values]
    last = [(trial, trial.intermediate_values[max(trial.intermediate_values)]) for trial in pruned]
    return [(trial, loss) for trial, loss in last if not math.isnan(loss)]


def loss_limits(losses: Iterable[float], share: float = USUAL_SHARE) -> tuple[float, float]:
    """The ends of a loss axis, at least one of the losses being finite.

    Where the highest losses would stretch it to several times what the lowest `share` of them
    need, it ends a little above those.
    """
    finite = sorted(loss for loss in losses if math.isfinite(loss))
    low, high = finite[0], finite[-1]
    usual = finite[int(share * (len(finite) - 1))]
    if high - low > STRETCHED * (usual - low) > 0:
        high = low + (usual - low) / share
    margin = 0.05 * (high - low) or 0.01
    return low - margin, high + margin
