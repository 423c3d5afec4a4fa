"""The course of a sweep, and the noise that its differences are held against."""

import math
import re

import pytest

from intro_lm import plots


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def labels(axes):
    return axes.get_title(), axes.get_xlabel(), axes.get_ylabel()


@pytest.mark.parametrize(
    ("colours", "markers"),
    [
        (plots.SAMPLER_COLOURS, plots.SAMPLER_MARKERS),
        (plots.TRIAL_COLOURS, plots.TRIAL_MARKERS),
    ],
    ids=["samplers", "trials"],
)
def test_each_kind_has_a_colour_and_a_marker_of_its_own(colours, markers):
    assert colours.keys() == markers.keys()
    assert len(set(colours.values())) == len(set(markers.values())) == len(markers)


def test_the_best_so_far_never_rises_and_has_its_median_and_its_band(axes):
    repeats = {"random": [[3.0, 4.0, 1.0], [5.0, 2.0, 2.5], [4.0, 3.5, 3.0]]}
    plots.best_so_far(repeats, "finding", axes)
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[1, 4], [2, 3], [3, 2]]
    (band,) = axes.collections
    heights = {(x, y) for x, y in band.get_paths()[0].vertices.tolist()}
    assert {(1, 3), (1, 5), (2, 2), (2, 3.5), (3, 1), (3, 3)} <= heights
    assert labels(axes) == ("finding", "trials", "best validation loss so far (nats per token)")
    assert legend(axes) == ["random (3 studies)"]
    assert axes.get_legend().get_title().get_text() == "line: median; band: lowest to highest"


def test_samplers_keep_their_colours_and_others_take_free_ones(axes):
    plots.best_so_far({"TPE": [[1, 2]], "by hand": [[2, 1]]}, "finding", axes, label="minutes")
    tpe, other = axes.lines
    assert tpe.get_color() == plots.SAMPLER_COLOURS["TPE"]
    assert tpe.get_marker() == plots.SAMPLER_MARKERS["TPE"]
    assert other.get_color() not in plots.SAMPLER_COLOURS.values()
    assert legend(axes) == ["TPE (1 study)", "by hand (1 study)"]
    assert axes.get_xlabel() == "minutes"


def test_a_trial_without_a_loss_leaves_the_best_as_it_was(axes):
    plots.best_so_far({"grid": [[math.nan, 2.0, math.nan, 1.0]]}, "finding", axes)
    assert axes.lines[0].get_ydata().tolist() == [math.inf, 2, 2, 1]


def test_a_first_loss_that_blew_up_does_not_stretch_the_axis(axes):
    plots.best_so_far({"TPE": [[900.0, 3.0, 2.8, 2.6, 2.5, 2.4, 2.4, 2.3]]}, "finding", axes)
    assert axes.get_ylim()[1] < 5


@pytest.mark.parametrize(
    ("repeats", "message"),
    [
        ({}, "no sampler is given"),
        ({"TPE": []}, "'TPE' has no repeated study"),
        ({"TPE": [[]]}, "'TPE' has a study without trials"),
        ({"grid": [[1.0]], "TPE": [[1.0, 2.0], [1.0]]}, "'TPE' .* 1 and 2 trials"),
        ({"TPE": [[math.nan]]}, "no trial has a finite loss"),
    ],
    ids=["nothing", "no study", "no trial", "lengths", "no loss"],
)
def test_the_best_so_far_needs_studies_of_one_length(axes, repeats, message):
    with pytest.raises(ValueError, match=message):
        plots.best_so_far(repeats, "finding", axes)


def test_the_curves_of_pruned_trials_end_early_in_a_mark(axes, trials):
    plots.pruned_curves(trials, "finding", axes)
    colours = plots.TRIAL_COLOURS
    pruned = [
        line
        for line in axes.lines
        if line.get_color() == colours["pruned"] and line.get_marker() == "None"
    ]
    assert [line.get_xdata().tolist() for line in pruned] == [[10, 20]] * len(pruned)
    states = [trial.state.name for trial in trials]
    assert len(pruned) == states.count("PRUNED") > 0
    ends = [line for line in axes.lines if line.get_marker() in ("x", "^")]
    assert sum(len(line.get_xdata()) for line in ends) == len(pruned)
    (best,) = [line for line in axes.lines if line.get_color() == colours["best"]]
    winner = min((t for t in trials if t.state.name == "COMPLETE"), key=lambda t: t.value)
    assert best.get_xydata().tolist() == [list(p) for p in winner.intermediate_values.items()]
    assert best.get_linewidth() > 2
    assert labels(axes) == ("finding", "step", "validation loss (nats per token)")
    assert legend(axes) == [
        f"pruned ({len(pruned)})",
        f"completed ({states.count('COMPLETE')})",
        f"best: trial {winner.number}",
    ]


def test_curves_need_a_reported_loss(axes, trial):
    with pytest.raises(ValueError, match="no trial reported a loss on its way"):
        plots.pruned_curves([trial(1, x=0.5)], "finding", axes)
    with pytest.raises(ValueError, match="no completed trial among the 0"):
        plots.pruned_curves([], "finding", axes)


def test_seed_noise_has_the_lowest_mean_on_top_with_its_deviation(axes):
    values = {"baseline": [2.2, 2.4], "chosen": [2.0, 2.1, 2.2], "once": [2.5]}
    plots.seed_noise(values, "finding", axes)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["once", "baseline", "chosen"]
    strips = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in strips] == [[2.5], [2.2, 2.4], [2.0, 2.1, 2.2]]
    assert [text.get_text() for text in axes.texts] == [
        "2.5000 (1 seed)", "2.3000 ± 0.1414 (2 seeds)", "2.1000 ± 0.1000 (3 seeds)",
    ]  # fmt: skip
    assert labels(axes) == ("finding", "validation loss (nats per token)", "")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, "no setting is given"),
        ({"chosen": []}, "'chosen' has no value"),
        ({"chosen": [2.0, math.nan]}, "'chosen' holds nan"),
    ],
)
def test_seed_noise_needs_numbers(axes, values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        plots.seed_noise(values, "finding", axes)
