"""Cameras in a process of their own, so that they keep their rate whatever the tests do, and can be killed.

Every frame carries "TOPIC NUMBER" as frame id, with a number that rises by one, and the time of sending as stamp. What
is sent stands in --log, one "TOPIC NUMBER STAMP KIND LEFT" per line, LEFT by the monotonic clock, which nobody sets. A
line is written just before its frame leaves, so that a killed camera leaves at most one too many. Without --photos the
picture is a colour that follows from camera and number (`colour_of`), so that a label shows which frame it belongs to.
It is started by the system tests and by benchmarks/, and is NOT part of the product: `bag_player` plays recordings.

It prints "ready" when every topic has a subscriber, sends once it reads a line, and prints "done" after --count frames
of each camera. SIGINT and SIGTERM end it with exit code 0.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np

COLOURS = {"red": (230, 20, 10), "green": (10, 230, 20), "blue": (20, 10, 230), "white": (255, 255, 255)}
SAID = ("red", "green", "blue")
SETTLE_SECONDS = 0.4  # a subscriber that this side has found may still be finding this side; nothing tells when


def colour_of(camera: int, number: int) -> str:
    """What camera `camera` (counted from 0) shows on frame `number`: never what its neighbour shows."""
    return SAID[(camera + number) % len(SAID)]


def colours(width: int, height: int) -> list[np.ndarray]:
    """RGB uint8 [height, width, 3] each: the three colours."""
    return [np.full((height, width, 3), COLOURS[name], np.uint8) for name in SAID]


def photo_messages(folder: Path, transport: str, width: int, height: int) -> list:
    """A message of each photo in a folder, scaled if need be; JPEGs that fit go out as they are in the file."""
    messages = []
    for path in sorted(folder.glob("*.jpg")):
        picture = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        fits = picture.shape[:2] == (height, width)
        picture = picture if fits else cv2.resize(picture, (width, height))
        message = image_message(picture) if transport == "raw" else compressed_message(picture)
        if fits and transport == "compressed":
            message.data = path.read_bytes()
        messages.append(message)
    if not messages:
        raise SystemExit(f"camera_process: expected .jpg files in {folder}, found none")
    return messages


def image_message(picture: np.ndarray):
    """An rgb8 Image with an empty header."""
    from sensor_msgs.msg import Image

    height, width = picture.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
    message.data.frombytes(np.ascontiguousarray(picture).tobytes())
    return message


def compressed_message(picture: np.ndarray):
    """A JPEG CompressedImage with an empty header."""
    from sensor_msgs.msg import CompressedImage

    done, data = cv2.imencode(".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    assert done
    return CompressedImage(format="jpeg", data=data.tobytes())


def boxes_message(width: int, height: int):
    """A Detection2DArray with an empty header: the left half, a box that is none, and the middle."""
    from vision_msgs.msg import Detection2D, Detection2DArray

    message = Detection2DArray()
    for name, x, size_x in (("left", width / 4, width / 2), ("none", float("nan"), -1.0), ("middle", width / 2, 64.0)):
        box = Detection2D(id=name)
        box.bbox.center.position.x, box.bbox.center.position.y = x, height / 2
        box.bbox.size_x, box.bbox.size_y = size_x, height / 2
        message.detections.append(box)
    return message


def arguments(argv: list[str]) -> argparse.Namespace:
    """What is left of the command line after ROS's own arguments."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("topics", nargs="+", help="one camera each, such as front/image")
    parser.add_argument("--log", type=Path, required=True, help="file that gets a line per frame sent")
    parser.add_argument("--transport", choices=("raw", "compressed"), default="compressed")
    parser.add_argument("--rate", type=float, default=30.0, help="frames per second of each camera")
    parser.add_argument("--count", type=int, default=0, help="frames of each camera; 0: until stopped")
    parser.add_argument("--first", type=int, default=0, help="number of the first frame")
    parser.add_argument("--size", type=int, nargs=2, default=(160, 120), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--photos", type=Path, help="folder of pictures to show; without it, colours")
    parser.add_argument("--bad-every", type=int, default=0, help="every N-th frame is broken, in turn each way")
    parser.add_argument("--boxes", action="store_true", help="detections too: three boxes for every tenth frame")
    parser.add_argument("--reliable", action="store_true", help="reliable QoS, not best effort")
    return parser.parse_args(argv)


class Cameras:
    """The publishers, what they show, and the log of what they sent."""

    def __init__(self, node, options: argparse.Namespace) -> None:
        from bad_frames import BAD_COMPRESSED, BAD_RAW
        from rclpy.qos import QoSProfile, qos_profile_sensor_data

        make = image_message if options.transport == "raw" else compressed_message
        if options.photos:
            self._good = photo_messages(options.photos, options.transport, *options.size)
        else:
            self._good = [make(picture) for picture in colours(*options.size)]
        bad = BAD_RAW if options.transport == "raw" else BAD_COMPRESSED
        self._bad = [(kind, make_bad()) for kind, make_bad in bad.items()]
        self._bad_every = options.bad_every
        self._log = options.log.open("a", buffering=1, encoding="ascii")
        qos = QoSProfile(depth=100) if options.reliable else qos_profile_sensor_data
        self._boxes = boxes_message(*options.size)
        topics = [topic.partition("image")[0] + "detections" for topic in options.topics] if options.boxes else []
        self._detectors = [node.create_publisher(type(self._boxes), topic, 10) for topic in topics]
        self._topics = options.topics
        self._publishers = [node.create_publisher(type(self._good[0]), topic, qos) for topic in options.topics]

    @property
    def found(self) -> bool:
        """Whether everybody has a subscriber."""
        return all(publisher.get_subscription_count() for publisher in self._publishers)

    def send(self, number: int) -> None:
        """One frame from every camera."""
        for camera, (topic, publisher) in enumerate(zip(self._topics, self._publishers)):
            kind, message = "good", self._good[(camera + number) % len(self._good)]
            if self._bad_every and number % self._bad_every == self._bad_every - 1:
                kind, message = self._bad[number // self._bad_every % len(self._bad)]
            stamp = time.time_ns()
            message.header.frame_id = f"{topic} {number}"
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
            self._log.write(f"{topic} {number} {stamp} {kind.replace(' ', '_')} {time.monotonic_ns()}\n")
            publisher.publish(message)
            if self._detectors:
                self._send_boxes(camera, number, message.header)

    def _send_boxes(self, camera: int, number: int, header) -> None:
        """What a detector says of the frame with this header: nothing on most of them."""
        message = type(self._boxes)(header=header)
        if number % 10 == 0:
            message.detections = self._boxes.detections
            for box in message.detections:
                box.header = header
        self._detectors[camera].publish(message)


def main() -> int:
    """Run until the last frame or a signal."""
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())

    import rclpy
    from rclpy.signals import SignalHandlerOptions
    from rclpy.utilities import remove_ros_args

    options = arguments(remove_ros_args(sys.argv)[1:])
    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f"camera_{os.getpid()}")
    cameras = Cameras(node, options)
    while not cameras.found and not stop.wait(0.01):
        pass
    time.sleep(SETTLE_SECONDS)
    print("ready", flush=True)
    while not stop.is_set() and not select.select([sys.stdin], [], [], 0.02)[0]:
        pass
    period, due, number = 1 / options.rate, time.monotonic(), options.first
    while not stop.is_set() and (not options.count or number < options.first + options.count):
        now = time.monotonic()
        if now < due:
            time.sleep(due - now)
        cameras.send(number)
        number += 1
        due = max(due + period, time.monotonic() - period)  # after a pause no burst: a camera skips
    time.sleep(SETTLE_SECONDS)  # frames still on their way would die with this process
    print("done", flush=True)
    if options.count:
        stop.wait()  # a camera that is gone would make the node say so
    node.destroy_node()
    rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
