"""The soak's slope: exact on a line, honest about noise, and not flattered by neighbours that resemble each other."""

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st


@pytest.fixture(scope="module", autouse=True)
def rig(root):
    sys.path.insert(0, str(root / "benchmarks"))
    yield
    sys.path.remove(str(root / "benchmarks"))


@given(st.floats(-1e3, 1e3), st.floats(-1e6, 1e6), st.integers(5, 500))
def test_a_line_is_found_exactly(slope, start, samples):
    from rig.trend import slope_with_interval

    times = np.linspace(2.0, 3.0, samples)
    found, low, high = slope_with_interval(times, start + slope * times)
    assert found == pytest.approx(slope, abs=1e-6 * (1 + abs(start)))
    assert low <= found <= high and high - low < 1e-5 * (1 + abs(start) + abs(slope))


def coverage(correlation: float, runs: int = 300, samples: int = 300) -> float:
    """How often the interval holds the true slope of 3, in noise of which each value remembers the last."""
    from rig.trend import slope_with_interval

    random, held = np.random.default_rng(0), 0
    times = np.linspace(0, 1, samples)
    for _ in range(runs):
        noise = random.normal(size=samples)
        for step in range(1, samples):
            noise[step] += correlation * noise[step - 1]
        _, low, high = slope_with_interval(times, 3 * times + noise)
        held += low <= 3 <= high
    return held / runs


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    assert 0.91 <= coverage(0.0) <= 0.99
    assert coverage(0.9) >= 0.88


def test_one_outlier_in_each_block_is_nothing():
    from rig.trend import slope_with_interval

    times = np.arange(300) / 300
    values = np.where(np.arange(300) % 10 == 3, 1e4, 7.0)
    assert slope_with_interval(times, values) == pytest.approx((0.0, 0.0, 0.0))


def test_too_few_samples_are_refused():
    from rig.trend import slope_with_interval

    with pytest.raises(ValueError, match="at least 5 samples"):
        slope_with_interval([1, 2, 3, 3, 3], [1, 2, 3, 4, 5])


def test_student_975_matches_the_tables():
    from rig.trend import student_975

    for degrees, expected in ((4, 2.776), (10, 2.228), (28, 2.048), (1000, 1.962)):
        assert student_975(degrees) == pytest.approx(expected, rel=0.01)


def test_percentiles_by_nearest_rank():
    from rig import percentiles

    assert percentiles(range(1, 101)) == {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    assert percentiles([7.123456]) == {"p50": 7.12, "p95": 7.12, "p99": 7.12, "max": 7.12}
    with pytest.raises(ValueError, match="got none"):
        percentiles([])


def test_the_machine_is_described_without_its_name():
    import platform

    from rig import machine

    said = machine()
    assert said["cores"] >= 1 and said["cpu"] and said["os"] and said["python"] == platform.python_version()
    assert platform.node() not in map(str, said.values())
