"""`python -m novic_ros.node.label_listener`: prints what the node says, one JSON object per line on stdout.

First {"event": "ready", "topic": ...} once somebody publishes labels; then for every frame {"event": "labels",
"stamp": NANOSECONDS, "received": NANOSECONDS, "results": [[TEXT, SCORE], ...]}, where `stamp` is the image's own and
`received` the wall time of arrival. It is for programs that measure (the demo does), NOT for people: they have
`ros2 topic echo /label`.

Exit code 0 after SIGINT, SIGTERM or a shutdown from outside.
"""

import json
import sys
import time
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from vision_msgs.msg import Classification

DEPTH = 100  # messages kept while stdout is slow


def report(**event: Any) -> None:
    """One JSON line on stdout, at once."""
    print(json.dumps(event), flush=True)


class LabelListener(Node):
    """Subscribes to `classification` (remap it with -r classification:=/other/classification)."""

    def __init__(self) -> None:
        """Subscribe, and look five times a second whether somebody publishes."""
        super().__init__("label_listener")
        self._subscription = self.create_subscription(
            Classification, "classification", self._on_labels, DEPTH
        )
        self._timer = self.create_timer(0.2, self._on_timer)

    def _on_timer(self) -> None:
        if self.count_publishers(self._subscription.topic_name):
            self._timer.cancel()
            report(event="ready", topic=self._subscription.topic_name)

    def _on_labels(self, message: Classification) -> None:
        received = time.time_ns()
        stamp = message.header.stamp.sec * 10**9 + message.header.stamp.nanosec
        results = [[result.class_id, result.score] for result in message.results]
        report(event="labels", stamp=stamp, received=received, results=results)


def main(argv: list[str] | None = None) -> int:
    """Listen until a signal comes; returns the exit code."""
    listener = None
    try:
        rclpy.init(args=sys.argv if argv is None else ["label_listener", *argv])
        listener = LabelListener()
        rclpy.spin(listener)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the usual way to end
    finally:
        if listener is not None:
            listener.destroy_node()
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
