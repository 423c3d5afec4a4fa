import pytest
import torch

from intro_lm.models import RecurrentLM
from tools import benchmark_lstm
from tools.benchmark_lstm import Bare, Case


def test_the_rivals_compute_the_same():
    """With the same weights the model, the bare one and the Python loop give the same logits."""
    model, bare = RecurrentLM(66, "lstm", 64, 16), Bare(16)
    bare.embedding, bare.lstm, bare.output = model.embedding, model.recurrent, model.output
    for theirs, ours in zip(bare.cell.parameters(), model.recurrent.parameters(), strict=True):
        theirs.data.copy_(ours)
    inputs = torch.randint(0, 66, (3, 9))
    torch.testing.assert_close(bare(inputs), model(inputs))
    bare.loop = True
    torch.testing.assert_close(bare(inputs), model(inputs))


def test_the_report_has_a_line_for_each_shape(monkeypatch, capsys):
    monkeypatch.setattr(benchmark_lstm, "SHAPES", ((16, 4),))
    monkeypatch.setattr(benchmark_lstm, "TOKENS", 1024)
    monkeypatch.setattr(benchmark_lstm, "PEAK_SIZES", (64,))
    monkeypatch.setattr(benchmark_lstm, "NAMES", 10)
    benchmark_lstm.report(1)
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("  16    4 float32") for line in lines) == 1
    assert sum("texts generated" in line for line in lines) == 2


def test_a_thousand_names_are_generated_in_under_two_seconds():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert min(benchmark_lstm.names_seconds(128) for _ in range(3)) < 2
    finally:
        torch.set_num_threads(threads)


def test_operations_are_six_a_weight_that_multiplies():
    model = RecurrentLM(66, "lstm", 64, 128)
    weights = [*(p for n, p in model.recurrent.named_parameters() if "weight" in n)]
    expected = 6 * sum(weight.numel() for weight in [*weights, model.output.weight])
    assert Case(128, 4, "float32").operations() == pytest.approx(expected)
