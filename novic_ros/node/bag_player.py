"""`python -m novic_ros.node.bag_player BAG`: plays one image topic of a bag as a camera would.

Stamps are the time of sending, so that whoever measures latency measures this run, not the recording. The camera waits
until somebody has subscribed, then sends every frame once. It is NOT `ros2 bag play`: one topic, no services, no clock,
no looping. Progress goes to stdout, one JSON object per line: {"event": "waiting", "topic": ...},
{"event": "sent", "index": 0, "stamp": NANOSECONDS}, ..., {"event": "done", "sent": N}.

Exit codes: 0 all was sent, 1 nobody subscribed in time or a signal came first, 2 the bag or an argument is wrong.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.serialization import deserialize_message
from rclpy.utilities import remove_ros_args
from sensor_msgs.msg import CompressedImage, Image

IMAGE_TYPES = {"sensor_msgs/msg/Image": Image, "sensor_msgs/msg/CompressedImage": CompressedImage}
SETTLE_SECONDS = 0.5  # a subscriber that this side has discovered may still be discovering this side


class BagError(ValueError):
    """The bag cannot be played; the message says what was expected and what to do."""


def report(**event: Any) -> None:
    """One JSON line on stdout, at once."""
    print(json.dumps(event), flush=True)


class ImageBag:
    """One image topic of a rosbag2 folder; a context manager that closes the bag."""

    def __init__(self, bag: Path, topic: str | None) -> None:
        """Open `bag`. Without `topic` the first image topic by name is taken. Raises BagError."""
        try:
            from rosbags.highlevel import AnyReader, AnyReaderError
        except ModuleNotFoundError as error:
            raise BagError(
                f"reading bags needs the Python package rosbags ({error}): pip install rosbags"
            ) from error
        if not bag.is_dir():
            raise BagError(
                f"{bag} is not a folder; give the folder of a rosbag2 recording (it holds metadata.yaml)"
            )
        try:
            self._reader = AnyReader([bag])
            self._reader.open()
        except (AnyReaderError, OSError) as error:
            raise BagError(f"{bag} cannot be read as a rosbag2 recording: {error}") from error
        images = sorted(
            (c for c in self._reader.connections if c.msgtype in IMAGE_TYPES), key=lambda c: c.topic
        )
        self._chosen = [c for c in images if topic in (None, c.topic)][:1]
        if not self._chosen:
            self._reader.close()
            present = ", ".join(c.topic for c in images) or "none"
            raise BagError(f"{bag} has no image topic {topic or 'at all'}; image topics in it: {present}")
        self.topic = self._chosen[0].topic
        self.message_type = IMAGE_TYPES[self._chosen[0].msgtype]

    def __enter__(self) -> "ImageBag":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """(time recorded in nanoseconds, CDR bytes) of every frame, by time."""
        for _, recorded, data in self._reader.messages(connections=self._chosen):
            yield recorded, bytes(data)


class BagPlayer(Node):
    """A camera whose pictures come from a bag."""

    def __init__(self, topic: str, message_type: type) -> None:
        """Advertise `topic`, reliably, so that both kinds of subscriber hear it."""
        super().__init__("bag_player")
        self._type = message_type
        self._camera = self.create_publisher(message_type, topic, 10)
        report(event="waiting", topic=self._camera.topic_name)

    def wait_for_subscriber(self, seconds: float) -> bool:
        """Wait until somebody has subscribed, at most `seconds`."""
        deadline = time.monotonic() + seconds
        while self._camera.get_subscription_count() == 0:
            if time.monotonic() >= deadline or not self.context.ok():
                return False
            rclpy.spin_once(self, timeout_sec=0.05)
        time.sleep(SETTLE_SECONDS)
        return True

    def play(self, frames: Iterator[tuple[int, bytes]], rate: float | None) -> int:
        """Send all frames, at `rate` hertz or by the bag's own times; how many were sent."""
        start = time.monotonic()
        first = None
        sent = 0
        for recorded, data in frames:
            first = recorded if first is None else first
            due = start + (sent / rate if rate else (recorded - first) * 1e-9)
            time.sleep(max(0.0, due - time.monotonic()))
            if not self.context.ok():
                break
            message = deserialize_message(data, self._type)
            now = time.time_ns()
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, 10**9)
            report(event="sent", index=sent, stamp=now)
            self._camera.publish(message)
            sent += 1
        return sent


def arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Parse what is left after ROS arguments."""
    parser = argparse.ArgumentParser(prog="bag_player", description=__doc__.splitlines()[0])
    parser.add_argument("bag", type=Path, help="folder of a rosbag2 recording")
    parser.add_argument("--topic", help="image topic to play (default: the first by name)")
    parser.add_argument("--rate", type=float, help="frames per second (default: as recorded)")
    parser.add_argument(
        "--wait", type=float, default=60.0, help="seconds to wait for a subscriber (default: 60)"
    )
    parsed = parser.parse_args(argv)
    if parsed.rate is not None and not parsed.rate > 0:
        parser.error(f"--rate must be above 0, got {parsed.rate}")
    return parsed


def main(argv: list[str] | None = None) -> int:
    """Play one bag; returns the exit code."""
    given = sys.argv if argv is None else ["bag_player", *argv]
    options = arguments(remove_ros_args(given)[1:])
    try:
        with ImageBag(options.bag, options.topic) as bag:
            return play(bag, options, given)
    except BagError as error:
        print(f"bag_player: {error}", file=sys.stderr)
        return 2


def play(bag: ImageBag, options: argparse.Namespace, given: list[str]) -> int:
    """Run the camera node until all frames of `bag` are sent; returns the exit code."""
    player = None
    try:
        rclpy.init(args=given)
        player = BagPlayer(bag.topic, bag.message_type)
        if not player.wait_for_subscriber(options.wait):
            print(f"bag_player: nobody subscribed to {bag.topic} within {options.wait:g} s", file=sys.stderr)
            return 1
        sent = player.play(bag.frames(), options.rate)
        time.sleep(SETTLE_SECONDS)  # frames still on their way would die with this process
        report(event="done", sent=sent)
        return 0
    except (KeyboardInterrupt, ExternalShutdownException):
        return 1
    finally:
        if player is not None:
            player.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    sys.exit(main())
