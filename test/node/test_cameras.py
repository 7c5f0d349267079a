"""Which cameras there are, and with what QoS they are heard. What a camera does is tested over DDS, in test/system."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("vision_msgs.msg", reason="needs the vision_msgs package")

from rclpy.qos import QoSHistoryPolicy, QoSReliabilityPolicy

from novic_ros.node.cameras import camera_names, image_profile
from novic_ros.node.parameters import PARAMETERS, Settings

DEFAULTS = Settings(*(parameter.default for parameter in PARAMETERS.values()))


@pytest.mark.parametrize(
    ("cameras", "names"), [(("",), ("",)), ((), ("",)), (("front", "rear"), ("front", "rear")), (("", "a"), ("a",))]
)
def test_names(cameras, names):
    assert camera_names(DEFAULTS._replace(cameras=cameras)) == names


@pytest.mark.parametrize(
    ("image_qos", "reliability"),
    [("sensor_data", QoSReliabilityPolicy.BEST_EFFORT), ("reliable", QoSReliabilityPolicy.RELIABLE)],
)
def test_the_middleware_drops_nothing_where_all_frames_are_wanted(image_qos, reliability):
    latest = image_profile(DEFAULTS._replace(image_qos=image_qos))
    assert (latest.reliability, latest.history) == (reliability, QoSHistoryPolicy.KEEP_LAST)
    every = image_profile(DEFAULTS._replace(image_qos=image_qos, frame_policy="all"))
    assert (every.reliability, every.history) == (reliability, QoSHistoryPolicy.KEEP_ALL)
