"""What the figures of models say: their labels, their data, and that nothing warns."""

import pytest
import torch

from intro_lm import plots
from intro_lm.training import History, HistoryEntry


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


def test_each_kind_of_model_has_a_colour_and_a_marker_of_its_own():
    assert plots.COLOURS.keys() == plots.MARKERS.keys()
    assert (
        len(set(plots.COLOURS.values())) == len(set(plots.MARKERS.values())) == len(plots.MARKERS)
    )


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
