"""One camera's ends in ROS: what it is subscribed to, what is published about it, and nothing in between.

The callbacks store and return; what is done with frames is in `frame_work.py`.
"""

import time
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.qos import QoSHistoryPolicy, QoSProfile
from std_msgs.msg import String
from vision_msgs.msg import Classification, Detection2DArray

from novic_ros.node import qos
from novic_ros.node.debug_image import DebugImages
from novic_ros.node.frames import Frame, nanoseconds
from novic_ros.node.intake import Intake
from novic_ros.node.measurements import Measurements
from novic_ros.node.messages import LabelMessages
from novic_ros.node.parameters import Settings

DETECTIONS_DEPTH = 10
OUTPUT_DEPTH = {"latest": 10, "all": 1000}  # frame_policy -> messages kept for a subscriber that is slow


def camera_names(settings: Settings) -> tuple[str, ...]:
    """The names of the cameras; ("",) for the only one."""
    return tuple(name for name in settings.cameras if name) or ("",)


def image_profile(settings: Settings) -> QoSProfile:
    """The QoS of the image subscriptions. Where no frame may be lost, the middleware keeps what finds no room here."""
    profile = qos.image_profile(settings.image_qos)
    if settings.frame_policy == "latest":
        return profile
    return QoSProfile(history=QoSHistoryPolicy.KEEP_ALL, reliability=profile.reliability)


class Camera:
    """Publishers from the start, subscriptions between `listen` and `stop_listening`."""

    def __init__(
        self, node: Any, name: str, settings: Settings, intake: Intake, measurements: Measurements
    ) -> None:
        """Create the lifecycle publishers. `name`: as in parameter cameras, "" for the only one."""
        self.name = name
        self.source: qos.ImageSource | None = None  # what it listens to, while it does
        self._node, self._intake, self._measurements = node, intake, measurements
        self._subscriptions: list[Any] = []
        self._publishers: list[Any] = []
        depth = OUTPUT_DEPTH[settings.frame_policy]
        self._labels = self._publisher(Detection2DArray, "labels", depth)
        self._classification = self._publisher(Classification, "classification", depth)
        self._label = self._publisher(String, "label", depth)
        self.debug_images = DebugImages(node, name)

    def _publisher(self, message_type: type, topic: str, depth: int) -> Any:
        topic = qos.camera_topic(self.name, topic)
        publisher = qos.create_publisher(self._node, message_type, topic, depth)
        self._publishers.append(publisher)
        return publisher

    def listen(self, settings: Settings, images: CallbackGroup, detections: CallbackGroup) -> None:
        """Subscribe, with the callbacks of each kind in its own group."""
        transport, node = settings.image_transport, self._node
        if settings.crop_enabled:  # before the images, so that the first of them has its boxes
            topic = qos.camera_topic(self.name, "detections")
            subscription = qos.create_subscription(
                node, Detection2DArray, topic, DETECTIONS_DEPTH, self._on_detections, detections
            )
            self._subscriptions.append(subscription)
        topic = qos.image_topic(node, self.name, transport)
        every_frame = settings.frame_policy == "all"
        subscription = qos.subscribe(
            node, topic, transport, settings.image_qos, self._on_image, images, every_frame
        )
        self._subscriptions.append(subscription)
        self.source = qos.ImageSource.of(subscription, transport)

    def stop_listening(self) -> None:
        """Unsubscribe. Can be called again."""
        self.source = None
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions = []

    def publish(self, said: LabelMessages) -> None:
        """Publish what was said about one frame."""
        self._labels.publish(said.labels)
        self._classification.publish(said.classification)
        self._label.publish(said.label)

    def close(self) -> None:
        """Free everything. Can be called again."""
        self.stop_listening()
        self.debug_images.close()
        for publisher in self._publishers:
            self._node.destroy_lifecycle_publisher(publisher)
        self._publishers = []

    def _on_image(self, message: Any) -> None:
        """Store and return; with frame_policy all, wait for room first."""
        self._measurements.received(self.name)
        frame = Frame(self.name, message, time.perf_counter(), self._intake.epoch)
        if not self._intake.put(frame):
            self._measurements.dropped("deactivated", camera=self.name)

    def _on_detections(self, message: Detection2DArray) -> None:
        self._intake.put_boxes(self.name, nanoseconds(message), message)
