"""The table of docs/reliability.md, fault by fault: the node lives, says so, counts it, and labels the next good frame.

What a detector can do wrong is in test_detections_live.py, what a vocabulary file can in test_vocabulary_live.py.
"""

from __future__ import annotations

import shutil
import sys
import time

import cv2
import numpy as np
import pytest
from bad_frames import BAD_COMPRESSED, BAD_RAW, compressed
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from robot_harness import REPOSITORY, Robot, jpeg, picture, system_environment, wait_until
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray

MODEL = REPOSITORY / "models" / "novic_mini"


def running(tmp_path_factory, transport: str):
    """A robot with a node that listens to one transport, for all faults of it."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp(transport)
        system_environment(patch, folder)
        robot = Robot(folder)
        robot.start("-p", f"image_transport:={transport}")
        yield robot
        robot.close()


@pytest.fixture(scope="module")
def raw_robot(tmp_path_factory):
    yield from running(tmp_path_factory, "raw")


@pytest.fixture(scope="module")
def compressed_robot(tmp_path_factory):
    yield from running(tmp_path_factory, "compressed")


def send(robot, message) -> None:
    """Publish one message on the topic of its kind, stamped with the number of frames so far."""
    message.header.stamp.sec = 100 + len(robot.heard["labels"])
    topic = "image" if isinstance(message, Image) else "image/compressed"
    robot.camera(type(message), topic).publish(message)


def labels_a_good_frame(robot, kind: type, second: int) -> None:
    """One good frame is answered with its colour."""
    if kind is Image:
        robot.raw(picture("blue"), second)
    else:
        robot.compressed(jpeg(picture("blue")), second)
    assert robot.answer("classification", second).results[0].class_id == "blue"


def survives(robot, message, cause: str, words: str) -> None:
    """A bad message is dropped for `cause` with a reason that has `words` in it, and the next good one is labelled."""
    kind, second = type(message), 1_000 + len(robot.heard["classification"])
    labels_a_good_frame(robot, kind, second)
    _, _, before = robot.status(lambda _l, _m, values: values["inside"] == "0", "that all is done")
    heard = len(robot.heard["labels"])
    send(robot, message)
    dropped = str(int(before.get(f"dropped: {cause}", "0")) + 1)
    level, said, values = robot.status(
        lambda _l, _m, values: values.get(f"dropped: {cause}") == dropped, f"a frame dropped for {cause}"
    )
    assert level == b"\x01" and words in values["last error"] and words in said
    assert len(robot.heard["labels"]) == heard, "something was said about a frame that is none"
    labels_a_good_frame(robot, kind, second + 1)
    (node,) = robot.nodes
    assert node.process.poll() is None and "Traceback" not in node.output


RAW_WORDS = {
    "zero-size image": "no pixels",
    "wrong step": "step",
    "step of zero": "step",
    "short data": "bytes",
    "no data": "bytes",
    "unknown encoding": "x-rays",
    "depth image": "16UC1",
    "claims 4 thousand million pixels": "65536x65536",
}
COMPRESSED_WORDS = {
    "truncated JPEG": "cut short",
    "empty": "empty",
    "no picture at all": "hello",
    "claims 400 megapixels": "damaged",
    "claims no pixels": "damaged",
}


@pytest.mark.parametrize("kind", BAD_RAW)
def test_bad_raw_image(raw_robot, kind):
    survives(raw_robot, BAD_RAW[kind](), "image", RAW_WORDS[kind])


@pytest.mark.parametrize("kind", BAD_COMPRESSED)
def test_bad_compressed_image(compressed_robot, kind):
    survives(compressed_robot, BAD_COMPRESSED[kind](), "image", COMPRESSED_WORDS[kind])


def test_a_true_jpeg_of_100_megapixels_is_refused_unread(compressed_robot):
    grey = cv2.imencode(".jpg", np.full((10_000, 10_000), 127, np.uint8))[1].tobytes()
    survives(compressed_robot, compressed(grey), "image", "10000x10000")
    (node,) = compressed_robot.nodes
    assert node.memory_mb() < 500, "its pixels were unpacked"


def test_one_pixel_is_a_picture(raw_robot, compressed_robot):
    raw_robot.raw(picture("green", 1, 1), 500)
    assert raw_robot.answer("classification", 500).results[0].class_id == "green"
    compressed_robot.compressed(jpeg(picture("green", 1, 1)), 500)
    assert compressed_robot.answer("classification", 500).results[0].class_id == "green"


def test_model_raising(raw_robot):
    survives(raw_robot, raw_robot.image_message(picture("white")), "labeller", "cannot bear white")


def test_a_flood_of_bad_frames_is_logged_once(compressed_robot):
    """Fifty bad frames one after another: all counted, and a line at most every five seconds."""
    (node,) = compressed_robot.nodes
    _, _, values = compressed_robot.status(lambda *_: True, "anything")
    before, lines = int(values.get("dropped: image", "0")), node.output.count("frame dropped")
    began = time.monotonic()
    for number in range(1, 51):
        send(compressed_robot, compressed(b"not a picture"))
        if number % 5 == 0:  # a mailbox has one place, and each is to be tried
            compressed_robot.status(lambda _l, _m, v: v["inside"] == "0", "that they are done")
    _, _, values = compressed_robot.status(lambda _l, _m, v: v["inside"] == "0", "that all are done")
    assert int(values["dropped: image"]) - before > 25
    said = node.output.count("frame dropped") - lines
    assert said <= 1 + (time.monotonic() - began) / 5, f"{said} lines"
    labels_a_good_frame(compressed_robot, CompressedImage, 900)
    assert "more since the last such line" in node.output


def test_model_raising_in_the_middle_of_a_batch(robot):
    """Three cameras share a batch, one shows what the model cannot bear: the other two are labelled."""
    names = ("front", "rear", "left")
    robot.start("-p", f"cameras:=[{', '.join(names)}]", NOVIC_TEST_DELAY="0.3")
    heard = {name: robot.listen(Detection2DArray, f"{name}/labels") for name in names}
    cameras = {name: robot.node.create_publisher(Image, f"{name}/image", 10) for name in names}
    for name, camera in cameras.items():
        wait_until(lambda c=camera: c.get_subscription_count(), "the node", 60.0)
        robot.status(lambda _l, _m, v, n=name: v[f"{n}: image publishers"] == "1", f"{name} found")

    def tick(second: int, colours: tuple[str, ...]) -> None:
        for (name, camera), colour in zip(cameras.items(), colours):
            message = robot.image_message(picture(colour))
            message.header.stamp.sec, message.header.frame_id = second, name
            camera.publish(message)

    tick(1, ("red", "red", "red"))  # while this is in work, the next three wait together
    wait_until(lambda: any(heard.values()), "the first labels")
    tick(2, ("green", "white", "blue"))
    for name, colour in (("front", "green"), ("left", "blue")):
        wait_until(lambda n=name: any(m.header.stamp.sec == 2 for m in heard[n]), f"labels of {name}")
        (message,) = [m for m in heard[name] if m.header.stamp.sec == 2]
        assert message.detections[0].results[0].hypothesis.class_id == colour
    robot.status(lambda _l, _m, v: v.get("rear: dropped: labeller") == "1", "the white frame dropped")
    assert not any(m.header.stamp.sec == 2 for m in heard["rear"])
    tick(3, ("red", "green", "blue"))
    wait_until(lambda: any(m.header.stamp.sec == 3 for m in heard["rear"]), "the next good frame")
    assert robot.counts("front")["dropped"] == robot.counts("left")["dropped"] == 0


def test_subscriber_with_incompatible_qos(robot):
    """It is named in the log with both profiles, once, and everybody else hears on."""
    node = robot.start()
    robot.raw(picture("red"), 1)
    robot.answer("labels", 1)
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    deaf: list = []
    robot.node.create_subscription(Detection2DArray, "labels", deaf.append, latched)
    wait_until(lambda: "asks for incompatible QoS (DURABILITY)" in node.output, "the QoS warning")
    line = next(line for line in node.output.splitlines() if "incompatible QoS" in line)
    assert "/robot/labels" in line and "volatile" in line and "transient local" in line
    robot.raw(picture("blue"), 2)
    assert robot.answer("classification", 2).results[0].class_id == "blue"
    assert deaf == [] and node.output.count("asks for incompatible QoS") == 1


def test_publisher_with_incompatible_qos_beside_a_good_one(robot):
    node = robot.start("-p", "image_qos:=reliable")
    best_effort = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    robot.node.create_publisher(Image, "image", best_effort)
    wait_until(lambda: "offers incompatible QoS (RELIABILITY)" in node.output, "the QoS warning")
    line = next(line for line in node.output.splitlines() if "incompatible QoS" in line)
    assert "/robot/image" in line and "asks for reliable" in line and "best effort" in line
    good = robot.node.create_publisher(Image, "image", 10)
    wait_until(lambda: good.get_subscription_count(), "the node")
    robot.status(lambda _l, _m, values: values["image publishers"] == "2", "both publishers found")
    message = robot.image_message(picture("green"))
    message.header.stamp.sec = 3
    good.publish(message)
    assert robot.answer("classification", 3).results[0].class_id == "green"


@pytest.mark.slow
def test_missing_weights(robot):
    """The real loader: configure fails and says in which folder, the node lives, and whole weights mend it."""
    folder, kept = robot.tmp_path / "model", robot.tmp_path / "kept"
    shutil.copytree(MODEL, folder)
    kept.mkdir()
    weights = ("decoder.safetensors", "open_clip_model.safetensors")
    (folder / weights[0]).rename(kept / weights[0])
    node = robot.start(
        "-p", f"model:={folder}", "-p", "device:=cpu", command=[sys.executable, "-m", "novic_ros.node"],
        OMP_NUM_THREADS="1",
    )  # fmt: skip
    wait_until(lambda: "configure failed" in node.output, "the failed configure", 120.0)
    _, message, _ = robot.status(lambda level, *_: level == b"\x02", "an error")
    assert str(folder) in message and weights[0] in message
    (kept / weights[0]).rename(folder / weights[0])
    (folder / weights[1]).rename(kept / weights[1])
    assert not robot.change_state("configure")
    _, message, _ = robot.status(lambda level, *_: level == b"\x02", "another error")
    assert str(folder) in message and "open_clip" in message
    (kept / weights[1]).rename(folder / weights[1])
    assert robot.change_state("configure") and robot.change_state("activate")
    robot.raw(picture("red", 480, 640), 1)
    assert robot.answer("labels", 1, 60.0).detections
    assert node.stop() == 0 and "Traceback" not in node.output
