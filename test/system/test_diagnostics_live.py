"""What /diagnostics says about a running node, and what it says when no image comes."""

from __future__ import annotations

import time

import pytest
from rclpy.qos import QoSDurabilityPolicy, QoSProfile, QoSReliabilityPolicy
from robot_harness import jpeg, picture, wait_until
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Classification, Detection2DArray


def test_rates_ages_latencies_and_memory(robot):
    robot.start("-p", "image_transport:=compressed", NOVIC_TEST_DELAY="0.02")
    data = jpeg(picture("red"))
    for _ in range(10):
        stamp = robot.node.get_clock().now().to_msg()
        message = CompressedImage(format="jpeg", data=data)
        message.header.stamp = stamp
        robot.camera(CompressedImage, "image/compressed").publish(message)
        wait_until(lambda stamp=stamp: any(m.header.stamp == stamp for m in robot.heard["labels"]), "labels")
    level, message, values = robot.status(lambda _l, _m, values: values["processed"] == "10", "10 frames")
    assert level == b"\x00" and message.startswith("labelling at ")
    assert values["state"] == "active" and values["model"] == "fake"
    assert values["image topic"] == "/robot/image/compressed" and values["image publishers"] == "1"
    assert (
        values["received"] == "10" and values["dropped"] == "0" and values["replaced by a newer frame"] == "0"
    )
    assert 0.5 < float(values["input rate (Hz)"]) <= 10.0
    for stage in ("wait", "convert", "preprocess", "embed", "decode", "publish", "total"):
        p50, p95, p99 = (float(values[f"{stage} p{p} (ms)"]) for p in (50, 95, 99))
        assert 0.0 <= p50 <= p95 <= p99
    assert float(values["embed p50 (ms)"]) == 2.0
    assert 20.0 < float(values["total p50 (ms)"]) < 1000.0
    assert 20.0 < float(values["frame age p50 (ms)"]) < 2000.0
    assert 20.0 < float(values["memory (MB)"]) < 2000.0
    (status,) = robot.heard["diagnostics"][-1].status
    assert status.name == "robot/novic: labels" and status.hardware_id == "/robot/image/compressed"


def test_no_image_is_a_warning_that_names_the_reason_and_ends_with_the_next_image(robot):
    node = robot.start("-p", "no_image_warn_seconds:=0.3")
    level, message, _ = robot.status(
        lambda _l, m, _v: m.startswith("no image on /robot/image for "), "silence"
    )
    assert level == b"\x01" and message.endswith(
        "nobody publishes there: check the camera and the remapping of image"
    )
    other = robot.node.create_publisher(CompressedImage, "image/compressed", 1)
    robot.status(lambda _l, m, _v: "set image_transport to compressed" in m, "where the images are")
    robot.node.destroy_publisher(other)
    camera = robot.camera(Image, "image")
    robot.status(lambda _l, m, _v: "1 publisher(s), none heard" in m, "that the camera is silent")
    assert camera.get_subscription_count() == 1
    robot.raw(picture("red"), 1)
    robot.status(lambda level, _m, values: level == b"\x00" and values["received"] == "1", "that all is well")
    assert node.output.count("no image on /robot/image") == 1, "logged once per silence"
    time.sleep(0.6)
    assert node.output.count("no image on /robot/image") == 2


@pytest.mark.parametrize("choice", ["parameter", "override"])
def test_a_publisher_that_does_not_fit_is_logged_with_both_profiles_and_named(robot, choice):
    asked = {
        "parameter": ["image_qos:=reliable"],
        "override": ["qos_overrides./robot/image.subscription.reliability:=reliable"],
    }[choice]
    node = robot.start("-p", asked[0], "-p", "no_image_warn_seconds:=0.3")
    best_effort = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
    robot.node.create_publisher(Image, "image", best_effort)
    wait_until(lambda: "offers incompatible QoS (RELIABILITY)" in node.output, "the QoS warning")
    line = next(line for line in node.output.splitlines() if "incompatible QoS" in line)
    assert "a publisher on /robot/image offers incompatible QoS" in line
    assert "this node asks for reliable, volatile, depth 5; offered by " in line
    robot.status(lambda _l, m, _v: "best effort and this node asks for reliable" in m, "the QoS mismatch")


