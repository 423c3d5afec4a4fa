"""Figures that more than one notebook draws.

Each function draws into the axes it is given (or the current ones) and returns them. A model keeps
its colour, line and marker throughout the curriculum, so that figures read in greyscale too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from torch import Tensor

from intro_lm.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {"counting": "#767676", "MLP": "#0b62a4", "lecture": "#c4551a", "LSTM": "#1b7f4b"}
LOSS_LABEL = "loss (nats per token)"


def losses(histories: Mapping[str, History], title: str, axes: Axes | None = None) -> Axes:
    """Training loss (thin) and validation loss (thick, marked) of each run against the step."""
    axes = axes or plt.gca()
    for number, (name, history) in enumerate(histories.items()):
        colour = COLOURS.get(name, f"C{number}")
        axes.plot(*zip(*history.train_losses, strict=True), color=colour, alpha=0.5, lw=1)
        if history.validation_losses:
            points = zip(*history.validation_losses, strict=True)
            axes.plot(*points, color=colour, lw=2, marker="os^Dv"[number % 5], ms=4, label=name)
    axes.set(title=title, xlabel="step", ylabel=LOSS_LABEL)
    axes.legend(title="thick: validation, thin: training")
    return axes


def range_test(
    rates: Sequence[float],
    values: Sequence[float],
    chosen: float,
    title: str,
    axes: Axes | None = None,
) -> Axes:
    """Loss against the growing learning rate, with the chosen rate marked."""
    axes = axes or plt.gca()
    axes.plot(rates, values, color=COLOURS["MLP"])
    axes.axvline(chosen, color="black", ls="--", lw=1, label=f"chosen: {chosen:g}")
    axes.set(title=title, xlabel="learning rate", ylabel=LOSS_LABEL, xscale="log")
    axes.legend()
    return axes


def embedding(
    vectors: Tensor, symbols: Sequence[str], marked: str, title: str, axes: Axes | None = None
) -> Axes:
    """Tokens at the first two principal components of their embedding.

    Args:
        vectors: (V, E) embedding.
        symbols: what each token is shown as.
        marked: the symbols drawn in bold on a disc, say the vowels.
        title: the finding.
        axes: where to draw.
    """
    axes = axes or plt.gca()
    centred = (vectors - vectors.mean(0)).detach().cpu()
    left, scale, _ = centred.svd()
    x, y = (left * scale)[:, 0], (left * scale)[:, 1]
    share = (scale**2 / (scale**2).sum()).tolist()
    for symbol, across, up in zip(symbols, x.tolist(), y.tolist(), strict=True):
        is_marked = symbol in marked
        axes.scatter(across, up, s=260, color=COLOURS["lecture"] if is_marked else "#dddddd")
        axes.annotate(
            symbol, (across, up), ha="center", va="center",
            weight="bold" if is_marked else "normal", color="white" if is_marked else "black",
        )  # fmt: skip
    axes.set(
        title=title,
        xlabel=f"first principal component ({share[0]:.0%} of the variance)",
        ylabel=f"second ({share[1]:.0%})",
    )
    return axes


def ranking(values: Mapping[str, float], kinds: Mapping[str, str], title: str) -> Axes:
    """Horizontal bars, best (lowest) on top, each with its value.

    Args:
        values: loss by model.
        kinds: each model's key in `COLOURS`.
        title: the finding.
    """
    axes = plt.gca()
    names = sorted(values, key=lambda name: values[name], reverse=True)
    heights = [values[name] for name in names]
    bars = axes.barh(names, heights, color=[COLOURS[kinds[name]] for name in names])
    axes.bar_label(bars, fmt="%.3f", padding=3)
    axes.set(title=title, xlabel=f"validation {LOSS_LABEL}", xlim=(0, max(heights) * 1.12))
    return axes
