"""Loss over hyperparameters: what is drawn where, and what becomes of trials without a loss."""

import math
import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import optuna
import pytest

from intro_lm import plots

NAMES = ["learning_rate", "hidden_size", "depth", "activation"]


def drawn(axes, label):
    return next(line for line in axes.lines if line.get_label() == label).get_xydata()


def legend(owner):
    return [text.get_text() for text in owner.get_texts()]


def completed(trials):
    return [trial for trial in trials if trial.state.name == "COMPLETE"]


def test_importing_the_figures_leaves_optuna_and_scikit_learn_alone():
    code = (
        "import sys, intro_lm.plots; print([n for n in ('optuna', 'sklearn') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_each_hyperparameter_has_a_panel_with_its_scale(strict, trials):
    rate, size, depth, activation = plots.against_each(trials, "finding")
    panels = [rate, size, depth, activation]
    assert [panel.get_xlabel() for panel in panels] == NAMES
    assert [panel.get_xscale() for panel in panels] == ["log", "log", "linear", "linear"]
    assert [text.get_text() for text in depth.get_xticklabels()] == ["1", "2", "3"]
    assert [text.get_text() for text in activation.get_xticklabels()] == ["tanh", "relu"]
    assert rate.get_ylabel() == "validation loss (nats per token)"
    assert len({panel.get_ylim() for panel in panels}) == 1
    assert rate.figure.get_suptitle() == "finding"


def test_the_panels_show_completed_and_pruned_trials_apart_and_no_failed_ones(strict, trials):
    panel = plots.against_each(trials, "finding")[0]
    usual = [trial for trial in completed(trials) if trial.value < 900]
    pruned = [trial for trial in trials if trial.state.name == "PRUNED"]
    above = panel.get_ylim()[1]
    wanted = [[t.params["learning_rate"], t.value] for t in usual if t.value <= above]
    assert sorted(drawn(panel, "completed").tolist()) == sorted(wanted)
    ends = [[t.params["learning_rate"], t.intermediate_values[20]] for t in pruned]
    assert drawn(panel, "pruned (last reported loss)").tolist() == [
        end for end in ends if end[1] <= above
    ]
    best = min(usual, key=lambda trial: trial.value)
    assert drawn(panel, "best").tolist() == [[best.params["learning_rate"], best.value]]


def test_a_loss_that_stretches_the_axis_is_a_triangle_at_its_edge_and_counted(strict, trials):
    panel = plots.against_each(trials, "finding", ["learning_rate"])[0]
    top = panel.get_ylim()[1]
    assert top < 5
    (beyond,) = [line for line in panel.lines if line.get_marker() == "^"]
    assert trials[5].params["learning_rate"] in beyond.get_xdata()
    assert set(beyond.get_ydata()) == {top}
    assert f"above the axis: {len(beyond.get_xdata())}" in legend(panel.figure.legends[0])


def test_losses_of_one_size_leave_the_axis_uncut(strict, trial):
    trials = [trial(1 + 0.1 * n, x=n / 10) for n in range(10)]
    panel = plots.against_each(trials, "finding")[0]
    assert len(drawn(panel, "completed")) == 10
    assert legend(panel.figure.legends[0]) == ["completed", "best"]


def test_pruned_trials_get_no_more_room_than_completed_ones(strict, trial):
    early = [
        optuna.trial.create_trial(state=optuna.trial.TrialState.PRUNED, intermediate_values={1: v})
        for v in (1.5, 3, 4, 5, 6, 7, 8)
    ]
    trials = [trial(1, x=0.1), trial(1.5, x=0.2), trial(2, x=0.3), *early]
    panel = plots.against_each(trials, "finding")[0]
    assert 2 < panel.get_ylim()[1] <= 3.2
    assert "above the axis: 5" in legend(panel.figure.legends[0])


def test_an_infinite_loss_is_beyond_the_axis(strict, trial):
    panel = plots.against_each([trial(1, x=0.1), trial(2, x=0.2), trial(math.inf, x=0.3)], "")[0]
    assert len(drawn(panel, "completed")) == 2
    assert "above the axis: 1" in legend(panel.figure.legends[0])


def test_trials_without_hyperparameters_have_no_panel(strict, trial):
    with pytest.raises(ValueError, match="none of the 1 trials has a hyperparameter"):
        plots.against_each([trial(1)], "finding")


def test_only_the_named_panels_are_drawn_and_into_the_figure_given(strict, trials):
    figure = plt.figure()
    panels = plots.against_each(trials, "finding", ["depth", "activation"], figure)
    assert figure.axes == panels
    assert len(panels) == 2


def test_a_hyperparameter_that_some_trials_lack_is_drawn_for_the_others(strict, trial):
    trials = [trial(1, x=0.1), trial(2, x=0.2, y=0.5), trial(3, x=0.3, y=0.6)]
    _, panel = plots.against_each(trials, "finding")
    assert drawn(panel, "completed").tolist() == [[0.5, 2], [0.6, 3]]


def test_parallel_coordinates_draw_a_line_a_completed_trial_and_raise_the_best(axes, trials):
    plots.parallel_coordinates(trials, "finding", best=3, axes=axes)
    lines = [line for line in axes.lines if len(line.get_xdata()) == 5]
    assert len(lines) == len(completed(trials))
    thick = [line for line in lines if line.get_linewidth() > 1]
    assert len(thick) == 3
    best = min(completed(trials), key=lambda trial: trial.value)
    share = (math.log10(best.params["learning_rate"]) + 4) / 4
    assert share in [pytest.approx(line.get_ydata()[0]) for line in thick]
    assert min(line.get_ydata()[-1] for line in lines) == min(
        line.get_ydata()[-1] for line in thick
    )
    assert all(0 <= y <= 1 for line in lines for y in line.get_ydata())
    labels = [text.get_text() for text in axes.get_xticklabels()]
    assert labels == [
        "learning\nrate",
        "hidden\nsize",
        "depth",
        "activation",
        "loss (nats\nper token)",
    ]
    assert axes.get_title() == "finding"
    assert legend(axes.get_legend()) == ["best", "next 2", "other completed"]


def test_parallel_coordinates_of_one_trial_have_one_line(axes, trial):
    plots.parallel_coordinates([trial(1, x=0.1)], "finding", axes=axes)
    assert legend(axes.get_legend()) == ["best"]


def test_parallel_coordinates_label_every_axis_at_its_ends(axes, trials):
    plots.parallel_coordinates(trials, "finding", axes=axes)
    written = {(round(text.xy[0]), text.get_text()) for text in axes.texts}
    assert {(0, "0.0001"), (0, "1"), (1, "16"), (1, "256"), (2, "1"), (2, "3")} <= written
    assert {(3, "tanh"), (3, "relu")} <= written
    assert any(column == 4 and label.startswith("≥") for column, label in written)


def test_parallel_coordinates_break_where_a_hyperparameter_is_missing(axes, trial):
    trials = [trial(1, x=0.1), trial(2, x=0.2, y=0.5)]
    plots.parallel_coordinates(trials, "finding", axes=axes)
    heights = [line.get_ydata() for line in axes.lines if len(line.get_xdata()) == 3]
    assert sum(np.isnan(y[1]) for y in heights) == 1


def test_at_least_one_trial_is_highlighted(axes, trials):
    with pytest.raises(ValueError, match="best is 0"):
        plots.parallel_coordinates(trials, "finding", best=0, axes=axes)


def test_the_contour_is_filled_in_log_coordinates_and_names_its_colours(axes, trials):
    plots.contour(trials, "learning_rate", "depth", "finding", axes)
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "linear")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("learning_rate", "depth")
    points, filled = axes.collections
    assert len(points.get_offsets()) == len(completed(trials))
    assert filled.get_clim()[1] < 5
    assert axes.figure.axes[1].get_ylabel() == "validation loss (nats per token)"
    best = min(completed(trials), key=lambda trial: trial.value)
    assert drawn(axes, "best").tolist() == [[best.params["learning_rate"], best.params["depth"]]]


