import pytest

from intro_lm.data import WindowBatches
from intro_lm.training import learning_rate_range_test
from tests.training.conftest import same


def test_rates_grow_by_one_factor_and_the_model_stays_as_it_is(make_model, windows):
    model = make_model()
    batches = WindowBatches(*windows)
    rates, losses = learning_rate_range_test(model, batches, lowest=1e-4, highest=1e-2, steps=5)
    assert rates == pytest.approx([1e-4 * 10 ** (k / 2) for k in range(5)])
    assert len(losses) == 5
    assert losses[-1] < losses[0]
    assert same(model, make_model())


def test_the_test_ends_when_the_loss_explodes(make_model, windows):
    rates, losses = learning_rate_range_test(
        make_model(), WindowBatches(*windows), highest=1e5, optimizer="sgd"
    )
    assert len(rates) == len(losses) < 200


@pytest.mark.parametrize(("lowest", "highest"), [(0, 1), (1, 0.1), (1, float("nan"))])
def test_rates_out_of_order_are_refused(make_model, batches, lowest, highest):
    with pytest.raises(ValueError, match="give 0 < lowest < highest"):
        learning_rate_range_test(make_model(), batches, lowest=lowest, highest=highest)
