"""What the figures of models say: their labels, their data, and that nothing warns."""

import pytest
import torch

from intro_lm import plots
from intro_lm.training import History, HistoryEntry

AS_IT_IS = "$$ and \\$x_"  # as a formula it is an error


def history(*validation):
    records = [HistoryEntry(10 * n, 3.0 - n, v, 0.1, 1.0) for n, v in enumerate(validation, 1)]
    return History(entries=records)


def test_losses_draw_both_curves_and_name_each_run_once(axes):
    runs = {"small": history(2.5, None, 1.5), "unvalidated": history(None, None)}
    plots.losses(runs, "finding")
    train, validation, alone = axes.lines
    assert train.get_xydata().tolist() == [[10, 2], [20, 1], [30, 0]]
    assert validation.get_xydata().tolist() == [[10, 2.5], [30, 1.5]]
    assert alone.get_xydata().tolist() == [[10, 2], [20, 1]]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["small", "unvalidated"]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == (
        "finding", "step", "loss (nats per token)",
    )  # fmt: skip


def test_more_runs_than_colours_are_drawn(axes):
    plots.losses({f"run {number}": history(2.0) for number in range(10)}, "finding")
    assert len({line.get_color() for line in axes.lines}) == len(plots.COLOURS)


def test_colours_and_markers_tell_all_kinds_apart():
    for table in (plots.COLOURS, plots.MARKERS, plots.SAMPLER_COLOURS):
        assert len(set(table.values())) == len(table)
    assert plots.COLOURS.keys() == plots.MARKERS.keys()


def test_names_and_symbols_are_no_formulas(axes):
    plots.losses({AS_IT_IS: history(2.0)}, "finding")
    axes.figure.canvas.draw()
    plots.embedding(torch.eye(3), ["a", "b", AS_IT_IS], "a", "finding")
    axes.figure.canvas.draw()
    for ranked in (
        lambda: plots.ranking({AS_IT_IS: 2.1, "b": 2.5}, {AS_IT_IS: "MLP", "b": "MLP"}, "finding"),
        lambda: plots.seed_noise({AS_IT_IS: [2.0, 2.1], "b": [2.2, 2.4]}, "finding"),
    ):
        axes.clear()
        ranked()
        axes.figure.canvas.draw()
        assert AS_IT_IS in [text.get_text() for text in axes.get_yticklabels()]


def test_the_range_test_marks_the_choice_and_cuts_off_what_blew_up(axes):
    plots.range_test([0.01, 0.1, 1, 10], [3.3, 3.0, 2.7, 900.0], 0.1, "finding")
    assert axes.lines[1].get_xdata() == [0.1, 0.1]
    assert axes.get_xscale() == "log"
    assert 3.3 < axes.get_ylim()[1] < 4


def test_the_embedding_is_drawn_at_its_principal_components(axes):
    along = torch.tensor([[3.0, 4.0]])
    vectors = torch.tensor([[-2.0], [0.0], [2.0]]) @ along  # on one line, 10 apart
    plots.embedding(vectors, ["a", "b", "c"], "a", "finding")
    spots = sorted(points.get_offsets()[0].tolist()[0] for points in axes.collections)
    assert spots == pytest.approx([-10, 0, 10], abs=1e-4)
    assert "100% of the variance" in axes.get_xlabel()
    assert [text.get_weight() for text in axes.texts] == ["bold", "normal", "normal"]


def test_the_ranking_has_the_lowest_loss_on_top(axes):
    kinds = {"bigram": "counting", "net": "MLP"}
    plots.ranking({"net": 2.1, "bigram": 2.5}, kinds, "finding")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["bigram", "net"]
    assert [text.get_text() for text in axes.texts] == ["2.500", "2.100"]
