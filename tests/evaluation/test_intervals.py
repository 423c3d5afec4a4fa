import pytest

from intro_lm.evaluation import difference_interval, interval


def test_intervals_are_students_and_welchs():
    first, second = [2.1, 2.3, 2.2, 2.4], [2.0, 2.05, 2.1]
    half = 3.18245 * 0.129099 / 2  # t of 3 degrees of freedom, times the standard error
    assert interval(first) == pytest.approx((2.25 - half, 2.25 + half), abs=1e-4)
    half = 4.30265 * 0.0866025 / 3**0.5  # t of 2; the differences are 0.1, 0.25 and 0.1
    paired = difference_interval(first[:3], second, paired=True)
    assert paired == pytest.approx((0.15 - half, 0.15 + half), abs=1e-4)
    error = (0.129099**2 / 4 + 0.05**2 / 3) ** 0.5
    low, high = difference_interval(first, second)
    assert (low + high) / 2 == pytest.approx(0.2)
    assert 2.5706 < (high - low) / 2 / error < 2.7764  # t of 5 and of 4; Welch's degrees are 4.26


@pytest.mark.filterwarnings("error")
def test_equal_values_give_an_interval_without_width():
    assert interval([1.0, 1.0]) == (1.0, 1.0)
    assert difference_interval([1.0, 1.0], [0.5, 0.5]) == (0.5, 0.5)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_one_seed_has_no_interval(values):
    with pytest.raises(ValueError, match="at least 2 seeds"):
        interval(values)
    with pytest.raises(ValueError, match="at least 2 seeds"):
        difference_interval([1.0, 2.0], values)
    with pytest.raises(ValueError, match="can't be paired"):
        difference_interval([1.0, 2.0], values, paired=True)
