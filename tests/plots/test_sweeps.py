"""The course of a sweep, and the noise that its differences are held against."""

import math

from intro_lm import plots


def test_the_best_so_far_never_rises_and_has_its_median_and_its_band(axes):
    repeats = {"random": [[3.0, 4.0, 1.0], [5.0, 2.0, 2.5], [4.0, 3.5, 3.0]]}
    plots.best_so_far(repeats, "finding")
    (line,) = axes.lines
    assert line.get_xydata().tolist() == [[1, 4], [2, 3], [3, 2]]
    (band,) = axes.collections
    heights = {(x, y) for x, y in band.get_paths()[0].vertices.tolist()}
    assert {(1, 3), (1, 5), (2, 2), (2, 3.5), (3, 1), (3, 3)} <= heights
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["random (3 studies)"]


def test_neither_a_missing_loss_nor_one_that_blew_up_spoils_the_figure(axes):
    plots.best_so_far({"TPE": [[math.nan, 900.0, *(3.0 - 0.05 * n for n in range(19))]]}, "finding")
    assert axes.lines[0].get_ydata()[:3].tolist() == [math.inf, 900, 3]
    assert axes.get_ylim()[1] < 5


def test_seed_noise_has_the_lowest_mean_on_top_with_its_deviation(axes):
    plots.seed_noise({"baseline": [2.2, 2.4], "chosen": [2.0, 2.1, 2.2]}, "finding")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["baseline", "chosen"]
    strips = [line for line in axes.lines if line.get_marker() == "o"]
    assert [line.get_xdata().tolist() for line in strips] == [[2.2, 2.4], [2.0, 2.1, 2.2]]
    assert [text.get_text() for text in axes.texts] == [
        "2.3000 ± 0.1414 (2 seeds)", "2.1000 ± 0.1000 (3 seeds)",
    ]  # fmt: skip
