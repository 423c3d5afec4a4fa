import torch

from tools import benchmark_lstm
from tools.benchmark_lstm import Bare, Case


def test_the_rivals_compute_the_same():
    """With the same weights the package's model and the bare one give the same logits."""
    model, bare = Case(16, 4, "float32").model(), Bare(16)
    bare.embedding, bare.lstm, bare.output = model.embedding, model.recurrent, model.output
    inputs = torch.randint(0, 66, (3, 9))
    torch.testing.assert_close(bare(inputs), model(inputs))


def test_the_report_has_a_line_for_each_shape(monkeypatch, capsys):
    monkeypatch.setattr(benchmark_lstm, "SHAPES", ((16, 4),))
    monkeypatch.setattr(benchmark_lstm, "TOKENS", 512)
    monkeypatch.setattr(benchmark_lstm, "PEAK_SIZES", (64,))
    benchmark_lstm.report(1)
    assert "  16    4 float32" in capsys.readouterr().out


def test_operations_are_six_per_weight_that_multiplies():
    case = Case(128, 4, "float32")
    model = case.model()
    weights = [p for name, p in model.recurrent.named_parameters() if "weight" in name]
    assert case.operations() == 6 * sum(w.numel() for w in [*weights, model.output.weight])
