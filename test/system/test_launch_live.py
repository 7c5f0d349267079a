"""The command line that the launch file makes, run as a real process: arguments end where they should."""

from __future__ import annotations

import sys
from pathlib import Path

from robot_harness import FAKE_NODE, REPOSITORY, jpeg, picture

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "node"))  # for launch_standin
import launch_standin


def test_launch_arguments_reach_the_node(robot, monkeypatch):
    monkeypatch.setitem(
        launch_standin.COMMANDS, ("novic_ros", "novic_node"), [sys.executable, str(FAKE_NODE)]
    )
    (command,) = launch_standin.command_lines(
        REPOSITORY / "launch" / "novic.launch.py",
        robot.tmp_path,
        namespace="robot",
        model=str(robot.tmp_path),
        image_transport="compressed",
        image="/head/image_raw",
    )
    node = robot.run(command)
    robot.compressed(jpeg(picture("green")), 5, topic="/head/image_raw/compressed")
    assert robot.answer("classification", 5).results[0].class_id == "green"
    model, transport, device = robot.get_parameters(["model", "image_transport", "device"])
    assert model.string_value == str(robot.tmp_path), "the launch argument wins over the parameter file"
    assert transport.string_value == "compressed"
    assert device.string_value == "cpu", "from config/novic_mini.yaml"
    assert node.stop() == 0