def test_a_subscriber_that_does_not_fit_is_logged_with_both_profiles(robot):
    node = robot.start()
    robot.status(lambda _l, _m, values: values["state"] == "active", "active")
    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    robot.listen(Detection2DArray, "labels", latched, key="latched labels")
    wait_until(lambda: "asks for incompatible QoS (DURABILITY)" in node.output, "the QoS warning")
    line = next(line for line in node.output.splitlines() if "incompatible QoS" in line)
    assert "a subscriber on /robot/labels asks for incompatible QoS" in line
    assert "this node offers reliable, volatile, depth 10; asked for by " in line
    sent = robot.raw(picture("red"), 1)
    assert robot.answer("labels", 1).header == sent.header, "those that fit hear everything"
    assert robot.heard["latched labels"] == []


def test_cameras_are_counted_one_by_one_and_the_silent_one_is_named(robot):
    node = robot.start(
        "-p", "cameras:=[front, rear]", "-p", "image_transport:=compressed", "-p", "no_image_warn_seconds:=1.0",
        NOVIC_TEST_DELAY="0.05",
    )  # fmt: skip
    said = robot.listen(Classification, "front/classification")
    front = robot.camera(CompressedImage, "front/image/compressed")
    message = CompressedImage(format="jpeg", data=jpeg(picture("red")))
    broken = CompressedImage(format="jpeg", data=b"\xff\xd8 not much of a picture")
    for number in range(30):
        front.publish(broken if number == 9 else message)
        if number < 9:  # later ones come faster than the model and replace each other
            wait_until(lambda number=number: len(said) > number, "labels")
    level, text, values = robot.status(
        lambda _l, m, values: "/robot/rear/" in m and values["front: inside"] == "0" and len(said) >= 10,
        "that the rear camera is silent and all frames of the front one are done",
    )
    assert level == b"\x01" and text.startswith("no image on /robot/rear/image/compressed for ")
    counted = {key: int(values[f"front: {key}"]) for key in ("received", "processed", "dropped")}
    replaced = int(values["front: replaced by a newer frame"])
    wait_until(lambda: len(said) == counted["processed"], "the last labels to arrive here")
    assert counted["processed"] + replaced + counted["dropped"] == counted["received"] <= 30
    assert counted["received"] > 10, "the burst at the end may lose some on the way, but not all"
    assert (values["rear: received"], values["rear: image publishers"]) == ("0", "0")
    assert values["received"] == values["front: received"] and values["image publishers"] == "1"
    assert float(values["front: input rate (Hz)"]) > 0.0 == float(values["rear: input rate (Hz)"])
    assert node.output.count("no image on /robot/rear/image/compressed") == 1, "logged once per silence"
    assert values["vocabulary version"] == "1"


def test_zero_stamp_is_warned_about_once_and_copied(robot):
    node = robot.start()
    for frame, colour in (("one", "red"), ("two", "blue")):
        message = robot.image_message(picture(colour))
        message.header.frame_id = frame
        robot.camera(Image, "image").publish(message)
        wait_until(
            lambda frame=frame: any(m.header.frame_id == frame for m in robot.heard["labels"]), "labels"
        )
    assert {m.header.stamp.sec for m in robot.heard["labels"]} == {0}
    assert node.output.count("zero stamp") == 1
    _, _, values = robot.status(lambda _l, _m, values: values["processed"] == "2", "2 frames")
    assert not any(key.startswith("frame age") for key in values)


def test_two_nodes_in_two_namespaces(robot):
    robot.start("-p", "image_transport:=compressed")
    robot.start("-p", "image_transport:=compressed", namespace="/robot/rear")
    robot.compressed(jpeg(picture("red")), 1)
    robot.answer("labels", 1)
    robot.status(
        lambda _l, _m, values: values["image topic"] == "/robot/rear/image/compressed", "the second node"
    )
    names = {status.name for array in robot.heard["diagnostics"] for status in array.status}
    assert names == {"robot/novic: labels", "robot/rear/novic: labels"}
    assert [m.header.stamp.sec for m in robot.heard["labels"]] == [1], (
        "the rear node must not answer for the front"
    )
