"""Axes on which a warning is an error."""

import warnings

import matplotlib
import pytest

matplotlib.use("Agg")
import matplotlib.pyplot as plt


@pytest.fixture
def axes():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield plt.subplots()[1]
    plt.close("all")
