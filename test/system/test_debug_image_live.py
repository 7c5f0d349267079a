"""The debug image of a running node: only while somebody looks, with the frame's header, and never in the way."""

from __future__ import annotations

import time

import numpy as np
from robot_harness import jpeg, picture, wait_until
from sensor_msgs.msg import CompressedImage, Image


def test_drawn_only_while_somebody_subscribes(robot):
    robot.start("-p", "image_transport:=compressed")
    robot.compressed(jpeg(picture("red", 480, 640)), 1)
    robot.answer("labels", 1)
    heard = robot.listen(Image, "debug_image", 1)
    wait_until(lambda: robot.node.count_publishers("/robot/debug_image"), "the debug image's publisher")
    sent = wait_until(lambda: offered(robot, heard), "a debug image")
    (shown,) = (m for m in heard if m.header == sent.header)
    assert (shown.height, shown.width, shown.encoding, shown.step) == (480, 640, "rgb8", 1920)
    pixels = np.frombuffer(shown.data, np.uint8).reshape(480, 640, 3)
    red = np.abs(pixels.astype(int) - (230, 20, 10)).max(axis=2) < 12
    assert red[:200].all(), "the frame itself"
    assert not red[300:, :300].all(), "the panel with its label"
    assert all(m.header.stamp.sec > 1 for m in heard), "nothing was drawn before somebody looked"


def offered(robot, heard):
    """Send one more frame; it, or an earlier one, once its picture has come."""
    robot.seconds = getattr(robot, "seconds", 1) + 1
    sent = robot.compressed(jpeg(picture("red", 480, 640)), robot.seconds)
    robot.answer("labels", robot.seconds)
    deadline = time.monotonic() + 0.5  # discovery may not have told the node of the new subscriber yet
    while time.monotonic() < deadline:
        if any(m.header == sent.header for m in heard):
            return sent
        time.sleep(0.01)
    return None


def test_each_camera_has_its_own_and_small_frames_are_enlarged(robot):
    robot.start("-p", "cameras:=[front, rear]", "-p", "image_transport:=compressed")
    front, rear = (robot.listen(Image, f"{name}/debug_image", 1) for name in ("front", "rear"))
    camera = robot.camera(CompressedImage, "rear/image/compressed")
    message = CompressedImage(format="jpeg", data=jpeg(picture("green", 120, 160)))

    def shown():
        camera.publish(message)
        return rear

    wait_until(shown, "the rear camera's debug image")
    assert (rear[0].height, rear[0].width) == (360, 480)
    assert front == []


def test_it_ends_with_deactivation_and_comes_back(robot):
    node = robot.start()
    heard = robot.listen(Image, "debug_image", 1)

    def shown(seconds):
        robot.raw(picture("blue"), seconds)
        robot.answer("labels", seconds)
        return heard

    wait_until(lambda: shown(5), "a debug image")
    assert robot.change_state("deactivate") and robot.change_state("cleanup")
    wait_until(lambda: not robot.node.count_publishers("/robot/debug_image"), "the publisher to go")
    heard.clear()
    assert robot.change_state("configure") and robot.change_state("activate")
    wait_until(lambda: shown(6), "a debug image after another configure")
    assert node.stop() == 0
