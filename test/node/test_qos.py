"""Profiles, topic names, and the sentences about QoS that does not fit; the events come from a real middleware."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("sensor_msgs.msg", reason="needs ROS 2 messages")

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import (
    QoSCompatibility,
    QoSDurabilityPolicy,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_check_compatible,
    qos_profile_sensor_data,
)
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String

from novic_ros.node import qos

BEST_EFFORT = QoSProfile(depth=1, reliability=QoSReliabilityPolicy.BEST_EFFORT)
RELIABLE = QoSProfile(depth=7)
LATCHED = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)


@pytest.mark.parametrize("every_frame", [False, True])
@pytest.mark.parametrize(
    ("name", "reliability"),
    [("sensor_data", QoSReliabilityPolicy.BEST_EFFORT), ("reliable", QoSReliabilityPolicy.RELIABLE)],
)
def test_image_profiles(name, reliability, every_frame):
    profile = qos.image_profile(name, every_frame)
    assert profile.reliability == reliability
    assert profile.history == (QoSHistoryPolicy.KEEP_ALL if every_frame else QoSHistoryPolicy.KEEP_LAST)
    assert profile.depth == qos_profile_sensor_data.depth


def test_an_unknown_profile_is_refused():
    with pytest.raises(ValueError, match="expected image_qos 'sensor_data' or 'reliable', got 'fast'"):
        qos.image_profile("fast")


@pytest.mark.parametrize(
    ("camera", "transport", "remapped", "topic"),
    [
        ("", "raw", {}, "/robot/image"),
        ("", "compressed", {}, "/robot/image/compressed"),
        ("front", "raw", {}, "/robot/front/image"),
        ("front", "compressed", {}, "/robot/front/image/compressed"),
        ("/head/left/", "raw", {}, "/head/left/image"),
        ("", "compressed", {"image": "/cam/image_raw"}, "/cam/image_raw/compressed"),
        ("", "compressed", {"image": "/cam/image_raw/compressed"}, "/cam/image_raw/compressed"),
        ("rear", "raw", {"rear/image": "/usb/image_raw"}, "/usb/image_raw"),
    ],
)
def test_image_topics(camera, transport, remapped, topic):
    def resolve(name: str) -> str:
        name = remapped.get(name, name)
        return name if name.startswith("/") else f"/robot/{name}"

    node = SimpleNamespace(resolve_topic_name=resolve)
    assert qos.image_topic(node, camera, transport) == topic


def test_a_profile_in_words():
    assert qos.describe(qos.image_profile("sensor_data")) == "best effort, volatile, depth 5"
    assert qos.describe(qos.image_profile("reliable", every_frame=True)) == "reliable, volatile, keep all"
    assert qos.describe(LATCHED) == "reliable, transient local, depth 1"
    strict = QoSProfile(depth=2, deadline=Duration(seconds=0.5), liveliness_lease_duration=Duration(seconds=3))
    assert qos.describe(strict) == (
        "reliable, volatile, depth 2, deadline 0.5 s, liveliness lease duration 3 s"
    )


def test_the_manuals_table_of_what_fits(root):
    """docs/troubleshooting.md says which two ends of a topic talk; the middleware's own rule must agree."""
    text = (root / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in row.split("|")[1:4]] for row in text.splitlines() if row.startswith("| ")]
    rows = [row for row in rows if row[2] in ("fits", "**nothing arrives**")]
    assert len(rows) == 5
    ends = {
        "best effort": BEST_EFFORT,
        "reliable": RELIABLE,
        "volatile": QoSProfile(depth=1),
        "transient local": LATCHED,
    }
    for publisher, subscriber, outcome in rows:
        compatible = qos_check_compatible(ends[publisher], ends[subscriber])[0] != QoSCompatibility.ERROR
        assert compatible == (outcome == "fits")


@pytest.fixture
def nodes(monkeypatch):
    """A node under test, whose log lines are kept in `.lines`, another node, and a function that spins both."""
    monkeypatch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=random.SystemRandom().randrange(10, 100))
    ours = LifecycleNode("novic", namespace="/robot", context=context)
    other = rclpy.create_node("rviz", namespace="/desk", context=context)
    lines: list[str] = []
    monkeypatch.setattr(ours, "get_logger", lambda: SimpleNamespace(warning=lines.append), raising=False)
    executor = SingleThreadedExecutor(context=context)
    executor.add_node(ours)
    executor.add_node(other)

    def spin_until(condition):
        for _ in range(2000):
            if condition():
                return
            executor.spin_once(timeout_sec=0.01)
        raise AssertionError(f"waited in vain; logged so far: {lines}")

    yield SimpleNamespace(ours=ours, other=other, lines=lines, spin_until=spin_until)
    executor.shutdown()
    ours.destroy_node()
    other.destroy_node()
    rclpy.try_shutdown(context=context)


