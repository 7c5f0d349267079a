"""Frames of a bag: every one, decoded or with the reason why not, with the boxes that belong to it."""

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers
from hypothesis import given
from hypothesis import strategies as some

from novic_ros.evaluation.bag_frames import FrameWishes, assign_boxes, frames, header_stamp, image_topics
from novic_ros.evaluation.bag_reader import Bag, BagError
from novic_ros.labels import Region
from novic_ros.regions import CropRules

BEGIN, STEP = makers.BEGIN, makers.STEP


def frames_of(path, wishes=None, **options):
    with Bag(path) as bag:
        return list(frames(bag, wishes or FrameWishes(), **options)), bag.problems


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("kind", [makers.IMAGE, makers.COMPRESSED])
def test_every_frame_comes_decoded_and_in_order(tmp_path, storage, kind):
    path = makers.write_bag(tmp_path / "bag", makers.camera(25, kind=kind), storage)
    found, problems = frames_of(path)
    assert problems == []
    assert [(one.topic, one.index, one.stamp, one.recorded) for one in found] == [
        ("/camera/image", n, BEGIN + n * STEP, BEGIN + n * STEP + 1_000_000) for n in range(25)]
    for number, one in enumerate(found):
        np.testing.assert_array_equal(one.image, makers.colour(number))
        assert one.cause == ""
        assert one.seconds > 0


def test_several_cameras_are_numbered_each_by_itself(tmp_path):
    plan = [*makers.camera(3, "/a"), *makers.camera(4, "/b", makers.COMPRESSED, first=10)]
    plan.sort(key=lambda one: one[2])
    path = makers.write_bag(tmp_path / "bag", [*plan, ("/chatter", makers.STRING, BEGIN, makers.string("hello"))])
    found, _ = frames_of(path)
    assert [(one.topic, one.index, one.image[0, 0, 0]) for one in found] == [
        ("/a", 0, 0), ("/b", 0, 10), ("/a", 1, 1), ("/b", 1, 11), ("/a", 2, 2), ("/b", 2, 12), ("/b", 3, 13)]
    assert [one.topic for one in frames_of(path, FrameWishes(("/b",)))[0]] == ["/b"] * 4
    assert [(one.topic, one.index) for one in frames_of(path, skip=4)[0]] == [("/a", 2), ("/b", 2), ("/b", 3)]


def test_a_topic_that_is_not_there_is_named_with_those_that_are(tmp_path):
    plan = [*makers.camera(2, "/a"), ("/c", makers.STRING, BEGIN, makers.string(""))]
    with Bag(makers.write_bag(tmp_path / "bag", plan)) as bag:
        with pytest.raises(BagError, match=r"expected image topic /b, image topics in it: /a \(2 frames\)"):
            image_topics(bag, FrameWishes(("/a", "/b")))
        with pytest.raises(BagError, match="expected image topic /c"):
            image_topics(bag, FrameWishes(("/c",)))
        with pytest.raises(BagError, match="expected a topic /boxes of type .*, such topics in it: none"):
            image_topics(bag, FrameWishes(detections=(("", "/boxes"),)))


def test_a_bag_without_images_says_so(tmp_path):
    path = makers.write_bag(tmp_path / "bag", [("/c", makers.STRING, BEGIN, makers.string(""))])
    with Bag(path) as bag, pytest.raises(BagError, match="expected an image topic, image topics in it: none"):
        image_topics(bag, FrameWishes())


def test_what_cannot_be_decoded_says_why_and_harms_nobody(tmp_path):
    topic = "/camera/image"
    plan = makers.camera(5)
    plan[1] = (topic, makers.IMAGE, plan[1][2], makers.raw(BEGIN + STEP, 1, encoding="32FC1"))
    plan[2] = (topic, makers.IMAGE, plan[2][2], makers.raw(BEGIN + 2 * STEP, 2, encoding="surprise8"))
    plan[3] = (topic, makers.IMAGE, plan[3][2], makers.TYPES.serialize_cdr(plan[3][3], makers.IMAGE)[:200].tobytes())
    found, problems = frames_of(makers.write_bag(tmp_path / "bag", plan))
    assert problems == []
    assert [one.cause for one in found] == ["", "image", "image", "message", ""]
    assert [one.stamp for one in found] == [BEGIN + n * STEP for n in range(5)]
    assert "depth image" in found[1].reason
    assert "encoding 'surprise8' is not supported" in found[2].reason
    assert "damaged message of 200 bytes" in found[3].reason
    assert all(one.image is None for one in found if one.cause)


def test_stamps_that_go_back_stay_in_the_order_of_recording(tmp_path):
    stamps = [5, 3, 0, 4, 3]
    plan = [("/a", makers.IMAGE, BEGIN + n, makers.raw(stamp * 10**9, n)) for n, stamp in enumerate(stamps)]
    found, _ = frames_of(makers.write_bag(tmp_path / "bag", plan))
    assert [(one.index, one.stamp, one.image[0, 0, 0]) for one in found] == [
        (n, stamp * 10**9, n) for n, stamp in enumerate(stamps)]


