"""Figures of models and of their training: loss curves, range tests, embeddings, rankings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import TYPE_CHECKING

import matplotlib.pyplot as plt
from torch import Tensor

from intro_lm.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Each model keeps its colour and marker in all figures, which work in greyscale too.
COLOURS = {
    "counting": "#767676", "MLP": "#0b62a4", "lecture": "#c4551a", "LSTM": "#1b7f4b",
    "mixture": "#7b4ea3", "fine-tuned": "#a8134c", "neighbour": "#2f8ca3",
}  # fmt: skip
MARKERS = dict(zip(COLOURS, "so^DvPX", strict=True))
LOSS_LABEL = "loss (nats per token)"


def losses(
    histories: Mapping[str, History], title: str, kinds: Mapping[str, str] | None = None
) -> Axes:
    """Training loss (thin) and validation loss (thick, marked) of each run against the step.

    Args:
        histories: the runs by their names in the legend.
        title: the finding.
        kinds: each run's key in `COLOURS`; without it, runs take the colours in turn.
    """
    axes = plt.gca()
    turn = cycle(["MLP", "lecture", "LSTM", "mixture", "counting", "fine-tuned", "neighbour"])
    for name, history in histories.items():
        kind = kinds[name] if kinds else next(turn)
        validated = bool(history.validation_losses)
        label = None if validated else name
        axes.plot(*zip(*history.train_losses, strict=True), color=COLOURS[kind], lw=1, label=label)
        if validated:
            points = zip(*history.validation_losses, strict=True)
            axes.plot(*points, color=COLOURS[kind], lw=2, marker=MARKERS[kind], ms=5, label=name)
    axes.set(title=title, xlabel="step", ylabel=LOSS_LABEL)
    legend = axes.legend(title="thin: training; thick, marked: validation")
    for text in legend.get_texts():
        text.set_parse_math(False)  # a name with two $ isn't a formula
    return axes


def range_test(rates: Sequence[float], values: Sequence[float], chosen: float, title: str) -> Axes:
    """Loss against the growing learning rate, with the chosen rate marked.

    The loss axis ends a little above the first loss: losses beyond have blown up.
    """
    axes = plt.gca()
    axes.plot(rates, values, color=COLOURS["MLP"])
    axes.axvline(chosen, color="black", ls="--", lw=1, label=f"chosen: {chosen:g}")
    room = 0.3 * (values[0] - min(values))
    axes.set(title=title, xlabel="learning rate", ylabel=LOSS_LABEL, xscale="log")
    axes.set_ylim(min(values) - room, values[0] + 2 * room)
    axes.legend()
    return axes


def embedding(vectors: Tensor, symbols: Sequence[str], marked: str, title: str) -> Axes:
    """Tokens at the first two principal components of their embedding.

    Args:
        vectors: (V, E) embedding.
        symbols: how each token is shown.
        marked: the symbols in bold on a coloured disc, such as the vowels.
        title: the finding.
    """
    axes = plt.gca()
    left, scale, _ = (vectors - vectors.mean(0)).detach().cpu().svd()
    points = (left * scale)[:, :2].tolist()
    fraction = (scale**2 / (scale**2).sum()).tolist()
    for symbol, point in zip(symbols, points, strict=True):
        is_marked = symbol in marked
        axes.scatter(
            point[0], point[1], s=260, color=COLOURS["lecture"] if is_marked else "#dddddd"
        )
        colour, weight = ("white", "bold") if is_marked else ("black", "normal")
        text = axes.annotate(symbol, point, ha="center", va="center", color=colour, weight=weight)
        text.set_parse_math(False)
    axes.set_title(title)
    axes.set_xlabel(f"first principal component ({fraction[0]:.0%} of the variance)")
    axes.set_ylabel(f"second ({fraction[1]:.0%})")
    return axes


def ranking(
    values: Mapping[str, float],
    kinds: Mapping[str, str],
    title: str,
    label: str = f"validation {LOSS_LABEL}",
) -> Axes:
    """Losses as points, one per line, with values; the lowest is on top.

    Args:
        values: loss by model.
        kinds: each model's key in `COLOURS`.
        title: the finding.
        label: what the values are.
    """
    axes = plt.gca()
    names = sorted(values, key=lambda name: values[name], reverse=True)
    for row, name in enumerate(names):
        point, kind = (values[name], row), kinds[name]
        axes.plot(*point, color=COLOURS[kind], marker=MARKERS[kind], ms=9, ls="")
        axes.annotate(
            f"{values[name]:.3f}", point, (10, 0), textcoords="offset points", va="center"
        )
    axes.set_yticks(range(len(names)), names, parse_math=False)
    lowest, highest = min(values.values()), max(values.values())
    spread = highest - lowest
    axes.set_xlim(lowest - 0.08 * spread, highest + 0.2 * spread)
    axes.set(title=title, xlabel=label)
    axes.grid(axis="x", alpha=0.3)
    return axes