def test_a_publisher_that_offers_too_little_is_named_with_both_profiles(nodes):
    topic = qos.image_topic(nodes.ours, "front", "raw")
    group = ReentrantCallbackGroup()
    subscription = qos.subscribe(nodes.ours, topic, "raw", "reliable", lambda _: None, group)
    assert subscription.msg_type is Image and subscription.topic_name == "/robot/front/image"
    source = qos.ImageSource.of(subscription, "raw")
    assert source.why_silent(nodes.ours).startswith("nobody publishes there")
    nodes.other.create_publisher(Image, topic, BEST_EFFORT)
    nodes.spin_until(lambda: nodes.lines)
    assert "/robot/front/image offers incompatible QoS (RELIABILITY)" in nodes.lines[0]
    assert "this node asks for reliable, volatile, depth 5; " in nodes.lines[0]
    assert "offered by /desk/rviz (best effort, volatile" in nodes.lines[0]
    assert "Set image_qos to sensor_data" in nodes.lines[0]
    other = qos.create_subscription(nodes.ours, String, "words", RELIABLE, lambda _: None, group)
    nodes.other.create_publisher(String, other.topic_name, BEST_EFFORT)
    nodes.spin_until(lambda: len(nodes.lines) > 1)
    assert nodes.lines[1].endswith("Set qos_overrides of this topic, or let the publisher offer more")
    nodes.spin_until(lambda: nodes.ours.count_publishers(topic))
    assert source.why_silent(nodes.ours) == (
        "its publishers are best effort and this node asks for reliable: set image_qos to sensor_data"
    )


def test_a_subscriber_that_asks_for_too_much_is_named_with_both_profiles(nodes):
    publisher = qos.create_publisher(nodes.ours, String, "label")
    nodes.other.create_subscription(String, "/robot/label", lambda _: None, LATCHED)
    nodes.spin_until(lambda: nodes.lines)
    assert "a subscriber on /robot/label asks for incompatible QoS (DURABILITY), so nothing" in nodes.lines[0]
    assert nodes.lines[0].endswith("Let the subscriber ask for less")
    assert "this node offers reliable, volatile, depth 10; asked for by " in nodes.lines[0]
    assert "/desk/rviz (reliable, transient local" in nodes.lines[0]
    assert nodes.ours.destroy_lifecycle_publisher(publisher)


def test_what_fits_is_not_mentioned(nodes):
    heard = []
    group = ReentrantCallbackGroup()
    topic = qos.image_topic(nodes.ours, "", "compressed")
    qos.subscribe(nodes.ours, topic, "compressed", "sensor_data", heard.append, group)
    camera = nodes.other.create_publisher(CompressedImage, topic, RELIABLE)
    nodes.spin_until(lambda: camera.get_subscription_count())

    def arrived():
        camera.publish(CompressedImage(format="jpeg"))
        return heard

    nodes.spin_until(arrived)
    assert nodes.lines == []
    assert qos.mismatches(nodes.ours, topic, qos.image_profile("sensor_data"), we_publish=False) == []
    assert qos.mismatches(nodes.ours, topic, LATCHED, we_publish=False) == [
        name for name in qos.mismatches(nodes.ours, topic, LATCHED, we_publish=False) if "/desk/rviz" in name
    ] != []


def test_the_same_mismatch_is_not_logged_again_and_again(nodes):
    log = qos.MismatchLog(nodes.ours, "/robot/label", True, "Do something")
    event = SimpleNamespace(last_policy_kind=2)
    for _ in range(5):
        log(event)
    assert len(nodes.lines) == 1
    assert "this node offers not known yet; asked for by a node that is still being discovered. Do something" in (
        nodes.lines[0]
    )


@pytest.mark.parametrize(
    ("transport", "message_type", "published", "reason"),
    [
        ("raw", CompressedImage, "/robot/image/compressed", "/compressed: set image_transport to compressed"),
        ("compressed", Image, "/robot/image", "somebody does on /robot/image: set image_transport to raw"),
        ("raw", CompressedImage, "/robot/image", "its publishers send CompressedImage, not Image: set image_"),
        ("raw", Image, "/robot/image", "1 publisher(s), none heard"),
    ],
)
def test_why_silent(nodes, transport, message_type, published, reason):
    source = qos.ImageSource(
        qos.image_topic(nodes.ours, "", transport), transport, qos.image_profile("sensor_data")
    )
    nodes.other.create_publisher(message_type, published, 1)
    nodes.spin_until(lambda: nodes.ours.count_publishers(published))
    assert reason in source.why_silent(nodes.ours)


def test_why_silent_names_every_other_mismatch(nodes):
    strict = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    source = qos.ImageSource("/robot/image", "raw", strict)
    nodes.other.create_publisher(Image, "/robot/image", RELIABLE)
    nodes.spin_until(lambda: nodes.ours.count_publishers("/robot/image"))
    assert source.why_silent(nodes.ours).startswith(
        "incompatible QoS: this node asks for reliable, transient local, depth 1; offered by /desk/rviz (reliable"
    )
