"""The loss as a surface over two hyperparameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator
from matplotlib.tri import LinearTriInterpolator, Triangulation, UniformTriRefiner

from intro_lm.plots.scales import (
    TRIAL_COLOURS,
    TRIAL_MARKERS,
    VALIDATION_LABEL,
    Scale,
    completed,
    loss_limits,
    scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

COLOUR_MAP = "viridis"  # darker is better, in greyscale too
LEVELS = 10
REFINEMENTS = 4  # each triangle into 4**4, so that borders bend as they should on a log axis


def contour(
    trials: Sequence[FrozenTrial], x: str, y: str, title: str, axes: Axes | None = None
) -> Axes:
    """Loss over two hyperparameters: the completed trials, and a surface between them.

    The surface is interpolated linearly between neighbouring trials, over logarithms where the
    search was logarithmic; trials at one place count with their mean. Where there are too few
    places for a surface, where they lie on one line, or where a hyperparameter's choices are words,
    with nothing between them, the points stand alone. Losses that would stretch the colours are
    drawn in the one beyond the colour bar's end.

    Args:
        trials: a study's trials.
        x: the hyperparameter across.
        y: the hyperparameter upwards.
        title: the finding.
        axes: where to draw.

    Raises:
        ValueError: no trial completed, or none has these two hyperparameters.
    """
    if x == y:
        raise ValueError(f"x and y are both {x!r}; name two hyperparameters")
    kept = [trial for trial, _ in completed(trials)]
    across, upwards = scale(kept, x), scale(kept, y)
    holding = [trial for trial in kept if x in trial.params and y in trial.params]
    if not holding:
        raise ValueError(f"no completed trial holds both {x!r} and {y!r}")
    done = completed(holding)
    places = np.array([[across.place(t.params[x]), upwards.place(t.params[y])] for t, _ in done])
    losses = np.array([loss for _, loss in done])

    axes = axes or plt.gca()
    across.set_axis(axes, "x")
    upwards.set_axis(axes, "y")
    levels = MaxNLocator(LEVELS).tick_values(losses.min(), loss_limits(losses)[1])
    cut = levels[-1] + (levels[1] - levels[0])  # a level above, drawn in the colour bar's tip
    extend: Literal["max", "neither"] = "max" if losses.max() > levels[-1] else "neither"
    mesh = None
    if across.ordered and upwards.ordered:
        mesh = _surface(across, upwards, places, np.minimum(losses, cut))
    points = axes.scatter(
        places[:, 0], places[:, 1], c=losses, vmin=levels[0], vmax=levels[-1], cmap=COLOUR_MAP,
        ec="white", zorder=3,
    )  # fmt: skip
    if mesh is None:
        bar = axes.figure.colorbar(points, ax=axes, extend=extend)
    else:
        filled = axes.tricontourf(*mesh, levels=levels, cmap=COLOUR_MAP, extend=extend)
        bar = axes.figure.colorbar(filled, ax=axes)
    bar.set_label(VALIDATION_LABEL)
    axes.plot(
        *places[0], color=TRIAL_COLOURS["best"], marker=TRIAL_MARKERS["best"], ls="", ms=16,
        mec="white", zorder=4, label="best",
    )  # fmt: skip
    axes.set_title(title)
    axes.legend()
    return axes


def _surface(
    across: Scale, upwards: Scale, places: np.ndarray, losses: np.ndarray
) -> tuple[Triangulation, np.ndarray] | None:
    # Interpolated in fractions of the axes, where a logarithmic one is straight; None where no
    # triangle can be laid between the places.
    unique, inverse = np.unique(places, axis=0, return_inverse=True)
    means = np.bincount(inverse, weights=losses) / np.bincount(inverse)
    if len(unique) < 3 or np.ptp(means) == 0:
        return None
    x, y = across.fraction(unique[:, 0]), upwards.fraction(unique[:, 1])
    if np.linalg.matrix_rank(np.stack([x - x[0], y - y[0]]), tol=1e-6) < 2:
        return None
    coarse = Triangulation(x, y)
    fine, values = UniformTriRefiner(coarse).refine_field(
        means, LinearTriInterpolator(coarse, means), subdiv=REFINEMENTS
    )
    return Triangulation(across.at(fine.x), upwards.at(fine.y), fine.triangles), values
