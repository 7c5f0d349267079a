"""The command lines that the launch files make, run as real processes: arguments end where they should."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from rclpy.qos import QoSHistoryPolicy, QoSProfile, QoSReliabilityPolicy
from robot_harness import FAKE_NODE, REPOSITORY, jpeg, picture, wait_until
from sensor_msgs.msg import CompressedImage
from vision_msgs.msg import Classification

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "node"))  # for launch_standin
import launch_standin

LAUNCH = REPOSITORY / "launch"


@pytest.fixture
def launch(robot, monkeypatch):
    """Start the node as a launch file would, on the fake labeller."""
    monkeypatch.setitem(
        launch_standin.COMMANDS, ("novic_ros", "novic_node"), [sys.executable, str(FAKE_NODE)]
    )

    def start(file: str, **arguments: str):
        environment = arguments.pop("environment", {})
        given = {"namespace": "robot", "model": str(robot.tmp_path), **arguments}
        (command,) = launch_standin.command_lines(LAUNCH / file, robot.tmp_path, **given)
        return robot.run([*command, "-p", "diagnostics_period:=0.1"], **environment)

    return start


def test_launch_arguments_reach_the_node(robot, launch):
    node = launch("novic.launch.py", image_transport="compressed", image="/head/image_raw", detections="/yolo/boxes")
    robot.compressed(jpeg(picture("green")), 5, topic="/head/image_raw/compressed")
    assert robot.answer("classification", 5).results[0].class_id == "green"
    model, transport, device, crops = robot.get_parameters(
        ["model", "image_transport", "device", "crop.enabled"]
    )
    assert model.string_value == str(robot.tmp_path), "the launch argument wins over the parameter file"
    assert transport.string_value == "compressed"
    assert device.string_value == "cpu", "from config/novic_mini.yaml"
    assert crops.bool_value and robot.node.count_subscribers("/yolo/boxes") == 1
    assert node.stop() == 0


def test_cameras_launch_labels_each_camera_under_its_own_name(robot, launch):
    node = launch("cameras.launch.py", cameras="front,rear", image="/CAMERA_cam/image_raw")
    for seconds, (camera, colour) in enumerate((("front", "red"), ("rear", "blue")), start=1):
        said = robot.listen(Classification, f"{camera}/classification")
        topic = f"/{camera}_cam/image_raw/compressed"  # compressed: from config/four_cameras.yaml
        publisher = robot.camera(CompressedImage, topic)
        stamp = robot.node.get_clock().now().to_msg()  # its max_age refuses old ones
        message = CompressedImage(format="jpeg", data=jpeg(picture(colour)))
        message.header.frame_id = camera

        def labelled(publisher=publisher, message=message, said=said):
            message.header.stamp = robot.node.get_clock().now().to_msg()
            publisher.publish(message)
            return said

        wait_until(labelled, f"labels of the {camera} camera")
        assert said[0].header.frame_id == camera and said[0].header.stamp.sec >= stamp.sec
        assert said[0].results[0].class_id == colour
        assert seconds <= 2
    assert node.stop() == 0


def test_cameras_launch_without_arguments_takes_the_four_of_its_file(robot, launch):
    launch("cameras.launch.py")
    _, _, values = robot.status(lambda _l, _m, values: values["state"] == "active", "active")
    topics = [f"/robot/{name}/image/compressed" for name in ("front", "left", "rear", "right")]
    assert values["image topic"].split() == topics


def test_replay_launch_labels_every_frame_of_a_fast_recording(robot, launch):
    node = launch(
        "replay.launch.py", image="/camera/image_raw", image_transport="compressed", use_sim_time="false",
        environment={"NOVIC_TEST_DELAY": "0.02"},
    )  # fmt: skip
    player = QoSProfile(history=QoSHistoryPolicy.KEEP_ALL, reliability=QoSReliabilityPolicy.RELIABLE)
    camera = robot.camera(CompressedImage, "/camera/image_raw/compressed", player)
    data = jpeg(picture("red"))
    for number in range(1, 101):  # at once; the node waits for none of them and forgets none
        message = CompressedImage(format="jpeg", data=data)
        message.header.stamp.sec = number
        camera.publish(message)
    wait_until(lambda: len(robot.heard["labels"]) >= 100, "labels of every frame", 60.0)
    assert [m.header.stamp.sec for m in robot.heard["labels"]] == list(range(1, 101))
    _, _, values = robot.status(lambda _l, _m, values: values["processed"] == "100", "100 frames")
    assert (values["replaced by a newer frame"], values["dropped"]) == ("0", "0")
    assert node.stop() == 0


def test_replay_launch_goes_by_the_recordings_clock(robot, launch):
    launch("replay.launch.py")
    robot.status(lambda _l, _m, values: values["state"] == "active", "active")
    sim_time, policy, quality = robot.get_parameters(["use_sim_time", "frame_policy", "image_qos"])
    assert sim_time.bool_value and (policy.string_value, quality.string_value) == ("all", "reliable")
