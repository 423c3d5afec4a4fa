import math

import pytest

from intro_lm.training import TrainingSettings


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("steps", 0),
        ("steps", 2.5),
        ("learning_rate", 0.0),
        ("learning_rate", math.nan),
        ("learning_rate", "0.1"),
        ("weight_decay", -1),
        ("warmup", 1.0),
        ("clip_norm", 0),
        ("evaluate_every", 0),
        ("optimizer", "adamm"),
        ("schedule", "cosine"),
        ("precision", "float8"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(ValueError, match=f"^{name} is {value!r}"):
        TrainingSettings(**{name: value})


def test_one_cycle_rises_to_the_rate_and_falls_towards_zero():
    settings = TrainingSettings(steps=100, learning_rate=0.5, warmup=0.2)
    rates = [settings.learning_rate_at(step) for step in range(100)]
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert max(rates) == rates[20] == 0.5
    assert 0 < rates[-1] < 0.01
    assert 0 < rates[0] < 0.05
    constant = TrainingSettings(steps=10, learning_rate=0.5, schedule="constant")
    assert {constant.learning_rate_at(step) for step in range(10)} == {0.5}
