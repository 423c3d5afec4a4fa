"""Figures of sweeps, and of the seed noise to compare their findings with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator

from intro_lm.plots.models import COLOURS, LOSS_LABEL

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SAMPLER_COLOURS = {"grid": "#b8860b", "random": "#3f8fa3", "TPE": "#8e1c5a"}
SAMPLER_MARKERS = {"grid": "s", "random": "o", "TPE": "D"}


def best_so_far(repeats: Mapping[str, Sequence[Sequence[float]]], title: str) -> Axes:
    """The lowest loss so far against the number of trials: each sampler's median and band.

    The band goes from the luckiest study to the unluckiest. Early losses that blew up are cut.

    Args:
        repeats: by sampler (a key of `SAMPLER_COLOURS`), the losses of each repeated study's trials
            in order; nan for a trial without one.
        title: the finding.
    """
    axes = plt.gca()
    drawn = []
    for name, studies in repeats.items():
        losses = np.fmin.accumulate(np.array([[math.inf, *study] for study in studies]), 1)[:, 1:]
        drawn.append(losses[np.isfinite(losses)])
        counts, colour = range(1, losses.shape[1] + 1), SAMPLER_COLOURS[name]
        axes.fill_between(
            counts, losses.min(0), losses.max(0), step="post", color=colour, alpha=0.18, lw=1
        )
        axes.plot(
            counts, np.median(losses, 0), drawstyle="steps-post", color=colour, lw=2, ms=5,
            marker=SAMPLER_MARKERS[name], markevery=math.ceil(len(counts) / 12),
            label=f"{name} ({len(losses)} {'study' if len(losses) == 1 else 'studies'})",
        )  # fmt: skip
    low, most = np.quantile(np.concatenate(drawn), [0, 0.9])
    axes.set_ylim(low - 0.05 * (most - low), most + 0.2 * (most - low))
    axes.set(title=title, xlabel="trials", ylabel=f"best validation {LOSS_LABEL} so far")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(title="line: median; band: lowest to highest")
    return axes


def seed_noise(values: Mapping[str, Sequence[float]], title: str) -> Axes:
    """Each setting's losses under several seeds, with their mean ± one standard deviation.

    The lowest mean is on top. Settings whose bars overlap may differ by luck alone.

    Args:
        values: by setting, a finite loss for each of at least two seeds.
        title: the finding.
    """
    axes = plt.gca()
    names = sorted(values, key=lambda name: float(np.mean(values[name])), reverse=True)
    for row, name in enumerate(names):
        points, above = np.array(values[name]), row + 0.22
        mean, deviation = float(points.mean()), float(points.std(ddof=1))
        axes.plot(points, np.full(len(points), row), "o", color=COLOURS["MLP"], ms=7, alpha=0.6)
        axes.errorbar(mean, above, xerr=deviation, fmt="d", color="black", capsize=4)
        axes.annotate(
            f"{mean:.4f} ± {deviation:.4f} ({len(points)} seeds)", (mean, above), (0, 7),
            textcoords="offset points", ha="center", fontsize=9,
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names, parse_math=False)
    axes.set(title=title, xlabel=f"validation {LOSS_LABEL}", ylim=(-0.4, len(names) - 0.3))
    axes.margins(x=0.12)
    axes.grid(axis="x", alpha=0.3)
    return axes
