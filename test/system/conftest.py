"""System tests: real processes over real DDS, each test in its own domain. Skipped where ROS is not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for robot_harness, which the tests of this folder share


@pytest.fixture
def robot(tmp_path, monkeypatch):
    """A fresh domain with a camera, a listener and a remote control; no node started yet."""
    from robot_harness import Robot, system_environment

    system_environment(monkeypatch, tmp_path)
    robot = Robot(tmp_path)
    yield robot
    robot.close()
