"""Figures of the loss over hyperparameters, from the trials of an Optuna study.

A lower loss is better. Completed trials are drawn; failed and unfinished ones are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
from matplotlib.lines import Line2D

from intro_lm.plots.scales import (
    BEYOND_MARKER,
    TRIAL_COLOURS,
    TRIAL_MARKERS,
    VALIDATION_LABEL,
    Scale,
    completed,
    hyperparameters,
    last_reports,
    loss_limits,
    scale,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from optuna.study import Study
    from optuna.trial import FrozenTrial

COLUMNS = 4  # panels in a row
LINES: dict[str, dict[str, Any]] = {
    "best": {
        "color": TRIAL_COLOURS["best"], "lw": 2.5, "marker": TRIAL_MARKERS["best"], "ms": 12,
        "zorder": 3.5,
    },
    "next": {
        "color": TRIAL_COLOURS["completed"], "lw": 1.6, "marker": TRIAL_MARKERS["completed"],
        "ms": 5, "zorder": 3,
    },
    "other": {"color": "#c4c4c4", "lw": 0.8},
}  # fmt: skip


def against_each(
    trials: Sequence[FrozenTrial],
    title: str,
    names: Sequence[str] | None = None,
    figure: Figure | None = None,
) -> list[Axes]:
    """Loss against each hyperparameter, a panel each, with one loss axis for all.

    A pruned trial stands at the last loss that it reported. Where a few high losses would stretch
    the loss axis, it is cut; those above it are triangles at its edge, and the legend counts them.

    Args:
        trials: a study's trials.
        title: the finding.
        names: the hyperparameters to show; all by default.
        figure: where to draw; by default a new one of a fitting size.

    Returns:
        the panels in the order of the names.

    Raises:
        ValueError: no trial completed, or none has a hyperparameter that `names` asks for, or any.
    """
    done, pruned = completed(trials), last_reports(trials)
    groups = {"pruned": pruned, "completed": done, "best": done[:1]}
    scales = [scale(trials, name) for name in names or hyperparameters(trials)]
    if not scales:
        raise ValueError(f"none of the {len(trials)} trials has a hyperparameter to draw against")
    columns = min(len(scales), COLUMNS)
    rows = math.ceil(len(scales) / columns)
    figure = figure or plt.figure(figsize=(max(6.4, 2.8 * columns), 1.2 + 2.6 * rows))
    if figure.get_layout_engine() is None:
        figure.set_layout_engine("constrained")
    grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
    panels = list(grid.flat)
    for spare in panels[len(scales) :]:
        spare.remove()

    bottom, top = loss_limits(loss for _, loss in done + pruned)
    if len(done) > 1:  # pruned early, so at a higher loss: they get as much room again, no more
        low, high = loss_limits(loss for _, loss in done)
        top = min(top, low + 2 * (high - low))
    for panel, along in zip(panels, scales, strict=False):
        for kind, points in groups.items():
            _points(panel, along, points, kind, top)
        along.set_axis(panel, "x")
        panel.grid(axis="y", alpha=0.3)
    panels[0].set_ylim(bottom, top)
    for row in grid:
        row[0].set_ylabel(VALIDATION_LABEL)
    figure.suptitle(title)
    above = sum(loss > top for _, loss in done + pruned)
    _trial_legend(figure, bool(pruned), above)
    return panels[: len(scales)]


def parallel_coordinates(
    trials: Sequence[FrozenTrial], title: str, best: int = 5, axes: Axes | None = None
) -> Axes:
    """A line a completed trial across an axis a hyperparameter, ending at its loss.

    Every axis runs over the range that was searched, logarithmic where that was. A loss above the
    end of its axis lies at that end.

    Args:
        trials: a study's trials.
        title: the finding.
        best: how many of the best trials to draw thick and coloured.
        axes: where to draw.

    Raises:
        ValueError: no trial completed, or `best` is below 1.
    """
    if best < 1:
        raise ValueError(f"best is {best}; highlight at least 1 trial")
    done = completed(trials)
    kept = [trial for trial, _ in done]
    high = loss_limits(loss for _, loss in done)[1]
    scales = [scale(kept, name) for name in hyperparameters(kept)]
    scales.append(Scale("loss", done[0][1], high))
    axes = axes or plt.gca()
    for rank, (trial, loss) in reversed(list(enumerate(done))):
        values = trial.params | {"loss": min(loss, high)}
        heights = [
            along.fraction(along.place(values[along.name])) if along.name in values else math.nan
            for along in scales
        ]
        kind = "best" if rank == 0 else "next" if rank < best else "other"
        axes.plot(range(len(scales)), heights, clip_on=False, **LINES[kind])

    for column, along in enumerate(scales):
        axes.axvline(column, color="black", lw=0.8, zorder=2.5)
        cut = along.name == "loss" and done[-1][1] > high
        for place, label in along.end_labels(cut):
            axes.annotate(
                label, (column, along.fraction(place)), (-7, 0), textcoords="offset points",
                ha="right", va="center", fontsize=8, zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.8},
            )  # fmt: skip
    words = [along.title for along in scales[:-1]]
    axes.set_xticks(range(len(scales)), [*words, "loss (nats\nper token)"], fontsize=8)
    axes.set_title(title, pad=24)  # room for the legend
    axes.set(ylim=(-0.03, 1.03), xlim=(-0.5, len(scales) - 0.8))
    axes.yaxis.set_visible(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(axis="x", length=0)
    names = {"best": "best", "next": f"next {min(best, len(done)) - 1}", "other": "other completed"}
    shown = ["best", "next", "other"][: 1 + (min(best, len(done)) > 1) + (len(done) > best)]
    axes.legend(
        [Line2D([], [], **LINES[kind]) for kind in shown], [names[kind] for kind in shown],
        loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, frameon=False,
    )  # fmt: skip
    return axes


def importances(study: Study, title: str, axes: Axes | None = None, seed: int = 0) -> Axes:
    """How much of the loss's variance each hyperparameter accounts for, as shares of 1.

    fANOVA (Hutter et al., 2014, https://proceedings.mlr.press/v32/hutter14.html) fits a random
    forest to the completed trials and splits the variance of its predictions. Only hyperparameters
    that every completed trial has are ranked. Optuna lets every value of a range count alike, also
    where it was searched by its logarithm: of a rate in 0.001 to 1, mostly that above 0.1.

    Args:
        study: a study.
        title: the finding.
        axes: where to draw.
        seed: of the forest.

    Raises:
        ValueError: fewer than 2 completed trials, no two different losses among them, or no
            hyperparameter that they share.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    done = [trial for trial in study.get_trials() if trial.state.name == "COMPLETE"]
    losses = [trial.value for trial in done if trial.value is not None]
    losses = [loss for loss in losses if math.isfinite(loss)]
    if len(losses) < 2:
        raise ValueError(f"2 completed trials are needed; this study has {len(losses)}")
    if len(set(losses)) == 1:
        raise ValueError(
            f"all {len(losses)} completed trials have the loss {losses[0]:g}; nothing explains it"
        )
    names = [n for n in hyperparameters(done) if all(n in trial.params for trial in done)]
    if not names:
        raise ValueError("no hyperparameter is in every completed trial; there is none to rank")
    shares = get_param_importances(
        study, evaluator=FanovaImportanceEvaluator(seed=seed), params=names
    )

    axes = axes or plt.gca()
    rising = sorted(shares.items(), key=lambda item: item[1])
    bars = axes.barh(
        [name.replace("_", "\n") for name, _ in rising],
        [share for _, share in rising],
        color=TRIAL_COLOURS["completed"],
    )
    axes.tick_params(axis="y", labelsize=9)
    axes.bar_label(bars, [f"{share:.0%}" for _, share in rising], padding=3)
    axes.set_xlim(0, 1.15 * rising[-1][1])
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.set(title=title, xlabel="relative importance (fANOVA's main effects, which sum to 1)")
    return axes


def _points(
    axes: Axes, along: Scale, points: list[tuple[FrozenTrial, float]], kind: str, top: float
) -> None:
    points = [(trial, loss) for trial, loss in points if along.name in trial.params]
    within = [(along.place(t.params[along.name]), loss) for t, loss in points if loss <= top]
    above = [along.place(trial.params[along.name]) for trial, loss in points if loss > top]
    style: dict[str, Any] = {"color": TRIAL_COLOURS[kind], "ls": "", "clip_on": False, "mew": 1.5}
    if within:
        label = "pruned (last reported loss)" if kind == "pruned" else kind
        axes.plot(
            *zip(*within, strict=True), marker=TRIAL_MARKERS[kind], label=label,
            ms=13 if kind == "best" else 5, **style,
        )  # fmt: skip
    if above:
        axes.plot(above, [top] * len(above), marker=BEYOND_MARKER, ms=6, **style)


def _trial_legend(figure: Figure, pruned: bool, above: int) -> None:
    kinds = {"completed": "completed", "best": "best"}
    if pruned:
        kinds["pruned"] = "pruned (last reported loss)"
    handles = [
        Line2D([], [], color=TRIAL_COLOURS[kind], marker=TRIAL_MARKERS[kind], ls="", label=label)
        for kind, label in kinds.items()
    ]
    if above:
        label = f"above the axis: {above}"
        handles.append(Line2D([], [], color="black", marker=BEYOND_MARKER, ls="", label=label))
    columns = len(handles) if figure.get_figwidth() > 8 else 2
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
