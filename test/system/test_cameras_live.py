"""Several cameras, each in step with a real one: every frame is accounted for by its number, shares are fair, age does
not grow, and a camera that dies harms nobody else."""

from __future__ import annotations

import statistics

import pytest
from camera_process import colour_of
from robot_harness import Arrivals, wait_until
from vision_msgs.msg import Detection2DArray

CAMERAS = ("front", "rear", "left", "right")
COMPRESSED = ("-p", "image_transport:=compressed")


def topics(cameras) -> list[str]:
    return [f"{camera}/image/compressed" for camera in cameras]


def named(cameras) -> tuple[str, ...]:
    return ("-p", f"cameras:=[{', '.join(cameras)}]")


def number_of(message) -> int:
    """The frame's number, which its camera wrote into the frame id."""
    return int(message.header.frame_id.split()[1])


def check_labels(heard, sent, camera: int) -> list[int]:
    """Every message is about one frame that was sent, in order, once, with its header and its colour; the numbers."""
    stamps = {frame.number: frame.stamp for frame in sent}
    numbers = [number_of(message) for message in heard]
    assert numbers == sorted(set(numbers)), "out of order, or twice"
    for number, message in zip(numbers, heard):
        stamp = message.header.stamp
        assert stamp.sec * 10**9 + stamp.nanosec == stamps[number]
        assert message.detections[0].results[0].hypothesis.class_id == colour_of(camera, number)
    return numbers


@pytest.mark.parametrize("quality", ["reliable", "sensor_data"])
def test_four_cameras_faster_than_the_model(robot, quality):
    """Sent = processed + replaced + dropped + lost on the wire, for each camera, by its frames' numbers."""
    service, frames = 0.1, 120
    robot.start(*COMPRESSED, *named(CAMERAS), "-p", f"image_qos:={quality}", NOVIC_TEST_DELAY=str(service))
    heard = {
        name: robot.listen(Detection2DArray, f"{name}/labels", heard=Arrivals()) for name in CAMERAS
    }
    reliable = ["--reliable"] if quality == "reliable" else []
    cameras = robot.cameras(*topics(CAMERAS), "--count", str(frames), *reliable)
    cameras.go()
    cameras.wait_done()
    processed, ages = {}, []
    for index, name in enumerate(CAMERAS):
        counts = robot.counts(name)
        wait_until(lambda name=name, n=counts["processed"]: len(heard[name]) == n, f"the labels of {name}")
        sent = cameras.sent()[topics([name])[0]]
        numbers = check_labels([message for _, message in heard[name]], sent, index)
        assert [frame.number for frame in sent] == list(range(frames))
        lost = frames - counts["received"]
        assert counts["processed"] + counts["replaced"] + counts["dropped"] + lost == frames
        assert counts["dropped"] == 0
        assert frames - len(numbers) == counts["replaced"] + lost
        assert lost == 0 if quality == "reliable" else 0 <= lost <= frames // 10
        assert numbers[-1] == frames - 1 or lost, "the last frame is nobody's predecessor"
        processed[name] = len(numbers)
        left = {frame.number: frame.left for frame in sent}
        ages.append([(came - left[number_of(message)]) * 1e-9 for came, message in heard[name]])
    assert max(processed.values()) - min(processed.values()) <= 3, f"shares are not fair: {processed}"
    assert min(processed.values()) < frames // 2, "the model was not slower than the cameras"
    for camera in ages:
        third = len(camera) // 3
        assert statistics.median(camera[-third:]) < statistics.median(camera[:third]) + 0.05, "age grows"
        assert statistics.median(camera) < 2 * service + 1 / 30


def test_a_camera_is_killed_and_restarted_and_the_other_does_not_notice(robot):
    node = robot.start(*COMPRESSED, *named(["front", "rear"]), "-p", "no_image_warn_seconds:=1.0")
    heard = {name: robot.listen(Detection2DArray, f"{name}/labels") for name in ("front", "rear")}
    front = robot.cameras("front/image/compressed")
    rear = robot.cameras("rear/image/compressed")
    front.go()
    rear.go()
    wait_until(lambda: len(heard["front"]) > 20 and len(heard["rear"]) > 20, "labels of both cameras")
    silences = node.output.count("no image on /robot/front/")
    front.kill()
    sent = front.sent()["front/image/compressed"]
    _, message, _ = robot.status(lambda level, *_: level == b"\x01", "silence")
    assert message.startswith("no image on /robot/front/image/compressed for") and "rear" not in message
    before = len(heard["rear"])
    assert number_of(heard["front"][-1]) <= sent[-1].number, "a label that no frame stands for"
    said = len(heard["front"])
    wait_until(lambda: len(heard["rear"]) > before + 20, "labels of the camera that is left")
    assert len(heard["front"]) == said, "stale labels are repeated"
    again = robot.cameras("front/image/compressed", "--first", "100000")
    again.go()
    wait_until(lambda: len(heard["front"]) > said + 20, "labels of the camera that is back")
    robot.status(lambda level, _m, _v: level == b"\x00", "that all is well")
    assert node.output.count("no image on /robot/front/") == silences + 1, "logged once per silence"
    assert again.stop() == rear.stop() == 0
    check_labels(heard["front"][said:], again.sent()["front/image/compressed"], 0)
    check_labels(heard["rear"], rear.sent()["rear/image/compressed"], 0)
    assert "Traceback" not in node.output
    assert robot.counts("rear")["dropped"] == robot.counts("front")["dropped"] == 0


def test_two_instances_in_two_namespaces_under_load(robot):
    """Both at full rate on one machine: each answers for its own camera, and only for it."""
    spaces = ("/robot/a", "/robot/b")
    heard = [robot.listen(Detection2DArray, f"{space}/labels") for space in spaces]
    nodes = [robot.start(*COMPRESSED, namespace=space) for space in spaces]
    cameras = [robot.cameras("image/compressed", namespace=space) for space in spaces]
    for camera in cameras:
        camera.go()
    wait_until(lambda: min(map(len, heard)) > 60, "labels of both")
    assert [camera.stop() for camera in cameras] == [0, 0]
    for said, camera in zip(heard, cameras):
        check_labels(said, camera.sent()["image/compressed"], 0)
    assert [node.stop() for node in nodes] == [0, 0]


def test_frame_policy_all_labels_every_frame_in_order(robot):
    """A model that is slower than the camera: with back-pressure nothing is replaced, whatever it costs in age."""
    frames = 60
    every = ("-p", "frame_policy:=all", "-p", "queue_size:=3", "-p", "image_qos:=reliable")
    robot.start(*COMPRESSED, *every, NOVIC_TEST_DELAY="0.06")
    camera = robot.cameras("image/compressed", "--reliable", "--count", str(frames))
    camera.go()
    camera.wait_done()
    wait_until(lambda: len(robot.heard["labels"]) >= frames, "labels of every frame")
    numbers = check_labels(robot.heard["labels"], camera.sent()["image/compressed"], 0)
    assert numbers == list(range(frames))
    assert robot.counts() == {"received": frames, "processed": frames, "replaced": 0, "dropped": 0}
