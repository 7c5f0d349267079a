"""Frames in, labels out: contents, headers, bad frames, and what never happens."""

from __future__ import annotations

import io
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image
from rclpy.serialization import serialize_message
from robot_harness import jpeg, picture, wait_until

TRANSPORTS = ("raw", "compressed")


def results(message) -> list[tuple[str, float]]:
    return [(result.class_id, result.score) for result in message.results]


def test_compressed_frame_gives_three_messages_with_its_header(robot):
    robot.start("-p", "image_transport:=compressed", "-p", "top_k:=2")
    sent = robot.compressed(jpeg(picture("green", 120, 160)), 17)
    labels = robot.answer("labels", 17)
    classification = robot.answer("classification", 17)
    assert serialize_message(labels.header) == serialize_message(sent.header)
    assert serialize_message(classification.header) == serialize_message(sent.header)
    (detection,) = labels.detections
    assert serialize_message(detection.header) == serialize_message(sent.header)
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (80.0, 60.0)
    assert (detection.bbox.size_x, detection.bbox.size_y, detection.id) == (160.0, 120.0, "")
    said = [(result.hypothesis.class_id, result.hypothesis.score) for result in detection.results]
    assert said == results(classification)
    assert [text for text, _ in said] == ["green", "blue"]
    assert said[0][1] == 0.8
    wait_until(lambda: robot.heard["label"], "the label topic")
    assert [message.data for message in robot.heard["label"]] == ["green"]


def test_large_raw_frames_arrive_and_are_answered_once_each(robot):
    node = robot.start()
    for second, colour in ((21, "red"), (22, "blue"), (23, "green")):
        sent = robot.raw(picture(colour, 480, 640), second)
        answer = robot.answer("classification", second)
        assert answer.results[0].class_id == colour
        assert serialize_message(answer.header) == serialize_message(sent.header)
    time.sleep(0.5)  # five times the diagnostics period: nothing may be repeated on a timer
    assert [m.header.stamp.sec for m in robot.heard["classification"]] == [21, 22, 23]
    assert [m.header.stamp.sec for m in robot.heard["labels"]] == [21, 22, 23]
    assert [m.data for m in robot.heard["label"]] == ["red", "blue", "green"]
    assert node.process.poll() is None


def test_remapped_base_topic_leads_to_the_compressed_one(robot):
    robot.start("-p", "image_transport:=compressed", "-r", "image:=/head_camera/image_raw")
    robot.compressed(jpeg(picture("red")), 31, topic="/head_camera/image_raw/compressed")
    assert robot.answer("classification", 31).results[0].class_id == "red"


def test_empty_results_when_nothing_reaches_min_score(robot):
    robot.start("-p", "min_score:=0.9")
    sent = robot.raw(picture("red"), 41)
    labels = robot.answer("labels", 41)
    assert labels.detections == []
    assert serialize_message(labels.header) == serialize_message(sent.header)
    assert robot.answer("classification", 41).results == []
    wait_until(lambda: robot.heard["label"], "the label topic")
    assert robot.heard["label"][0].data == ""


def truncated_jpeg(robot, second):
    data = jpeg(np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8))
    robot.compressed(data[: len(data) // 2], second)


def huge_header(robot, second):
    """A PNG that claims 20,000 x 20,000 pixels and holds none."""
    header = struct.pack(">IIBBBBB", 20_000, 20_000, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
    robot.compressed(b"\x89PNG\r\n\x1a\n" + chunk, second)


BAD_FRAMES = {
    "empty": ("compressed", lambda robot, second: robot.compressed(b"", second)),
    "huge header": ("compressed", huge_header),
    "truncated jpeg": ("compressed", truncated_jpeg),
    "no picture at all": ("compressed", lambda robot, second: robot.compressed(b"hello", second)),
    "wrong step": ("raw", lambda robot, second: robot.raw(picture("red"), second, step=7)),
    "unknown encoding": ("raw", lambda robot, second: robot.raw(picture("red"), second, encoding="x-rays")),
    "model raises": ("raw", lambda robot, second: robot.raw(picture("white"), second)),
}


def encoded(image, kind, **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def test_odd_but_whole_pictures_are_labelled(robot):
    node = robot.start("-p", "image_transport:=compressed")
    noise = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    image = Image.fromarray(noise)
    odd = {
        "one pixel": encoded(image.resize((1, 1)), "png"),
        "CMYK": encoded(image.convert("CMYK"), "jpeg"),
        "16 bits": encoded(Image.fromarray(noise[..., 0].astype(np.uint16) * 257), "png"),
        "grey": encoded(image.convert("L"), "jpeg"),
        "animated": encoded(image, "gif", save_all=True, append_images=[image.rotate(90)]),
    }
    for second, (kind, data) in enumerate(odd.items(), start=60):
        robot.compressed(data, second)
        assert robot.answer("classification", second).results, kind
    assert "dropped" not in node.output


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_bad_frames_are_counted_and_the_next_good_one_is_labelled(robot, transport):
    node = robot.start("-p", f"image_transport:={transport}")
    bad = [send for kind, send in BAD_FRAMES.values() if kind == transport]

    def good(second):
        if transport == "raw":
            robot.raw(picture("blue"), second)
        else:
            robot.compressed(jpeg(picture("blue")), second)
        assert robot.answer("classification", second).results[0].class_id == "blue"

    good(50)
    for number, send in enumerate(bad, start=1):
        send(robot, 50 + 2 * number)
        good(51 + 2 * number)
    stamps = [m.header.stamp.sec for m in robot.heard["labels"]]
    assert stamps == [50, *(51 + 2 * n for n in range(1, len(bad) + 1))]

    _, message, values = robot.status(
        lambda level, _, values: level == b"\x01" and values["dropped"] == str(len(bad)),
        "that frames were dropped",
    )
    by_cause = {key: value for key, value in values.items() if key.startswith("dropped: ")}
    if transport == "raw":
        assert by_cause == {"dropped: image": "2", "dropped: labeller": "1"}
        assert "cannot bear white" in values["last error"] and "cannot bear white" in message
        assert "cause labeller: RuntimeError: the fake model cannot bear white" in node.output
    else:
        assert by_cause == {"dropped: image": "4"}
    assert "frame dropped, cause image: " in node.output
    assert "Traceback" not in node.output


def test_newest_frame_wins_while_the_model_is_busy(robot):
    robot.start(NOVIC_TEST_DELAY="0.5")
    began = time.monotonic()
    for second in range(60, 70):
        robot.raw(picture("red"), second)
        time.sleep(0.02)
    sending = time.monotonic() - began  # a busy machine may take its time
    robot.answer("labels", 69)
    stamps = [m.header.stamp.sec for m in robot.heard["labels"]]
    assert stamps == sorted(stamps) and stamps[-1] == 69 and len(stamps) <= 3 + sending / 0.5
    assert len(stamps) < 10
    _, _, values = robot.status(lambda _l, _m, values: values["received"] == "10", "10 images")
    assert int(values["replaced by a newer frame"]) == 10 - len(stamps)
    assert int(values["processed"]) == len(stamps)
