"""A detector's boxes meet frames over DDS: early, late, never, for an unknown frame, out of bounds, and senseless."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
from rclpy.serialization import serialize_message
from robot_harness import COLOURS, wait_until
from vision_msgs.msg import Detection2D, Detection2DArray

WIDTH, HEIGHT = 160, 120
HALVES = np.zeros((HEIGHT, WIDTH, 3), np.uint8)  # red on the left, blue on the right
HALVES[:, : WIDTH // 2] = COLOURS["red"]
HALVES[:, WIDTH // 2 :] = COLOURS["blue"]
LEFT, RIGHT = (40.0, 60.0, 60.0, 80.0), (120.0, 60.0, 60.0, 80.0)  # center, size


@pytest.fixture
def detector(robot):
    """A function that publishes the boxes of one frame: (stamp in seconds, {id: (x, y, width, height)})."""
    publisher = robot.node.create_publisher(Detection2DArray, "detections", 20)

    def send(seconds: int, boxes: dict, nanoseconds: int = 123456789) -> Detection2DArray:
        wait_until(lambda: publisher.get_subscription_count() > 0, "the node to subscribe to detections", 60.0)
        message = Detection2DArray()
        message.header.frame_id = "head/camera optical"
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, nanoseconds
        for name, (x, y, width, height) in boxes.items():
            detection = Detection2D(header=message.header, id=name)
            detection.bbox.center.position.x, detection.bbox.center.position.y = float(x), float(y)
            detection.bbox.size_x, detection.bbox.size_y = float(width), float(height)
            message.detections.append(detection)
        publisher.publish(message)
        return message

    return send


def start(robot, *arguments: str, **environment: str):
    """The node with crops, and one frame through it, so that all ends have found each other."""
    options = ("crop.enabled:=true", "crop.wait:=0.3", "crop.margin:=0.0", *arguments)
    node = robot.start(*(word for option in options for word in ("-p", option)), **environment)
    robot.raw(HALVES, 1)
    robot.answer("labels", 1)
    return node


def said(message) -> list[tuple[str, str]]:
    """(id, best label) of each detection."""
    return [(one.id, one.results[0].hypothesis.class_id) for one in message.detections]


def skipped(robot, cause: str, count: int) -> dict[str, str]:
    """Wait until so many boxes were left out for a cause; all causes."""
    key = f"boxes skipped: {cause}"
    _, _, values = robot.status(lambda _l, _m, values: values.get(key) == str(count), f"{key} {count}")
    return {key: value for key, value in values.items() if key.startswith("boxes skipped: ")}


def test_boxes_that_come_early_late_never_and_for_nobody(robot, detector):
    start(robot, "crop.wait:=0.6")
    skipped(robot, "never came", 1)  # the first frame had none

    boxes = detector(10, {"cup": LEFT, "door": RIGHT})  # before their frame
    robot.raw(HALVES, 10)
    answer = robot.answer("labels", 10)
    assert said(answer) == [("", "red"), ("cup", "red"), ("door", "blue")]
    for source, labelled in zip(boxes.detections, answer.detections[1:]):
        assert serialize_message(labelled.header) == serialize_message(source.header)
        assert serialize_message(labelled.bbox) == serialize_message(source.bbox)
    assert (answer.detections[0].bbox.size_x, answer.detections[0].bbox.size_y) == (WIDTH, HEIGHT)

    robot.raw(HALVES, 11)  # before its boxes
    time.sleep(0.15)
    detector(11, {"door": RIGHT})
    assert said(robot.answer("labels", 11)) == [("", "red"), ("door", "blue")]

    began = time.monotonic()
    robot.raw(HALVES, 12)  # no boxes at all: the frame does not wait for ever
    assert said(robot.answer("labels", 12)) == [("", "red")]
    assert time.monotonic() - began >= 0.5
    skipped(robot, "never came", 2)

    detector(12, {"cup": LEFT, "door": RIGHT})  # their frame has left
    assert skipped(robot, "late", 2)
    detector(99, {"cup": LEFT})  # nobody ever sends this frame
    assert skipped(robot, "unknown frame", 1) == {
        "boxes skipped: never came": "2", "boxes skipped: late": "2", "boxes skipped: unknown frame": "1"
    }  # fmt: skip
    stamps = [message.header.stamp.sec for message in robot.heard["labels"]]
    assert stamps == [1, 10, 11, 12], "late boxes must not bring labels back"


def test_nearest_boxes_within_slop_serve_a_frame(robot, detector):
    start(robot, "crop.slop:=0.05")
    detector(20, {"far": LEFT}, nanoseconds=223456789)  # 100 ms after the frame
    detector(20, {"near": RIGHT}, nanoseconds=103456789)  # 20 ms before
    robot.raw(HALVES, 20)
    assert said(robot.answer("labels", 20)) == [("", "red"), ("near", "blue")]
    assert robot.set_parameter("crop.slop", 0.0) == (True, "")
    detector(21, {"near": RIGHT}, nanoseconds=103456789)
    robot.raw(HALVES, 21)
    assert said(robot.answer("labels", 21)) == [("", "red")]


SENSELESS = {
    "not a number": (math.nan, 60, 10, 10),
    "infinite": (40, 60, math.inf, 10),
    "negative": (40, 60, -20, 30),
    "empty": (40, 60, 0, 0),
    "far away": (5000, 5000, 50, 50),
    "huge": (1e300, 60, 1e300, 1e300),
    "small": (40, 60, 2, 2),
}


def test_senseless_boxes_are_left_out_and_the_others_labelled(robot, detector):
    node = start(robot)
    detector(30, {"over the edge": (150, 60, 100, 100), **SENSELESS, "good": LEFT})
    robot.raw(HALVES, 30)
    answer = robot.answer("labels", 30)
    assert [name for name, _ in said(answer) if name not in ("", "huge")] == ["over the edge", "good"]
    assert dict(said(answer))["over the edge"] == "blue" and dict(said(answer))["good"] == "red"
    assert answer.detections[1].bbox.size_x == 100.0, "the box is the detector's own, not the clipped one"
    causes = skipped(robot, "not finite", 2)
    assert causes["boxes skipped: no area"] == "2" and causes["boxes skipped: too small"] == "1"
    assert int(causes["boxes skipped: outside"]) >= 1
    assert "Traceback" not in node.output


def test_ten_thousand_boxes(robot, detector):
    node = start(robot, "crop.max_count:=5", "crop.wait:=5.0")
    boxes = {f"box {number}": (40, 60, 10 + number % 50, 20) for number in range(10_000)}
    detector(40, boxes)
    robot.raw(HALVES, 40)
    answer = robot.answer("labels", 40)
    assert [name for name, _ in said(answer)] == ["", *(f"box {49 + 50 * number}" for number in range(5))]
    skipped(robot, "over max_count", 9_995)
    robot.raw(HALVES, 41)
    detector(41, {"good": RIGHT})
    assert said(robot.answer("labels", 41)) == [("", "red"), ("good", "blue")]
    assert node.process.poll() is None


def test_without_include_frame_only_boxes_are_labelled(robot, detector):
    start(robot)
    assert robot.set_parameter("crop.include_frame", False) == (True, "")
    detector(50, {"door": RIGHT})
    robot.raw(HALVES, 50)
    assert said(robot.answer("labels", 50)) == [("door", "blue")]
    assert robot.answer("classification", 50).results == []
    detector(51, {})
    robot.raw(HALVES, 51)
    assert said(robot.answer("labels", 51)) == [], "an empty message: the detector saw nothing"
    robot.raw(HALVES, 52)
    _, _, values = robot.status(lambda _l, _m, values: values.get("dropped: no boxes") == "1", "no boxes")
    assert values["processed"] == "3"


def test_the_model_raising_for_a_crop_harms_only_its_own_frame(robot, detector):
    """A white crop makes the fake raise in the middle of the batch."""
    node = start(robot)
    spoiled = HALVES.copy()
    spoiled[20:100, 90:150] = COLOURS["white"]
    detector(60, {"cup": LEFT, "white": RIGHT})
    robot.raw(spoiled, 60)
    robot.status(lambda _l, _m, values: values.get("dropped: labeller") == "1", "one frame dropped")
    detector(61, {"cup": LEFT})
    robot.raw(spoiled, 61)
    assert said(robot.answer("labels", 61))[1:] == [("cup", "red")]
    assert "cause labeller: RuntimeError: the fake model cannot bear white" in node.output
