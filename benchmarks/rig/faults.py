"""The harm that benchmarks/soak.py does to a node, one function each: it acts on a Soak and checks the answer.

Bad frames are not here: the camera sends them all the time. Whether the node does right after each single fault is what
the tests in test/system ask; this list is about what is left behind after hundreds of them.
"""

import contextlib
import time
from collections.abc import Iterator
from typing import Any


@contextlib.contextmanager
def not_listening(soak: Any) -> Iterator[None]:
    """Frames that the camera sends meanwhile are not meant to be received."""
    before = soak.sent()
    yield
    soak.deaf += soak.sent() - before


def camera_crashes(soak: Any) -> None:
    """Killed in the middle of its work, and started again."""
    soak.end_camera(kill=True)
    soak.start_camera()


def camera_restarts(soak: Any) -> None:
    """Ended in order, and started again."""
    soak.end_camera()
    soak.start_camera()


def parameter_storm(soak: Any) -> None:
    """Two hundred changes, every fourth of them wrong."""
    for number in range(50):
        for name, value, accepted in (
            ("top_k", 1 + number % 10, True),
            ("temporal.mode", ("none", "frame", "track")[number % 3], True),
            ("top_k", 11, False),
            ("min_score", number % 2 / 100, True),
        ):
            assert soak.robot.set_parameter(name, value)[0] == accepted, (name, value)
    assert soak.robot.set_parameter("temporal.mode", "none")[0]


def new_words(soak: Any) -> None:
    """The vocabulary is changed, and changed back before the first change may be in use."""
    assert soak.robot.set_parameter("vocabulary.deny", ["castle", "teapot"])[0]
    assert soak.robot.set_parameter("vocabulary.remap", ["suspension bridge=bridge"])[0]
    assert soak.robot.set_parameter("vocabulary.remap", [""])[0]


def broken_words(soak: Any) -> None:
    """A vocabulary file that is not text, where a good one was."""
    from std_srvs.srv import Trigger

    words = soak.robot.tmp_path / "words.txt"
    words.write_text("castle\n", encoding="utf-8")
    assert soak.robot.set_parameter("vocabulary.deny", [f"@{words}"])[0]
    words.write_bytes(b"\xff\xfe\x00")
    assert not soak.robot.call(Trigger, "reload_vocabulary", Trigger.Request()).success
    words.write_text("castle\nteapot\n", encoding="utf-8")
    assert soak.robot.call(Trigger, "reload_vocabulary", Trigger.Request()).success


def flood_of_boxes(soak: Any) -> None:
    """Ten thousand boxes, senseless ones among them, for a frame that nobody sends, and for the newest one."""
    from vision_msgs.msg import Detection2D, Detection2DArray

    publisher = soak.robot.node.create_publisher(Detection2DArray, "detections", 10)
    soak.harness.wait_until(lambda: publisher.get_subscription_count() > 0, "the node to subscribe to detections")
    message = Detection2DArray(detections=[Detection2D(id=str(number)) for number in range(10_000)])
    for number, box in enumerate(message.detections):
        box.bbox.center.position.x = float("nan") if number % 3 == 0 else number * 1e300
        box.bbox.size_x = box.bbox.size_y = number - 5000.0
    publisher.publish(message)
    message.header.stamp = soak.robot.node.get_clock().now().to_msg()
    publisher.publish(message)
    soak.robot.node.destroy_publisher(publisher)


def pause(soak: Any) -> None:
    """Deactivated for a moment."""
    with not_listening(soak):
        assert soak.robot.change_state("deactivate")
        assert soak.robot.change_state("activate")


def publishers(soak: Any, count: int) -> None:
    """Wait until this listener knows so many publishers of labels."""
    node = soak.robot.node
    soak.harness.wait_until(lambda: node.count_publishers("labels") == count, f"{count} publishers of labels", 60.0)


def reload(soak: Any) -> None:
    """All the way down and up again: the model is freed and loaded."""
    with not_listening(soak):
        assert soak.robot.change_state("deactivate") and soak.robot.change_state("cleanup")
        publishers(soak, 0)
        assert soak.robot.change_state("configure")
        publishers(soak, 1)  # or the first results would be lost on somebody who does not know of them yet
        assert soak.robot.change_state("activate")


def strange_neighbours(soak: Any) -> None:
    """A subscriber that does not fit, a silent second camera and somebody who looks at the debug image come and go."""
    from rclpy.qos import QoSDurabilityPolicy, QoSProfile
    from sensor_msgs.msg import CompressedImage, Image
    from vision_msgs.msg import Detection2DArray

    latched = QoSProfile(depth=1, durability=QoSDurabilityPolicy.TRANSIENT_LOCAL)
    node = soak.robot.node
    subscription = node.create_subscription(Detection2DArray, "labels", lambda _: None, latched)
    pictures = node.create_subscription(Image, "debug_image", lambda _: None, 1)
    publisher = node.create_publisher(CompressedImage, "image/compressed", 1)
    soak.watch(time.monotonic() + 1.0)
    node.destroy_publisher(publisher)
    node.destroy_subscription(pictures)
    node.destroy_subscription(subscription)


FAULTS = {
    "model reloaded": reload,
    "camera crashes": camera_crashes,
    "parameter storm": parameter_storm,
    "new words": new_words,
    "pause": pause,
    "strange neighbours": strange_neighbours,
    "camera restarts": camera_restarts,
    "broken words": broken_words,
    "flood of boxes": flood_of_boxes,
}