def test_the_contour_interpolates_over_the_logarithm(axes):
    """The loss is linear in log rate, so a level's border lies on one rate at every depth."""
    kinds = {
        "rate": optuna.distributions.FloatDistribution(1e-4, 1, log=True),
        "depth": optuna.distributions.IntDistribution(1, 3),
    }
    corners = [(1e-4, 1), (1e-4, 3), (1, 1), (1, 3)]
    trials = [
        optuna.trial.create_trial(
            value=math.log10(rate), params={"rate": rate, "depth": depth}, distributions=kinds
        )
        for rate, depth in corners
    ]
    filled = plots.contour(trials, "rate", "depth", "finding", axes).collections[1]
    middle = filled.levels[len(filled.levels) // 2]
    border = np.concatenate([path.vertices for path in filled.get_paths()])
    assert np.abs(np.log10(border[:, 0]) - middle).min() < 0.01


def test_the_contour_lays_no_surface_between_words(axes, trials):
    plots.contour(trials, "activation", "hidden_size", "finding", axes)
    assert len(axes.collections) == 1
    assert [text.get_text() for text in axes.get_xticklabels()] == ["tanh", "relu"]
    assert axes.get_yscale() == "log"


@pytest.mark.parametrize(
    "places",
    [[(0.1, 0.2), (0.3, 0.4)], [(0.1, 0.1), (0.2, 0.2), (0.3, 0.3)], [(0.1, 0.2)] * 4],
    ids=["few", "collinear", "one place"],
)
def test_the_contour_is_a_scatter_where_no_surface_can_be_laid(axes, trial, places):
    trials = [trial(1 + n, x=x, y=y) for n, (x, y) in enumerate(places)]
    plots.contour(trials, "x", "y", "finding", axes)
    (points,) = axes.collections
    assert points.get_offsets().tolist() == [list(place) for place in places]


def test_the_contour_of_equal_losses_is_a_scatter(axes, trial):
    trials = [trial(1, x=x, y=y) for x, y in [(0.1, 0.1), (0.9, 0.1), (0.5, 0.8)]]
    assert len(plots.contour(trials, "x", "y", "finding", axes).collections) == 1


def test_an_unknown_hyperparameter_is_named_beside_the_known_ones(axes, trials):
    known = "known are activation, depth, hidden_size, learning_rate"
    with pytest.raises(ValueError, match=f"'lr'.*{known}"):
        plots.contour(trials, "lr", "depth", "finding", axes)
    with pytest.raises(ValueError, match=f"'lr'.*{known}"):
        plots.against_each(trials, "finding", ["lr"])


def test_a_contour_needs_two_hyperparameters(axes, trials, trial):
    with pytest.raises(ValueError, match="x and y are both 'depth'"):
        plots.contour(trials, "depth", "depth", "finding", axes)
    apart = [trial(1, x=0.1), trial(2, y=0.2)]
    with pytest.raises(ValueError, match="no completed trial holds both 'x' and 'y'"):
        plots.contour(apart, "x", "y", "finding", axes)


@pytest.mark.parametrize(
    "draw",
    [
        lambda trials: plots.against_each(trials, "finding"),
        lambda trials: plots.parallel_coordinates(trials, "finding"),
        lambda trials: plots.contour(trials, "depth", "activation", "finding"),
    ],
    ids=["against_each", "parallel_coordinates", "contour"],
)
def test_without_a_completed_trial_there_is_one_clear_error(strict, draw, trials):
    lost = [trial for trial in trials if trial.state.name != "COMPLETE"]
    with pytest.raises(ValueError, match=r"no completed trial among the \d \(\d PRUNED, 1 FAIL\)"):
        draw(lost)
    with pytest.raises(ValueError, match="no completed trial among the 0"):
        draw([])


def test_importances_are_shares_with_the_greatest_on_top(axes, study):
    plots.importances(study, "finding", axes)
    shares = [bar.get_width() for bar in axes.patches]
    assert sum(shares) == pytest.approx(1)
    assert shares == sorted(shares)
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert sorted(labels) == sorted(name.replace("_", "\n") for name in NAMES)
    assert [text.get_text() for text in axes.texts] == [f"{share:.0%}" for share in shares]
    assert (axes.get_title(), axes.get_xlabel()) == (
        "finding", "relative importance (fANOVA's main effects, which sum to 1)",
    )  # fmt: skip


def test_importances_are_the_same_twice(axes, study):
    plots.importances(study, "finding", axes)
    again = plots.importances(study, "finding", plt.figure().subplots())
    assert [bar.get_width() for bar in axes.patches] == [bar.get_width() for bar in again.patches]


def test_importances_need_two_completed_trials_with_different_losses(axes, trial):
    study = optuna.create_study()
    study.add_trial(trial(1, x=0.1))
    with pytest.raises(ValueError, match="2 completed trials are needed; this study has 1"):
        plots.importances(study, "finding", axes)
    study.add_trial(trial(1, x=0.2))
    with pytest.raises(ValueError, match="all 2 completed trials have the loss 1"):
        plots.importances(study, "finding", axes)


def test_importances_need_a_hyperparameter_that_every_completed_trial_has(axes, trial):
    study = optuna.create_study()
    study.add_trials([trial(1, x=0.1), trial(2, y=0.1)])
    with pytest.raises(ValueError, match="no hyperparameter is in every completed trial"):
        plots.importances(study, "finding", axes)


def test_importances_serve_while_a_trial_is_running(axes, trial):
    study = optuna.create_study()
    study.add_trials([trial(1, x=0.1, y=0.2), trial(2, x=0.8, y=0.3), trial(3, x=0.9, y=0.5)])
    study.ask()
    assert len(plots.importances(study, "finding", axes).patches) == 2