def with_boxes(tmp_path, boxes):
    """Three frames, and detections: (stamp, [(box, id)])."""
    plan = makers.camera(3)
    for stamp, found in boxes:
        message = makers.detections(stamp, *(makers.detection(stamp, box, track) for box, track in found))
        plan.append(("/boxes", makers.DETECTIONS, stamp, message))
    return makers.write_bag(tmp_path / "bag", plan)


def test_boxes_become_regions_of_their_frame(tmp_path):
    path = with_boxes(tmp_path, [(BEGIN, [((20, 20, 10, 10), "a"), ((20, 20, 2, 2), "b")]),
                                 (BEGIN + 2 * STEP, [((60, 40, 20, 20), "a"), ((500, 500, 20, 20), "c")])])
    wishes = FrameWishes(detections=(("", "/boxes"),), crops=CropRules(min_size=4))
    found, problems = frames_of(path, wishes)
    assert problems == []
    assert found[0].regions == (Region(15, 15, 10, 10, "a"),)
    assert found[0].skipped == {"too small": 1}
    assert (found[1].boxes, found[1].regions) == (None, ())
    assert found[2].regions == (Region(50, 30, 14, 18, "a"),)
    assert found[2].skipped == {"outside": 1}
    alone, _ = frames_of(path, FrameWishes(detections=(("/camera/image", "/boxes"),), include_frame=False))
    assert [one.cause for one in alone] == ["", "no boxes", ""]


def test_of_which_camera_the_boxes_are_must_be_clear(tmp_path):
    message = makers.detections(BEGIN)
    plan = [*makers.camera(1, "/a"), *makers.camera(1, "/b"), ("/boxes", makers.DETECTIONS, BEGIN, message)]
    with Bag(makers.write_bag(tmp_path / "bag", plan)) as bag:
        with pytest.raises(BagError, match="of which image topic are the boxes of /boxes"):
            image_topics(bag, FrameWishes(detections=(("", "/boxes"),)))
        assert image_topics(bag, FrameWishes(detections=(("/b", "/boxes"),))) == {"/a": "", "/b": "/boxes"}
        with pytest.raises(BagError, match="boxes of /b are asked for, but that image topic is not; asked for: /a"):
            image_topics(bag, FrameWishes(("/a",), (("/b", "/boxes"),)))


def test_damaged_detections_are_counted(tmp_path):
    path = with_boxes(tmp_path, [(BEGIN, [((20, 20, 10, 10), "a")])])
    plan = [*makers.camera(3), ("/boxes", makers.DETECTIONS, BEGIN, b"\x00\x01\x00\x00junk")]
    path = makers.write_bag(tmp_path / "other", plan)
    found, problems = frames_of(path, FrameWishes(detections=(("", "/boxes"),)))
    assert [one.boxes for one in found] == [None] * 3
    assert problems[0].startswith("other: 1 messages of /boxes cannot be used; the first: damaged message")


@pytest.mark.parametrize(("frame_stamps", "boxes", "slop", "expected"), [
    ([0, 10, 20], [20, 0], 0, [1, None, 0]),
    ([0, 10, 20], [1, 12, 19], 2, [0, 1, 2]),
    ([0, 10, 20], [1, 12, 19], 1, [0, None, 2]),
    ([10, 11], [11], 5, [None, 0]),  # its own boxes are not taken from a frame
    ([10], [9, 11], 5, [0]),  # of two as near the earlier
    ([10, 10], [10, 10, 10], 0, [0, 1]),
    ([], [1], 5, []),
    ([1], [], 5, [None]),
])
def test_boxes_find_their_frames(frame_stamps, boxes, slop, expected):
    assert assign_boxes(frame_stamps, boxes, slop) == expected


@given(some.lists(some.integers(0, 30)), some.lists(some.integers(0, 30)), some.integers(0, 5))
def test_boxes_serve_one_frame_within_reach_and_exact_ones_first(frame_stamps, boxes, slop):
    found = assign_boxes(frame_stamps, boxes, slop)
    used = [place for place in found if place is not None]
    assert len(found) == len(frame_stamps)
    assert len(used) == len(set(used))
    for stamp, place in zip(frame_stamps, found):
        assert place is None or abs(boxes[place] - stamp) <= slop
    for stamp in set(frame_stamps):
        own = [place for one, place in zip(frame_stamps, found) if one == stamp]
        exact = sum(place is not None and boxes[place] == stamp for place in own)
        assert exact == min(frame_stamps.count(stamp), boxes.count(stamp))


def test_a_header_is_read_in_either_byte_order():
    message = makers.raw(BEGIN + 7, 0)
    for little in (True, False):
        assert header_stamp(bytes(makers.TYPES.serialize_cdr(message, makers.IMAGE, little_endian=little))) == BEGIN + 7
    assert header_stamp(b"\x00\x01\x00\x00") == 0
