"""Quality of service of the image subscription, and why it may be silent.

The one place that knows differences between ROS 2 distributions: Humble keeps the event classes in
`rclpy.qos_event`, later ones in `rclpy.event_handler`. Publishers use plain reliable QoS and are not made here.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import (
    QoSProfile,
    QoSReliabilityPolicy,
    qos_policy_name_from_kind,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image

try:
    from rclpy.event_handler import SubscriptionEventCallbacks, UnsupportedEventTypeError
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks, UnsupportedEventTypeError

IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}


def image_profile(name: str) -> QoSProfile:
    """The profile that parameter `image_qos` names. Raises ValueError for a name that is not known."""
    if name == "sensor_data":
        return qos_profile_sensor_data
    if name == "reliable":
        return QoSProfile(depth=qos_profile_sensor_data.depth, reliability=QoSReliabilityPolicy.RELIABLE)
    raise ValueError(f"expected image_qos 'sensor_data' or 'reliable', got {name!r}")


def image_topic(node: Node, transport: str) -> str:
    """The fully qualified topic to subscribe to.

    `image` is resolved first, so that the remapping `image:=/camera/image_raw` gives /camera/image_raw/compressed for
    the compressed transport. A remapping that already ends with /compressed is taken as it stands.
    """
    base = node.resolve_topic_name("image")
    if transport == "compressed" and not base.endswith("/compressed"):
        return f"{base}/compressed"
    return base


def subscribe(
    node: Node, transport: str, quality: str, callback: Callable[[Any], None], group: CallbackGroup
) -> Any:
    """Subscribe to the images, with `qos_overrides.*` parameters and a log line for every QoS mismatch.

    `transport` and `quality` are the values of parameters image_transport and image_qos.
    """
    topic = image_topic(node, transport)

    def incompatible(event: Any) -> None:
        node.get_logger().warning(
            f"a publisher on {topic} offers incompatible QoS "
            f"({qos_policy_name_from_kind(event.last_policy_kind)}), so none of its images arrive here: "
            f"set image_qos to sensor_data, or make the publisher reliable"
        )

    options = {
        "callback_group": group,
        "qos_overriding_options": QoSOverridingOptions.with_default_policies(),
    }
    wanted = (IMAGE_TYPES[transport], topic, callback, image_profile(quality))
    try:
        events = SubscriptionEventCallbacks(incompatible_qos=incompatible)
        return node.create_subscription(*wanted, event_callbacks=events, **options)
    except UnsupportedEventTypeError:  # a middleware without such events
        return node.create_subscription(*wanted, **options)


@dataclass(frozen=True)
class ImageSource:
    """What an image subscription listens to; still valid when the subscription is gone."""

    topic: str
    transport: str
    reliable: bool

    @classmethod
    def of(cls, subscription: Any, transport: str) -> "ImageSource":
        """The source of one subscription, with its names resolved and its overrides applied."""
        reliable = subscription.qos_profile.reliability == QoSReliabilityPolicy.RELIABLE
        return cls(subscription.topic_name, transport, reliable)

    def why_silent(self, node: Node) -> str:
        """The likeliest reason why no image comes, as a half sentence that says what to do."""
        publishers = node.get_publishers_info_by_topic(self.topic)
        if not publishers:
            raw = self.topic[: -len("/compressed")] if self.topic.endswith("/compressed") else self.topic
            other = raw if self.transport == "compressed" else f"{self.topic}/compressed"
            if other != self.topic and node.count_publishers(other):
                wanted = "raw" if self.transport == "compressed" else "compressed"
                return (
                    f"nobody publishes there, but somebody does on {other}: set image_transport to {wanted}"
                )
            return "nobody publishes there: check the camera and the remapping of image"
        expected = IMAGE_TYPES[self.transport].__name__
        types = {publisher.topic_type.split("/")[-1] for publisher in publishers}
        if expected not in types:
            return f"its publishers send {', '.join(sorted(types))}, not {expected}: set image_transport"
        if self.reliable and all(
            publisher.qos_profile.reliability == QoSReliabilityPolicy.BEST_EFFORT for publisher in publishers
        ):
            return (
                "its publishers are best effort and this node asks for reliable: set image_qos to sensor_data"
            )
        return (
            f"{len(publishers)} publisher(s), none heard: the camera is silent, or large images are lost on the "
            f'way (docs/node.md, "Raw images that never arrive")'
        )
