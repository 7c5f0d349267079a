"""One batch of frames and crops, with messages and labellers that need no ROS and no model."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.images import ImageError
from novic_ros.labels import Label, Labels, Region
from novic_ros.node.frames import Frame
from novic_ros.node.tick import FailedFrame, LabelledFrame, Wishes, label_tick
from novic_ros.regions import CropRules

WISHES = Wishes(top_k=3, min_score=0.25, on_unsure="best")
CROPS = Wishes(3, 0.25, "best", crops=CropRules(margin=0.0, max_count=8, min_size=2))
ONLY_CROPS = Wishes(3, 0.25, "best", crops=CROPS.crops, include_frame=False)


def box(x, y, width, height, id=""):
    """A Detection2D around x, y."""
    center = SimpleNamespace(position=SimpleNamespace(x=float(x), y=float(y)), theta=0.0)
    return SimpleNamespace(id=id, bbox=SimpleNamespace(center=center, size_x=float(width), size_y=float(height)))


def frame(camera="", height=40, width=60, encoding="rgb8", value=0, boxes=None, age=0.0):
    data = np.full((height, width, 3), value, np.uint8).tobytes()
    message = SimpleNamespace(
        height=height, width=width, encoding=encoding, step=3 * width, is_bigendian=0, data=data
    )
    detections = None if boxes is None else SimpleNamespace(detections=boxes)
    return Frame(camera, message, time.perf_counter() - age, 1, detections)


class Echo:
    """Says size and first value of every picture; cannot bear values above `limit`."""

    def __init__(self, limit=255):
        self.limit, self.calls = limit, []

    def label_timed(self, images, *, top_k, min_score, on_unsure):
        self.calls.append(([image.shape[:2] for image in images], top_k, min_score, on_unsure))
        if any(image.max() > self.limit for image in images):
            raise RuntimeError("too bright")
        labels = [Labels((Label(f"{i.shape[1]}x{i.shape[0]} of {i[0, 0, 0]}", 0.5),), evidence=0.1) for i in images]
        return SimpleNamespace(labels=labels, stages={"embed": 0.5}, vocabulary_version=7)


def said(outcome):
    """(label of the whole frame or None, [(index, label) of the crops])."""
    whole = outcome.whole.best.text if outcome.whole else None
    return whole, [(index, labels.best.text) for index, labels in outcome.crops]


def test_all_frames_and_crops_are_one_batch_in_order():
    echo = Echo()
    frames = [
        frame("front", boxes=[box(30, 20, 10, 6, "a"), box(5, 5, 8, 8, "b")], age=1.0),
        frame("rear", height=30, width=20, value=9),
    ]
    front, rear = label_tick(frames, echo, CROPS)
    assert echo.calls == [([(40, 60), (6, 10), (8, 8), (30, 20)], 3, 0.25, "best")]
    assert said(front) == ("60x40 of 0", [(0, "10x6 of 0"), (1, "8x8 of 0")])
    assert [labels.region for _, labels in front.crops] == [Region(25, 17, 10, 6, "a"), Region(1, 1, 8, 8, "b")]
    assert [labels.evidence for _, labels in front.crops] == [0.1, 0.1]
    assert said(rear) == ("20x30 of 9", []) and rear.whole.region is None
    assert front.frame is frames[0] and front.image.shape == (40, 60, 3)
    assert front.vocabulary_version == rear.vocabulary_version == 7
    assert list(front.stages) == ["wait", "convert", "embed"]
    assert front.stages["embed"] == 0.5 and 1.0 <= front.stages["wait"] < 10.0


def test_boxes_that_are_no_use_are_counted_and_indices_stay_those_of_the_detections():
    boxes = [box(float("nan"), 1, 2, 2), box(30, 20, 10, 6), box(-500, 20, 10, 6), box(10, 10, 4, -4)]
    (outcome,) = label_tick([frame(boxes=boxes)], Echo(), ONLY_CROPS)
    assert said(outcome) == (None, [(1, "10x6 of 0")])
    assert outcome.skipped == {"not finite": 1, "outside": 1, "no area": 1}


def test_boxes_are_left_alone_when_crops_are_not_asked_for():
    (outcome,) = label_tick([frame(boxes=[box(30, 20, 10, 6)])], Echo(), WISHES)
    assert said(outcome) == ("60x40 of 0", [])


def test_a_frame_without_boxes_is_labelled_as_a_whole_or_dropped():
    (outcome,) = label_tick([frame()], Echo(), CROPS)
    assert said(outcome) == ("60x40 of 0", [])
    (outcome,) = label_tick([frame()], Echo(), ONLY_CROPS)
    assert (outcome.cause, outcome.reason) == ("no boxes", "no detections came for the frame within crop.wait")


def test_nothing_to_label_asks_nothing():
    echo = Echo()
    (outcome,) = label_tick([frame(boxes=[])], echo, ONLY_CROPS)
    assert said(outcome) == (None, []) and outcome.vocabulary_version is None and echo.calls == []
    assert label_tick([], echo, WISHES) == []


def test_a_frame_that_cannot_be_read_is_left_out_of_the_batch():
    echo = Echo()
    bad, good = label_tick([frame(encoding="x-rays"), frame()], echo, WISHES)
    assert isinstance(bad, FailedFrame) and bad.cause == "image" and "x-rays" in bad.reason
    assert said(good) == ("60x40 of 0", []) and len(echo.calls) == 1


def test_any_fault_of_a_conversion_is_that_frames_own():
    def convert(message):
        if message.width == 1:
            raise MemoryError("80 GB")
        raise ImageError("dark")

    one, two = label_tick([frame(width=1), frame()], Echo(), WISHES, convert=convert)
    assert (one.cause, one.reason) == ("image", "MemoryError: 80 GB")
    assert (two.cause, two.reason) == ("image", "dark")


def test_one_frame_that_the_model_cannot_bear_harms_only_itself():
    echo = Echo(limit=100)
    frames = [frame("a", value=1), frame("b", value=200, boxes=[box(30, 20, 10, 6)]), frame("c", value=3)]
    first, second, third = label_tick(frames, echo, CROPS)
    assert said(first) == ("60x40 of 1", []) and said(third) == ("60x40 of 3", [])
    assert (second.cause, second.reason) == ("labeller", "RuntimeError: too bright")
    assert [len(shapes) for shapes, *_ in echo.calls] == [4, 1, 2, 1]


def test_a_single_frame_that_fails_is_not_tried_twice():
    echo = Echo(limit=100)
    (outcome,) = label_tick([frame(value=200)], echo, WISHES)
    assert outcome.cause == "labeller" and len(echo.calls) == 1


def test_frames_are_tried_alone_only_while_they_are_wanted():
    echo = Echo(limit=100)
    frames = [frame("a"), frame("b", value=200), frame("c")]
    outcomes = label_tick(frames, echo, WISHES, wanted=lambda frame: len(echo.calls) < 3)
    assert [getattr(outcome, "cause", "") for outcome in outcomes] == ["", "labeller", "deactivated"]
    assert outcomes[2].reason == "", "nothing went wrong with it"


@pytest.mark.parametrize("count", [0, 2])
def test_a_wrong_number_of_labels_is_refused(count):
    def label_timed(images, **_options):
        return SimpleNamespace(labels=[Labels()] * count, stages={}, vocabulary_version=1)

    (outcome,) = label_tick([frame()], SimpleNamespace(label_timed=label_timed), WISHES)
    assert outcome.cause == "labeller" and f"expected labels for 1 pictures, got {count}" in outcome.reason


@given(
    st.lists(
        st.tuples(
            st.integers(0, 255),
            st.one_of(st.none(), st.lists(st.tuples(*[st.floats()] * 4), max_size=4)),
            st.booleans(),
        ),
        max_size=5,
    ),
    st.sampled_from([WISHES, CROPS, ONLY_CROPS]),
)
def test_every_frame_has_its_own_outcome_whatever_comes(given_frames, wishes):
    frames = [
        frame(value=value, boxes=boxes and [box(*numbers) for numbers in boxes], encoding="rgb8" if fine else "?")
        for value, boxes, fine in given_frames
    ]
    outcomes = label_tick(frames, Echo(limit=200), wishes)
    assert [outcome.frame for outcome in outcomes] == frames
    for outcome, (value, boxes, fine) in zip(outcomes, given_frames):
        if isinstance(outcome, FailedFrame):
            without = wishes is ONLY_CROPS and boxes is None
            assert outcome.cause == ("no boxes" if without else "labeller" if fine else "image")
            continue
        assert isinstance(outcome, LabelledFrame) and fine
        assert all(labels.best.text.endswith(f" of {value}") for _, labels in outcome.crops)
        if wishes.crops and boxes:
            assert len(outcome.crops) + sum(outcome.skipped.values()) == len(boxes)
