"""SIGINT and SIGTERM at every moment: exit code 0, no traceback, threads joined. And wrong starts: exit code 2."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest
from robot_harness import picture, wait_until
from std_srvs.srv import Trigger

MODULE = [sys.executable, "-m", "novic_ros.node"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("moment", ["idle", "labelling", "loading", "unconfigured", "holding frames back"])
def test_signal_ends_the_node_with_exit_code_0(robot, number, moment):
    delays = {
        "labelling": {"NOVIC_TEST_DELAY": "0.7"},
        "holding frames back": {"NOVIC_TEST_DELAY": "0.7"},
        "loading": {"NOVIC_TEST_LOAD": "1.5"},
    }.get(moment, {})
    arguments = {
        "unconfigured": ("-p", "autostart:=false"),
        "holding frames back": ("-p", "frame_policy:=all", "-p", "queue_size:=1"),
    }.get(moment, ())
    node = robot.start(*arguments, **delays)
    said = {"loading": "loading model", "unconfigured": "autostart is off"}.get(
        moment, "labelling /robot/image"
    )
    wait_until(lambda: said in node.output, said)
    if "NOVIC_TEST_DELAY" in delays:
        for second in range(1, 6):
            robot.raw(picture("red"), second)
            time.sleep(0.02)
    assert node.stop(number) == 0
    for word in ("Traceback", "Exception", "Error", "rror:", "fatal"):
        assert word not in node.output, node.output


def test_signal_while_a_vocabulary_is_compiled_and_somebody_waits_for_it(robot):
    node = robot.start(NOVIC_TEST_COMPILE="1.0")
    wait_until(lambda: "labelling /robot/image" in node.output, "the node to come up")
    client = robot.node.create_client(Trigger, "/robot/novic/reload_vocabulary")
    assert client.wait_for_service(20.0)
    client.call_async(Trigger.Request())
    assert robot.set_parameter("vocabulary.deny", ["red"]) == (True, "")  # answered while the first is compiled
    assert node.stop() == 0
    for word in ("Traceback", "Exception", "rror:", "fatal"):
        assert word not in node.output, node.output


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--ros-args", "-p", "top_k:=0"], "top_k"),
        (["--ros-args", "-p", "min_score:=1"], "min_score: expected type double"),
        (
            ["--ros-args", "-p", "image_transport:=theora"],
            "image_transport: expected one of raw, compressed, got 'theora'",
        ),
        (["--ros-args", "-p", "model:="], "model"),
        (["nonsense"], "expected ROS arguments after --ros-args, got nonsense"),
    ],
    ids=["range", "type", "choice", "empty", "argument"],
)
def test_wrong_start_is_one_line_and_exit_code_2(robot, arguments, expected):
    done = subprocess.run(
        [*MODULE, *arguments], env=robot.environment(), capture_output=True, text=True, timeout=30
    )
    assert done.returncode == 2, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("novic_node: ") and expected in line


def blocked(folder, module: str) -> str:
    """A folder that, early on the path, makes `import module` fail as if it were not installed."""
    (folder / f"{module}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{module}'\", name='{module}')\n", encoding="utf-8"
    )
    return str(folder)


def test_without_ros_help_works_and_a_start_says_what_is_missing(robot):
    path = f"{blocked(robot.tmp_path, 'rclpy')}:{robot.environment()['PYTHONPATH']}"
    environment = robot.environment(PYTHONPATH=path)
    shown = subprocess.run([*MODULE, "--help"], env=environment, capture_output=True, text=True, timeout=30)
    assert shown.returncode == 0 and shown.stderr == ""
    assert "lifecycle node" in shown.stdout and "image_transport" in shown.stdout
    started = subprocess.run(MODULE, env=environment, capture_output=True, text=True, timeout=30)
    assert started.returncode == 2
    (line,) = started.stderr.strip().splitlines()
    assert "'rclpy' is missing" in line


def test_without_torch_the_node_lives_and_names_the_pip_command(robot):
    path = f"{blocked(robot.tmp_path, 'torch')}:{robot.environment()['PYTHONPATH']}"
    node = robot.start(command=MODULE, PYTHONPATH=path)
    _, message, _ = robot.status(lambda level, _m, _v: level == b"\x02", "that the model cannot be loaded")
    assert "'torch' is missing" in message and "pip install -r requirements.txt" in message
    assert "\n" not in message
    assert robot.state() == "unconfigured"
    assert node.stop() == 0
