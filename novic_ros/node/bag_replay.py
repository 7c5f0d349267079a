"""`python -m novic_ros.node.bag_replay SOCKET TRANSPORT`: shows a node frames that somebody hands over, one by one.

Whoever listens at the Unix socket sends frames as they lie in a bag, and gets back what the node says about each. So
the sender decides how many are on their way at once, and none is lost. It is NOT a camera: nothing goes by the clock,
and it knows no bags (`cli/node_worker.py` does, the other end). All names are relative: `image` (with `/compressed`),
`detections` and `labels`.

A frame is three messages on the socket: JSON {"number": int or "probe", "stamp": ns, "boxes": bool}, the image's CDR
bytes, and those of its detections; none of them with `boxes` stands for an empty array. It is published with that stamp
and with the number as its frame id, which comes back with the labels:
JSON {"number", "detections": [{"id", "box": [x, y, w, h, theta], "labels": [[text, score]]}]}.
A probe is sent again and again until it is answered, so that later frames find all ends connected.

Exit codes: 0 the socket was closed, or a signal came; 2 an argument is wrong.
"""

import argparse
import json
import sys
import threading
from multiprocessing.connection import Client, Connection
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CompressedImage, Image
from vision_msgs.msg import Detection2DArray

PROBE = "probe"
PROBE_SECONDS = 1.0
DEPTH = 100  # messages that may be on their way
TOPICS = {"raw": ("image", Image), "compressed": ("image/compressed", CompressedImage)}


class BagReplay(Node):
    """Publishes what comes from the socket, and sends back what the node says."""

    def __init__(self, connection: Connection, transport: str) -> None:
        """transport: "raw" or "compressed"."""
        super().__init__("bag_replay")
        topic, self._image_type = TOPICS[transport]
        self._connection = connection
        self._images = self.create_publisher(self._image_type, topic, DEPTH)
        self._detections = self.create_publisher(Detection2DArray, "detections", DEPTH)
        self._subscription = self.create_subscription(Detection2DArray, "labels", self._on_labels, DEPTH)
        self._probe: Any = None

    def serve(self) -> None:
        """Publish frames until the socket is closed; runs in a thread of its own."""
        try:
            while True:
                frame = json.loads(self._connection.recv_bytes())
                image, detections = self._connection.recv_bytes(), self._connection.recv_bytes()
                messages = [(self._images, deserialize_message(image, self._image_type))]
                if frame["boxes"]:  # before the image, so that the node has them when it takes that
                    boxes = deserialize_message(detections, Detection2DArray) if detections else Detection2DArray()
                    messages.insert(0, (self._detections, boxes))
                self._show(str(frame["number"]), frame["stamp"], messages)
        except (EOFError, OSError):
            pass  # nobody has frames any more
        finally:
            rclpy.try_shutdown()

    def _show(self, number: str, stamp: int, messages: list[tuple[Any, Any]]) -> None:
        for _, message in messages:
            message.header.frame_id = number
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
        if number == PROBE:
            self._probe = self.create_timer(PROBE_SECONDS, lambda: self._publish(messages))
        self._publish(messages)

    def _publish(self, messages: list[tuple[Any, Any]]) -> None:
        for publisher, message in messages:
            publisher.publish(message)

    def _on_labels(self, message: Detection2DArray) -> None:
        number = message.header.frame_id
        if number == PROBE:
            if self._probe is None:
                return  # an answer to a second one
            self.destroy_timer(self._probe)
            self._probe = None
        found = [
            {
                "id": one.id,
                "box": [
                    one.bbox.center.position.x,
                    one.bbox.center.position.y,
                    one.bbox.size_x,
                    one.bbox.size_y,
                    one.bbox.center.theta,
                ],
                "labels": [[result.hypothesis.class_id, result.hypothesis.score] for result in one.results],
            }
            for one in message.detections
        ]
        answer = {"number": number if number == PROBE else int(number), "detections": found}
        try:
            self._connection.send_bytes(json.dumps(answer).encode("ascii"))
        except OSError:
            rclpy.try_shutdown()  # nobody listens any more


def main(argv: list[str] | None = None) -> int:
    """Run until the socket is closed or a signal comes; returns the exit code."""
    given = sys.argv if argv is None else ["bag_replay", *argv]
    parser = argparse.ArgumentParser(prog="bag_replay", description=__doc__.splitlines()[0])
    parser.add_argument("socket", help="path of the Unix socket where frames come from")
    parser.add_argument("transport", choices=sorted(TOPICS))
    options = parser.parse_args(remove_ros_args(given)[1:])
    replay = None
    try:
        connection = Client(options.socket, "AF_UNIX")
    except OSError as error:
        print(f"bag_replay: nobody listens at {options.socket}: {error}", file=sys.stderr)
        return 2
    try:
        rclpy.init(args=given)
        replay = BagReplay(connection, options.transport)
        threading.Thread(target=replay.serve, name="novic_frames_in", daemon=True).start()
        rclpy.spin(replay)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass  # the usual way to end
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
