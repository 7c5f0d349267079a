"""Where frames wait: newest wins or all are kept, cameras are treated alike, nobody waits for nothing."""

from __future__ import annotations

import threading
import time
from collections import Counter
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.node.frames import Frame
from novic_ros.node.intake import Intake


def message(stamp: int = 0) -> SimpleNamespace:
    """Anything with a header stamped `stamp` nanoseconds."""
    sec, nanosec = divmod(stamp, 10**9)
    return SimpleNamespace(header=SimpleNamespace(stamp=SimpleNamespace(sec=sec, nanosec=nanosec)))


class Rig:
    """An intake that is active, with a clock that the test moves, and what it told."""

    def __init__(self, *cameras: str, keep_all: bool = False, room: int = 10, pair: bool = False) -> None:
        self.now = 0.0
        self.replaced: Counter[str] = Counter()
        self.useless: list[tuple[str, object]] = []
        self.intake = Intake(
            cameras or ("",), keep_all=keep_all, room=room, pair=pair,
            replaced=lambda camera: self.replaced.update([camera]),
            useless=lambda cause, boxes: self.useless.append((cause, boxes)),
            clock=lambda: self.now,
        )  # fmt: skip
        self.intake.tune(wait=0.2, slop=0.0)
        self.intake.begin()

    def put(self, camera: str = "", stamp: int = 0) -> bool:
        return self.intake.put(Frame(camera, message(stamp), 0.0, self.intake.epoch))

    def take(self) -> list[tuple[str, int, object]]:
        return [(frame.camera, frame.stamp, frame.boxes) for frame in self.intake.take()]


class Background:
    """A function in a thread; `done` once it came back."""

    def __init__(self, function) -> None:
        self.result = None
        self._thread = threading.Thread(target=self._run, args=(function,), daemon=True)
        self._thread.start()

    def _run(self, function) -> None:
        self.result = function()

    def done(self, within: float = 10.0) -> bool:
        self._thread.join(within)
        return not self._thread.is_alive()


def test_the_newest_frame_of_each_camera_is_taken_in_one_go_and_what_it_replaced_is_counted():
    rig = Rig("front", "rear", "left")
    for stamp in (1, 2, 3):
        assert rig.put("rear", stamp)
    rig.put("front", 4)
    assert rig.take() == [("front", 4, None), ("rear", 3, None)]
    assert rig.replaced == {"rear": 2}


def test_fast_cameras_do_not_keep_slow_ones_from_their_turn():
    rig = Rig("fast", "slow")
    turns = Counter()
    for tick in range(30):
        for _ in range(10):
            rig.put("fast", tick)
        if tick % 3 == 0:
            rig.put("slow", tick)
        turns.update(camera for camera, _, _ in rig.take())
    assert turns == {"fast": 30, "slow": 10}


def test_keep_all_gives_every_frame_in_order_one_per_camera_and_turn():
    rig = Rig("a", "b", keep_all=True)
    for stamp in (1, 2):
        rig.put("a", stamp)
        rig.put("b", 10 * stamp)
    rig.put("a", 3)
    assert rig.take() == [("a", 1, None), ("b", 10, None)]
    assert rig.take() == [("a", 2, None), ("b", 20, None)]
    assert rig.take() == [("a", 3, None)]
    assert not rig.replaced


def test_keep_all_lets_the_callback_wait_for_room_and_no_longer():
    rig = Rig("a", "b", keep_all=True, room=2)
    rig.put("a", 1)
    rig.put("a", 2)
    rig.put("b", 7)
    third = Background(lambda: rig.put("a", 3))
    assert not third.done(within=0.1)
    assert rig.take() == [("a", 1, None), ("b", 7, None)]
    assert third.done() and third.result is True
    assert rig.take() + rig.take() == [("a", 2, None), ("a", 3, None)]


@pytest.mark.parametrize("ending", ["end", "end and begin", "close"])
def test_the_end_of_an_activation_lets_a_waiting_callback_go_with_nothing(ending):
    rig = Rig(keep_all=True, room=1)
    rig.put(stamp=1)
    second = Background(lambda: rig.put(stamp=2))
    assert not second.done(within=0.1)
    if ending == "close":
        rig.intake.close()
    else:
        assert rig.intake.end() == {"": 1}
        if ending == "end and begin":
            rig.intake.begin()
    assert second.done() and second.result is False
    assert rig.put(stamp=3) is (ending == "end and begin")


def test_end_throws_away_all_that_waits_and_says_how_many():
    rig = Rig("a", "b", "c", keep_all=True, pair=True)
    rig.put("a", 1)
    rig.put("a", 2)
    rig.put("b", 1)
    assert rig.intake.end() == {"a": 2, "b": 1}
    assert rig.intake.end() == {}
    assert not rig.put("a", 3)
    rig.intake.begin()
    rig.put("c", 5)
    rig.now = 1.0
    assert rig.take() == [("c", 5, None)]


def test_frames_are_of_the_activation_in_which_they_came():
    rig = Rig()
    rig.put(stamp=1)
    (frame,) = rig.intake.take()
    assert rig.intake.is_current(frame)
    with rig.intake.publishing(frame) as wanted:
        assert wanted
    rig.intake.begin()
    assert rig.intake.is_current(frame), "it has not ended in between"
    rig.intake.end()
    rig.intake.begin()
    assert not rig.intake.is_current(frame)
    with rig.intake.publishing(frame) as wanted:
        assert not wanted


def test_an_activation_does_not_end_in_the_middle_of_a_publication():
    rig = Rig()
    rig.put(stamp=1)
    (frame,) = rig.intake.take()
    with rig.intake.publishing(frame):
        end = Background(rig.intake.end)
        assert not end.done(within=0.1)
    assert end.done()


