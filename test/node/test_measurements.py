"""Counters, windows, rates and percentiles, on a clock that the test moves."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.measurements import Measurements, SlidingWindow, percentile
from novic_ros.node.throttle import Throttle


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.floats(0.1, 100))
def test_percentile_is_a_value_that_covers_its_share_and_the_next_smaller_does_not(values, percent):
    result = percentile(values, percent)
    assert result in values
    needed = len(values) * percent / 100
    assert sum(value <= result for value in values) >= math.floor(needed)
    assert sum(value < result for value in values) < math.ceil(needed)


def test_percentiles_of_a_hundred():
    values = list(range(100, 0, -1))
    assert [percentile(values, p) for p in (1, 50, 95, 99, 100)] == [1, 50, 95, 99, 100]


@pytest.mark.parametrize(("values", "percent"), [([], 50), ([1.0], 0), ([1.0], 101)])
def test_percentile_refuses(values, percent):
    with pytest.raises(ValueError, match="expected values and 0 < percent <= 100"):
        percentile(values, percent)


def test_window_forgets_by_age_and_by_number():
    window = SlidingWindow(seconds=2.0, limit=3)
    for now in range(5):
        window.add(float(now), value=now)
    assert window.values(4.0) == (2, 3, 4)
    assert window.values(5.5) == (4,)
    assert window.values(6.1) == ()


def test_counts_rates_and_latencies(clock):
    seen = Measurements(window=10.0, clock=clock)
    seen.listen(True)
    for _ in range(20):
        clock.now += 0.5
        seen.received()
    for _ in range(5):
        seen.processed({"embed": 0.010, "decode": 0.002}, age=0.1)
    seen.replaced()
    seen.dropped("image", "broken")
    seen.dropped("image", "also broken")
    seen.dropped("deactivated")
    snapshot = seen.snapshot()
    assert (snapshot.received, snapshot.processed, snapshot.replaced) == (20, 5, 1)
    assert snapshot.dropped == {"image": 2, "deactivated": 1}
    assert snapshot.recently_dropped == 2, "a frame dropped on purpose is no trouble"
    assert snapshot.last_error == "also broken"
    assert snapshot.input_rate == pytest.approx(2.0) and snapshot.output_rate == pytest.approx(0.5)
    assert snapshot.latency == {"embed": (0.010,) * 5, "decode": (0.002,) * 5}
    assert snapshot.frame_age == (0.1,) * 5
    clock.now += 60
    later = seen.snapshot()
    assert (later.received, later.processed) == (20, 5)
    assert later.input_rate == later.output_rate == later.recently_dropped == 0
    assert later.latency == {} and later.frame_age == ()


def test_rate_soon_after_activation_is_not_diluted_by_the_window(clock):
    seen = Measurements(window=10.0, clock=clock)
    seen.listen(True)
    for _ in range(20):
        clock.now += 0.1
        seen.received()
    assert seen.snapshot().input_rate == pytest.approx(10.0)


def test_silence_counts_from_the_last_image_or_from_activation(clock):
    seen = Measurements(clock=clock)
    assert seen.snapshot().since_last_image is None
    seen.listen(True)
    clock.now += 3
    assert seen.snapshot().since_last_image == pytest.approx(3)
    seen.received()
    clock.now += 1
    assert seen.snapshot().since_last_image == pytest.approx(1)
    seen.listen(False)
    assert seen.snapshot().since_last_image is None
    seen.listen(True)
    assert seen.snapshot().since_last_image == pytest.approx(0)


def test_throttle_goes_by_key_and_counts_what_it_held_back(clock):
    throttle = Throttle(5.0, clock=clock)
    assert [throttle.allow("image"), throttle.allow("image"), throttle.allow("labeller")] == [0, None, 0]
    clock.now += 4.9
    assert throttle.allow("image") is None
    clock.now += 0.1
    assert [throttle.allow("image"), throttle.allow("image")] == [2, None]
