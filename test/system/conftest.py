"""System tests: real processes over real DDS, each test in its own domain. Skipped where ROS is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for robot_harness, which the tests of this folder share


RERUNS = 2  # these tests hold real processes to real times, which a machine that is busy with others cannot always keep


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let a test of this folder that failed try again; the summary counts every such try as a rerun."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=RERUNS))


@pytest.fixture
def robot(tmp_path, monkeypatch):
    """A fresh domain with a camera, a listener and a remote control; no node started yet."""
    from robot_harness import Robot, system_environment

    system_environment(monkeypatch, tmp_path)
    robot = Robot(tmp_path)
    yield robot
    robot.close()
