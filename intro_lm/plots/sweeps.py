"""Figures of how sweeps go, and of the noise that their findings are held against."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from intro_lm.plots.models import COLOURS, LOSS_LABEL, MARKERS
from intro_lm.plots.scales import (
    BEYOND_MARKER,
    TRIAL_COLOURS,
    TRIAL_MARKERS,
    VALIDATION_LABEL,
    completed,
    loss_limits,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from optuna.trial import FrozenTrial

SAMPLER_COLOURS = {"grid": "#b8860b", "random": "#3f8fa3", "TPE": "#8e1c5a"}
SAMPLER_MARKERS = {"grid": "s", "random": "o", "TPE": "D"}
MOST_MARKERS = 12  # along one line


def best_so_far(
    repeats: Mapping[str, Sequence[Sequence[float]]],
    title: str,
    axes: Axes | None = None,
    label: str = "trials",
) -> Axes:
    """The lowest loss so far against the number of trials: each sampler's median and band.

    The band goes from the luckiest study to the unluckiest. Where a first loss would stretch the
    loss axis, the axis ends below it.

    Args:
        repeats: by sampler, the losses of each repeated study's trials in their order; nan for a
            trial without one. The keys of `SAMPLER_COLOURS` have colours of their own.
        title: the finding.
        axes: where to draw.
        label: what the x axis counts.

    Raises:
        ValueError: there is nothing to draw, or a sampler's studies differ in length.
    """
    if not repeats:
        raise ValueError("no sampler is given; there is nothing to draw")
    lowest = {name: _running_lowest(name, studies) for name, studies in repeats.items()}
    drawn = np.concatenate([losses.ravel() for losses in lowest.values()])
    if not np.isfinite(drawn).any():
        raise ValueError("no trial has a finite loss; there is nothing to draw")
    axes = axes or plt.gca()
    free = cycle(zip(COLOURS.values(), MARKERS.values(), strict=True))
    for name, losses in lowest.items():
        own = name in SAMPLER_COLOURS
        colour, marker = (SAMPLER_COLOURS[name], SAMPLER_MARKERS[name]) if own else next(free)
        studies, trials = losses.shape
        counts = range(1, trials + 1)
        axes.fill_between(
            counts, losses.min(0), losses.max(0), step="post", color=colour, alpha=0.18, lw=1
        )
        axes.plot(
            counts, np.median(losses, 0), drawstyle="steps-post", color=colour, lw=2, ms=5,
            marker=marker, markevery=math.ceil(trials / MOST_MARKERS),
            label=f"{name} ({studies} {'study' if studies == 1 else 'studies'})",
        )  # fmt: skip
    axes.set(title=title, xlabel=label, ylabel=f"best validation loss so far ({LOSS_LABEL[6:-1]})")
    axes.set_ylim(loss_limits(drawn, share=0.95))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="line: median; band: lowest to highest")
    return axes


def pruned_curves(trials: Sequence[FrozenTrial], title: str, axes: Axes | None = None) -> Axes:
    """Validation loss against the step of every trial; pruned ones are grey and end in a mark.

    Failed and unfinished trials are left out. Where a few losses would stretch the loss axis it is
    cut; a pruned trial that ends above it has a triangle at its edge.

    Args:
        trials: a study's trials, which reported losses on their way.
        title: the finding.
        axes: where to draw.

    Raises:
        ValueError: no trial completed, or none reported a loss.
    """
    done = [trial for trial, _ in completed(trials) if trial.intermediate_values]
    pruned = [t for t in trials if t.state.name == "PRUNED" and t.intermediate_values]
    losses = [loss for trial in done + pruned for loss in trial.intermediate_values.values()]
    if not any(math.isfinite(loss) for loss in losses):
        raise ValueError("no trial reported a loss on its way; report them for pruning to show")
    limits = loss_limits(losses, share=0.9)
    axes = axes or plt.gca()
    for trial in pruned:
        steps, values = zip(*sorted(trial.intermediate_values.items()), strict=True)
        axes.plot(steps, values, color=TRIAL_COLOURS["pruned"], lw=1)
        above = values[-1] > limits[1]
        axes.plot(
            steps[-1], min(values[-1], limits[1]), color=TRIAL_COLOURS["pruned"], mew=1.5, ms=5,
            marker=BEYOND_MARKER if above else TRIAL_MARKERS["pruned"], clip_on=False,
        )  # fmt: skip
    best = done[:1]
    for trial in reversed(done):
        points = zip(*sorted(trial.intermediate_values.items()), strict=True)
        kind, width = ("best", 3) if trial in best else ("completed", 1)
        axes.plot(*points, color=TRIAL_COLOURS[kind], lw=width)
    entries = [
        _entry("pruned", f"pruned ({len(pruned)})", marker=TRIAL_MARKERS["pruned"], mew=1.5),
        _entry("completed", f"completed ({len(done)})"),
        *[_entry("best", f"best: trial {trial.number}", lw=3) for trial in best],
    ]
    axes.legend(handles=entries if pruned else entries[1:])
    axes.set(title=title, xlabel="step", ylabel=VALIDATION_LABEL, ylim=limits)
    return axes


def seed_noise(values: Mapping[str, Sequence[float]], title: str, axes: Axes | None = None) -> Axes:
    """Each setting's losses under several seeds, with their mean ± one standard deviation.

    The lowest mean is on top. TrainingSettings whose bars overlap may differ by luck alone.

    Args:
        values: by setting, a loss for each seed.
        title: the finding.
        axes: where to draw.

    Raises:
        ValueError: a setting has no value, or one that isn't finite.
    """
    if not values:
        raise ValueError("no setting is given; there is nothing to draw")
    for name, losses in values.items():
        if not losses:
            raise ValueError(f"{name!r} has no value; give it a loss for each seed")
        for loss in losses:
            if not math.isfinite(loss):
                raise ValueError(f"{name!r} holds {loss}; give it finite losses")
    axes = axes or plt.gca()
    names = sorted(values, key=lambda name: float(np.mean(values[name])), reverse=True)
    for row, name in enumerate(names):
        points, above = np.array(values[name]), row + 0.22
        axes.plot(points, np.full(len(points), row), "o", color=COLOURS["MLP"], ms=7, alpha=0.6)
        mean = float(points.mean())
        text, deviation = f"{mean:.4f} (1 seed)", 0.0
        if len(points) > 1:
            deviation = float(points.std(ddof=1))
            text = f"{mean:.4f} ± {deviation:.4f} ({len(points)} seeds)"
        axes.errorbar(mean, above, xerr=deviation or None, fmt="d", color="black", capsize=4)
        axes.annotate(
            text, (mean, above), (0, 7), textcoords="offset points", ha="center", fontsize=9
        )
    axes.set_yticks(range(len(names)), names)
    axes.set(title=title, xlabel=VALIDATION_LABEL, ylim=(-0.4, len(names) - 0.3))
    axes.margins(x=0.12)
    axes.grid(axis="x", alpha=0.3)
    return axes


def _running_lowest(name: str, studies: Sequence[Sequence[float]]) -> np.ndarray:
    # (studies, trials); infinite until a study's first loss
    lengths = sorted({len(study) for study in studies})
    if not lengths:
        raise ValueError(f"{name!r} has no repeated study; give it at least one")
    if lengths[0] == 0:
        raise ValueError(f"{name!r} has a study without trials")
    if len(lengths) > 1:
        found = " and ".join(map(str, lengths))
        raise ValueError(f"{name!r} has studies of {found} trials; give it studies of one length")
    losses = np.array(studies, dtype=float)
    return np.minimum.accumulate(np.where(np.isnan(losses), np.inf, losses), axis=1)


def _entry(kind: str, label: str, **style: Any) -> Line2D:
    return Line2D([], [], color=TRIAL_COLOURS[kind], label=label, **style)
