import sys

import pytest

from tools import benchmark_data

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")


@pytest.mark.parametrize("into", ["windows", "padded", "streams"])
def test_the_streamed_text_is_all_seen_and_its_memory_noted(into, monkeypatch):
    """`stream` itself counts the targets against the characters."""
    monkeypatch.setattr(benchmark_data, "STREAMED", 2)
    monkeypatch.setattr(benchmark_data, "MARKS", (1, 2))
    monkeypatch.setattr(benchmark_data, "MB", 20_000)
    benchmark_data.one_megabyte.cache_clear()
    found = benchmark_data.stream("characters", into)
    assert len(found["seconds"]) == 2
    assert found["peaks"][1] >= found["peaks"][0]


@pytest.mark.slow
def test_each_measurement_has_a_process_of_its_own():
    ballast = bytearray(b"x") * 300_000_000  # which the child must not be charged with
    found = benchmark_data.measured("encode", "characters", 1, 1)
    assert len(ballast) > found["memory"] * benchmark_data.MB > benchmark_data.MB
