"""Boxes and frames find each other by stamp: the rules one by one, and what holds for any sequence of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.detections import Pairing

MS = 10**6  # nanoseconds
WAIT = 0.2  # seconds


def play(steps, wait=WAIT, slop_ms=0, room=10):
    """Run ("frame" | "boxes" | "", milliseconds of the stamp, seconds of the clock) one by one.

    Returns the frames that left as (stamp, stamp of their boxes or None), and useless boxes as (cause, stamp).
    """
    pairing, frames, useless = Pairing(room), [], []
    for kind, stamp, now in steps:
        if kind == "frame":
            pairing.add_frame(stamp * MS, stamp, now)
        elif kind == "boxes":
            pairing.add_boxes(stamp * MS, stamp, now)
        settled = pairing.settle(now, wait, slop_ms / 1e3)
        frames += settled.frames
        useless += settled.useless
    return frames, useless


@pytest.mark.parametrize("steps", [
    [("frame", 1000, 0.0), ("boxes", 1000, 0.1)],
    [("boxes", 1000, 0.0), ("frame", 1000, 0.1)],
], ids=["frame first", "boxes first"])
def test_equal_stamps_meet_at_once(steps):
    assert play(steps) == ([(1000, 1000)], [])


def test_a_frame_leaves_without_boxes_when_it_has_waited_long_enough_and_they_are_late():
    steps = [("frame", 1000, 0.0), ("", 0, 0.199)]
    assert play(steps) == ([], [])
    steps += [("", 0, 0.2)]
    assert play(steps) == ([(1000, None)], [])
    assert play([*steps, ("boxes", 1000, 0.3)]) == ([(1000, None)], [("late", 1000)])


def test_boxes_of_an_unknown_frame_wait_as_long_as_a_frame_does():
    steps = [("boxes", 1000, 0.0), ("", 0, 0.199)]
    assert play(steps) == ([], [])
    assert play([*steps, ("", 0, 0.2)]) == ([], [("unknown frame", 1000)])


def test_with_slop_the_nearest_boxes_are_taken_when_the_wait_is_over():
    steps = [("boxes", 970, 0.0), ("boxes", 980, 0.0), ("frame", 1000, 0.01), ("", 0, 0.19)]
    assert play(steps, slop_ms=30) == ([], [])
    late = ("", 0, 0.22)
    assert play([*steps, late], slop_ms=30) == ([(1000, 980)], [("unknown frame", 970)])
    assert play([*steps, late], slop_ms=19) == ([(1000, None)], [("unknown frame", 970), ("unknown frame", 980)])


def test_equal_stamps_win_over_near_ones_that_came_first():
    steps = [("boxes", 990, 0.0), ("frame", 1000, 0.01), ("boxes", 1000, 0.1)]
    assert play(steps, slop_ms=50)[0] == [(1000, 1000)]


def test_later_boxes_say_that_the_frames_own_will_not_come():
    steps = [("frame", 1000, 0.0), ("boxes", 990, 0.01), ("boxes", 1005, 0.02)]
    assert play(steps[:2], slop_ms=30) == ([], [])
    assert play(steps, slop_ms=30)[0] == [(1000, 1005)]
    assert play(steps, slop_ms=0) == ([], []), "without slop, boxes may come in any order"


def test_a_frame_that_has_its_boxes_takes_those_before_it_along_in_order():
    steps = [("frame", 0, 0.0), ("frame", 33, 0.033), ("frame", 67, 0.067), ("frame", 100, 0.1), ("boxes", 67, 0.12)]
    assert play(steps) == ([(0, None), (33, None), (67, 67)], [])


def test_no_more_frames_and_boxes_wait_than_there_is_room_for():
    frames = [("frame", stamp, 0.0) for stamp in range(5)]
    assert play(frames, room=3) == ([(0, None), (1, None)], [])
    boxes = [("boxes", stamp, 0.0) for stamp in range(5)]
    assert play(boxes, room=3) == ([], [("unknown frame", 0), ("unknown frame", 1)])


def test_a_bag_that_begins_again_finds_its_boxes_again_even_if_they_come_first():
    once = [("boxes", 10, 0.0), ("frame", 10, 0.0), ("boxes", 20, 0.0), ("frame", 20, 0.0)]
    again = [(kind, stamp, 1.0) for kind, stamp, _ in once]
    frames, useless = play([*once, ("frame", 5, 1.0), *again])
    assert frames == [(10, 10), (20, 20), (5, None), (10, 10), (20, 20)]
    assert useless == []


def test_deadline_is_when_the_first_to_come_has_waited_long_enough():
    pairing = Pairing(10)
    assert pairing.deadline(WAIT) is None
    pairing.add_boxes(7, "boxes", 5.0)
    pairing.add_frame(8, "frame", 4.0)
    assert pairing.deadline(WAIT) == pytest.approx(4.2)
    assert pairing.clear() == ["frame"] and len(pairing) == 0
    assert pairing.deadline(WAIT) is None


@given(
    st.lists(st.tuples(st.sampled_from(["frame", "boxes", ""]), st.integers(0, 12), st.integers(0, 3)), max_size=40),
    st.integers(0, 3),
    st.integers(1, 6),
)
def test_any_sequence_is_accounted_for(steps, slop_ms, room):
    pairing, now = Pairing(room), 0
    came, left, boxes_came, used, useless = [], [], 0, [], 0
    for number, (kind, stamp, passes) in enumerate(steps):
        now += passes
        if kind == "frame":
            pairing.add_frame(stamp * MS, (number, stamp, now), now)
            came.append(number)
        elif kind == "boxes":
            pairing.add_boxes(stamp * MS, (number, stamp), now)
            boxes_came += 1
        waiting = len(pairing)
        settled = pairing.settle(now, wait=5, slop=slop_ms / 1e3)
        useless += len(settled.useless)
        assert len(settled.frames) + len(pairing) == waiting
        for (frame, frame_stamp, since), boxes in settled.frames:
            assert now - since <= 5 + passes
            left.append(frame)
            if boxes is not None:
                assert abs(boxes[1] - frame_stamp) <= slop_ms
                used.append(boxes[0])
    assert left == came[: len(left)], "frames leave once each, in the order in which they came"
    assert len(came) - len(left) == len(pairing) <= room
    assert len(used) == len(set(used)), "boxes serve one frame"
    settled = pairing.settle(now + 5, wait=5, slop=0)
    assert len(pairing) == 0 and pairing.deadline(5) is None
    used += [boxes for _, boxes in settled.frames if boxes is not None]
    assert boxes_came == len(used) + useless + len(settled.useless)


@given(st.permutations(range(6)), st.integers(0, 3))
def test_frames_and_boxes_of_equal_stamps_meet_in_whatever_order_boxes_come(order, slop_ms):
    """All boxes come while all frames wait: nobody gets another's boxes, though those may be within the slop."""
    pairing = Pairing(10)
    for stamp in range(6):
        pairing.add_frame(stamp * MS, stamp, 0.0)
    for stamp in order:
        pairing.add_boxes(stamp * MS, stamp, 0.1)
    assert pairing.settle(0.1, WAIT, slop_ms / 1e3).frames == [(stamp, stamp) for stamp in range(6)]
