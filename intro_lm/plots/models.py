"""Figures of models and of their training: loss curves, range tests, embeddings, rankings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from torch import Tensor

from intro_lm.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = {
    "counting": "#767676",
    "MLP": "#0b62a4",
    "lecture": "#c4551a",
    "LSTM": "#1b7f4b",
    "mixture": "#7b4ea3",
    "fine-tuned": "#a8134c",
    "neighbour": "#2f8ca3",
}
MARKERS = {
    "counting": "s",
    "MLP": "o",
    "lecture": "^",
    "LSTM": "D",
    "mixture": "v",
    "fine-tuned": "P",
    "neighbour": "X",
}
LOSS_LABEL = "loss (nats per token)"


def losses(
    histories: Mapping[str, History],
    title: str,
    kinds: Mapping[str, str] | None = None,
    axes: Axes | None = None,
) -> Axes:
    """Training loss (thin) and validation loss (thick, marked) of each run against the step.

    Args:
        histories: the runs by their names in the legend.
        title: the finding.
        kinds: each run's key in `COLOURS`; without it the runs take the colours in turn.
        axes: where to draw.
    """
    axes = axes or plt.gca()
    turn = dict(zip(histories, ("MLP", "lecture", "LSTM", "mixture", "counting"), strict=False))
    for name, history in histories.items():
        kind = (kinds or turn)[name]
        colour = COLOURS[kind]
        validated = bool(history.validation_losses)
        label = None if validated else name
        axes.plot(*zip(*history.train_losses, strict=True), color=colour, lw=1, label=label)
        if validated:
            points = zip(*history.validation_losses, strict=True)
            axes.plot(*points, color=colour, lw=2, marker=MARKERS[kind], ms=5, label=name)
    axes.set(title=title, xlabel="step", ylabel=LOSS_LABEL)
    axes.legend(title="thin: training; thick, marked: validation")
    return axes


def range_test(
    rates: Sequence[float],
    values: Sequence[float],
    chosen: float,
    title: str,
    axes: Axes | None = None,
) -> Axes:
    """Loss against the growing learning rate, with the chosen rate marked.

    The loss axis ends a little above the first loss, since what lies beyond has blown up.
    """
    axes = axes or plt.gca()
    axes.plot(rates, values, color=COLOURS["MLP"])
    axes.axvline(chosen, color="black", ls="--", lw=1, label=f"chosen: {chosen:g}")
    room = 0.3 * (values[0] - min(values))
    axes.set(title=title, xlabel="learning rate", ylabel=LOSS_LABEL, xscale="log")
    axes.set_ylim(min(values) - room, values[0] + 2 * room)
    axes.legend()
    return axes


def embedding(
    vectors: Tensor, symbols: Sequence[str], marked: str, title: str, axes: Axes | None = None
) -> Axes:
    """Tokens at the first two principal components of their embedding.

    Args:
        vectors: (V, E) embedding.
        symbols: what each token is shown as.
        marked: the symbols drawn in bold on a coloured disc, say the vowels.
        title: the finding.
        axes: where to draw.
    """
    axes = axes or plt.gca()
    centred = (vectors - vectors.mean(0)).detach().cpu()
    left, scale, _ = centred.svd()
    x, y = (left * scale)[:, 0], (left * scale)[:, 1]
    fraction = (scale**2 / (scale**2).sum()).tolist()
    for symbol, across, up in zip(symbols, x.tolist(), y.tolist(), strict=True):
        is_marked = symbol in marked
        axes.scatter(across, up, s=260, color=COLOURS["lecture"] if is_marked else "#dddddd")
        axes.annotate(
            symbol, (across, up), ha="center", va="center",
            weight="bold" if is_marked else "normal", color="white" if is_marked else "black",
        )  # fmt: skip
    axes.set(
        title=title,
        xlabel=f"first principal component ({fraction[0]:.0%} of the variance)",
        ylabel=f"second ({fraction[1]:.0%})",
    )
    return axes


def ranking(
    values: Mapping[str, float],
    kinds: Mapping[str, str],
    title: str,
    label: str = f"validation {LOSS_LABEL}",
    axes: Axes | None = None,
) -> Axes:
    """Losses as points on a line each, best (lowest) on top, with their values.

    Args:
        values: loss by model.
        kinds: each model's key in `COLOURS`.
        title: the finding.
        label: what the values are.
        axes: where to draw.
    """
    axes = axes or plt.gca()
    names = sorted(values, key=lambda name: values[name], reverse=True)
    for row, name in enumerate(names):
        kind = kinds[name]
        axes.plot(values[name], row, color=COLOURS[kind], marker=MARKERS[kind], ms=9, ls="")
        axes.annotate(
            f"{values[name]:.3f}", (values[name], row), (10, 0), textcoords="offset points",
            va="center",
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    spread = max(values.values()) - min(values.values())
    axes.set_xlim(min(values.values()) - 0.08 * spread, max(values.values()) + 0.2 * spread)
    axes.set(title=title, xlabel=label)
    axes.grid(axis="x", alpha=0.3)
    return axes
