"""Counters, windows, rates and percentiles, on a clock that the test moves."""

from __future__ import annotations

import itertools
import math
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.measurements import Measurements, SlidingCount, SlidingWindow, percentile
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


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 50)), max_size=300), st.floats(0, 12))
def test_sliding_count_is_right_to_a_hundredth_of_its_window(steps, later):
    """`steps`: (seconds since the one before, how many)."""
    count, now, events = SlidingCount(10.0), 100.0, []
    for pause, number in steps:
        now += pause
        count.add(now, number)
        events.append((now, number))
    now += later
    surely = sum(number for when, number in events if when >= now - 9.89)
    perhaps = sum(number for when, number in events if when >= now - 10.01)
    assert surely <= count.total(now) <= perhaps


def test_sliding_count_does_not_saturate_and_does_not_grow():
    count = SlidingCount(10.0)
    for tick in range(100_000):
        count.add(tick / 2000)
    assert count.total(50.0) == pytest.approx(20_000, rel=0.011)
    assert len(count._bins) <= 102


def test_counts_rates_and_latencies(clock):
    seen = Measurements(window=10.0, clock=clock)
    seen.listen(True)
    for _ in range(20):
        clock.now += 0.5
        seen.received("")
    for _ in range(5):
        seen.processed("", {"embed": 0.010, "decode": 0.002}, age=0.1)
    seen.replaced("")
    seen.dropped("image", "broken")
    seen.dropped("image", "also broken", frames=3)
    seen.dropped("deactivated")
    seen.skipped("too small", 2)
    seen.skipped("too small", 1)
    seen.skipped("not finite", 7)
    snapshot = seen.snapshot()
    assert (snapshot.received, snapshot.processed, snapshot.replaced) == (20, 5, 1)
    assert snapshot.dropped == {"image": 4, "deactivated": 1}
    assert snapshot.inside == 20 - 5 - 1 - 5
    assert snapshot.skipped_boxes == {"too small": 3, "not finite": 7}
    assert snapshot.recently_dropped == 4, "a frame dropped on purpose is no trouble"
    assert snapshot.last_error == "also broken"
    assert snapshot.input_rate == pytest.approx(2.0) and snapshot.output_rate == pytest.approx(0.5)
    assert snapshot.latency == {"embed": (0.010,) * 5, "decode": (0.002,) * 5}
    assert snapshot.frame_age == (0.1,) * 5
    clock.now += 60
    later = seen.snapshot()
    assert (later.received, later.processed) == (20, 5)
    assert later.input_rate == later.output_rate == later.recently_dropped == 0
    assert later.latency == {} and later.frame_age == ()


def test_each_camera_is_counted_by_itself_and_all_together(clock):
    seen = Measurements(window=10.0, clock=clock)
    seen.listen(True)
    clock.now += 10
    for camera, frames in (("front", 30), ("rear", 10)):
        for _ in range(frames):
            seen.received(camera)
    clock.now += 2
    seen.received("rear")
    seen.replaced("front")
    seen.processed("front", {"embed": 0.1}, 0.3)
    seen.processed("rear", {"embed": 0.1}, 0.1)
    seen.dropped("too old", camera="rear", frames=2)
    snapshot = seen.snapshot()
    front, rear = snapshot.cameras["front"], snapshot.cameras["rear"]
    assert (front.received, front.processed, front.replaced, front.dropped) == (30, 1, 1, {})
    assert (rear.received, rear.processed, rear.replaced, rear.dropped) == (11, 1, 0, {"too old": 2})
    assert (front.inside, rear.inside, snapshot.inside) == (28, 8, 36)
    assert (front.input_rate, rear.input_rate, snapshot.input_rate) == pytest.approx((3.0, 1.1, 4.1))
    assert (front.frame_age, rear.frame_age) == ((0.3,), (0.1,))
    assert sorted(snapshot.frame_age) == [0.1, 0.3]
    assert (front.since_last_image, rear.since_last_image) == (2.0, 0.0)
    assert snapshot.since_last_image == 0.0
    assert snapshot.dropped == {"too old": 2}
    never = snapshot.camera("left")
    assert (never.received, never.inside, never.since_last_image) == (0, 0, 12.0)
    assert snapshot.camera("front") is front


calls = st.sampled_from(["received", "replaced", "processed", "dropped"])


@given(st.lists(st.tuples(calls, st.sampled_from(["", "front", "rear"]), st.integers(1, 5))))
def test_totals_are_sums_and_every_frame_is_somewhere(history):
    seen = Measurements(clock=lambda: 100.0)
    seen.listen(True)
    for call, camera, number in history:
        arguments = {"processed": (camera, {}, None), "dropped": (f"cause {number}", "why", camera, number)}
        getattr(seen, call)(*arguments.get(call, (camera,)))
    snapshot = seen.snapshot()
    for counts in (snapshot, *snapshot.cameras.values()):
        gone = counts.processed + counts.replaced + sum(counts.dropped.values())
        assert counts.received == gone + counts.inside
    for name in ("received", "processed", "replaced", "inside"):
        assert getattr(snapshot, name) == sum(getattr(c, name) for c in snapshot.cameras.values())
    for cause in snapshot.dropped:
        assert snapshot.dropped[cause] == sum(c.dropped.get(cause, 0) for c in snapshot.cameras.values())


def test_no_count_is_lost_between_threads():
    seen = Measurements()
    seen.listen(True)

    def work(camera):
        for _ in range(2000):
            seen.received(camera)
            seen.processed(camera, {"embed": 0.001}, 0.01)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("front", "rear", "front")]
    for thread in threads:
        thread.start()
    taken = []
    while any(thread.is_alive() for thread in threads):
        taken.append(seen.snapshot())
    assert all(0 <= snapshot.inside <= 3 for snapshot in taken), "counters of one moment"
    assert all(a.received <= b.received for a, b in itertools.pairwise(taken))
    assert seen.snapshot().cameras["front"].processed == 4000
    assert (seen.snapshot().received, seen.snapshot().inside) == (6000, 0)


def test_frames_from_the_future_are_counted_and_their_age_is_negative(clock):
    seen = Measurements(clock=clock)
    for camera, age in (("front", 0.1), ("front", -30.0), ("rear", -0.001), ("rear", None)):
        seen.processed(camera, {}, age)
    snapshot = seen.snapshot()
    assert (snapshot.from_future, snapshot.camera("front").from_future) == (2, 1)
    assert min(snapshot.frame_age) == -30.0


def test_rate_soon_after_activation_is_not_diluted_by_the_window(clock):
    seen = Measurements(window=10.0, clock=clock)
    seen.listen(True)
    for _ in range(20):
        clock.now += 0.1
        seen.received("")
    assert seen.snapshot().input_rate == pytest.approx(10.0)


def test_silence_counts_from_the_last_image_or_from_activation(clock):
    seen = Measurements(clock=clock)
    assert seen.snapshot().since_last_image is None
    seen.listen(True)
    clock.now += 3
    assert seen.snapshot().since_last_image == pytest.approx(3)
    seen.received("")
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
