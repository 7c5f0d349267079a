"""The camera that plays a bag: what it refuses. What it plays is seen in test/cli/test_demo.py."""

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2")
pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

from novic_ros.cli.demo_bag import write_bag
from novic_ros.cli.ros_process import ros_environment

PHOTO = Path(__file__).resolve().parents[2] / "demo_photos" / "cat.jpg"


def play(tmp_path, *arguments):
    command = [sys.executable, "-m", "novic_ros.node.bag_player", *map(str, arguments)]
    environment = ros_environment(101, tmp_path / "log")
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("content", [None, {}, {"metadata.yaml": "hello"}])
def test_what_is_not_a_bag_gives_one_line_and_2(tmp_path, content):
    bag = tmp_path / "bag"
    if content is not None:
        bag.mkdir()
        for name, text in content.items():
            (bag / name).write_text(text)
    done = play(tmp_path, bag)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert str(bag) in done.stderr


def test_a_topic_that_is_not_in_the_bag_is_named_with_those_that_are(tmp_path):
    write_bag([PHOTO], tmp_path / "bag")
    done = play(tmp_path, tmp_path / "bag", "--topic", "/other")
    assert done.returncode == 2
    assert "no image topic /other" in done.stderr
    assert "/camera/image/compressed" in done.stderr


def test_nothing_is_sent_while_nobody_listens(tmp_path):
    write_bag([PHOTO], tmp_path / "bag")
    done = play(tmp_path, tmp_path / "bag", "--wait", "0.5")
    assert done.returncode == 1
    assert done.stdout == '{"event": "waiting", "topic": "/camera/image/compressed"}\n'
    assert done.stderr == "bag_player: nobody subscribed to /camera/image/compressed within 0.5 s\n"


def test_a_senseless_rate_is_wrong_usage(tmp_path):
    done = play(tmp_path, tmp_path, "--rate", "0")
    assert done.returncode == 2
    assert "--rate must be above 0" in done.stderr