def test_take_waits_for_a_frame_and_close_wakes_it():
    rig = Rig()
    first = Background(rig.take)
    assert not first.done(within=0.1)
    rig.put(stamp=5)
    assert first.done() and first.result == [("", 5, None)]
    second = Background(rig.take)
    assert not second.done(within=0.1)
    rig.intake.close()
    assert second.done() and second.result == []
    assert not rig.put(stamp=6) and rig.take() == []


# ---- with boxes --------------------------------------------------------------------------------------------------


def test_a_frame_is_taken_with_its_boxes_and_each_camera_has_its_own():
    rig = Rig("front", "rear", pair=True)
    rig.put("front", 1)
    rig.put("rear", 1)
    rig.intake.put_boxes("rear", 1, "boxes of rear")
    assert rig.take() == [("rear", 1, "boxes of rear")]
    rig.intake.put_boxes("front", 1, "boxes of front")
    assert rig.take() == [("front", 1, "boxes of front")]


def test_frames_that_wait_for_boxes_are_not_replaced_by_newer_ones():
    rig = Rig(pair=True)
    for stamp in (1, 2, 3):
        rig.put(stamp=stamp)
    rig.intake.put_boxes("", 2, "boxes")
    assert rig.take() == [("", 2, "boxes")]
    assert rig.replaced == {"": 1}, "frame 1 left before frame 2, which replaced it"


def test_keep_all_lets_frames_go_without_boxes_before_one_that_has_them():
    rig = Rig(pair=True, keep_all=True)
    for stamp in (1, 2, 3):
        rig.put(stamp=stamp)
    rig.intake.put_boxes("", 2, "boxes")
    assert rig.take() + rig.take() == [("", 1, None), ("", 2, "boxes")]
    rig.now = 0.2
    assert rig.take() == [("", 3, None)]


def test_take_comes_back_by_itself_when_a_frame_has_waited_long_enough():
    intake = Intake([""], keep_all=False, room=10, pair=True, replaced=print)
    intake.tune(wait=0.15, slop=0.0)
    intake.begin()
    start = time.monotonic()
    intake.put(Frame("", message(1), 0.0, intake.epoch))
    (frame,) = intake.take()
    assert frame.boxes is None and 0.14 <= time.monotonic() - start < 10


def test_a_shorter_wait_holds_for_frames_that_wait_already():
    rig = Rig(pair=True)
    rig.intake.tune(wait=10.0, slop=0.0)
    rig.put(stamp=1)
    taking = Background(rig.take)
    assert not taking.done(within=0.1)
    rig.intake.tune(wait=0.0, slop=0.0)
    assert taking.done() and taking.result == [("", 1, None)]


def test_boxes_that_are_late_or_of_an_unknown_frame_are_told():
    rig = Rig(pair=True)
    rig.put(stamp=1)
    rig.now = 0.2
    assert rig.take() == [("", 1, None)]
    rig.intake.put_boxes("", 1, "late ones")
    rig.intake.put_boxes("", 99, "strange ones")
    rig.now = 0.4
    rig.put(stamp=100)
    assert rig.useless == [("late", "late ones"), ("unknown frame", "strange ones")]


def test_boxes_between_activations_are_forgotten():
    rig = Rig(pair=True)
    rig.intake.end()
    rig.intake.put_boxes("", 1, "boxes")
    rig.intake.begin()
    rig.put(stamp=1)
    rig.now = 0.2
    assert rig.take() == [("", 1, None)]
    assert rig.useless == []


# ---- any sequence ------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from(["put", "put", "boxes", "take", "end", "begin"]), st.sampled_from("ab"))),
    st.booleans(),
    st.booleans(),
)
def test_every_frame_is_taken_replaced_thrown_away_refused_or_still_inside(steps, keep_all, pair):
    rig = Rig("a", "b", keep_all=keep_all, room=100, pair=pair)
    counts = Counter()
    last: dict[str, int] = {}
    for number, (step, camera) in enumerate(steps, start=1):
        rig.now += 0.07
        if step == "put":
            counts["put"] += 1
            counts["refused"] += not rig.put(camera, number)
        elif step == "boxes":
            rig.intake.put_boxes(camera, number - 1, "boxes")
        elif step == "begin":
            rig.intake.begin()
        elif step == "end":
            counts["gone"] += sum(rig.intake.end().values())
        else:
            inside = counts["put"] - counts["refused"] - counts["gone"] - counts["taken"] - sum(rig.replaced.values())
            if inside and rig.intake.epoch % 2:
                rig.now += 0.3
                taken = rig.take()
                counts["taken"] += len(taken)
                assert len({camera for camera, _, _ in taken}) == len(taken)
                for camera, stamp, _ in taken:
                    assert stamp > last.get(camera, 0), "frames of one camera come in order"
                    last[camera] = stamp
    gone = sum(rig.intake.end().values())
    told = counts["refused"] + counts["gone"] + counts["taken"] + sum(rig.replaced.values()) + gone
    assert told == counts["put"]
    if keep_all:
        assert not rig.replaced


def test_many_threads_lose_no_count():
    rig = Rig("a", "b", keep_all=False)
    taken: list[int] = []

    def produce(camera: str) -> None:
        for stamp in range(1, 2001):
            rig.put(camera, stamp)

    def consume() -> None:
        while frames := rig.intake.take():
            taken.extend(frame.stamp for frame in frames)

    consumer = Background(consume)
    producers = [Background(lambda camera=camera: produce(camera)) for camera in "aab"]
    assert all(producer.done(30) for producer in producers)
    rest = rig.intake.end()
    rig.intake.close()
    assert consumer.done()
    assert len(taken) + sum(rig.replaced.values()) + sum(rest.values()) == 6000
