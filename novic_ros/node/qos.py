"""Quality of service of the node's topics: profiles, names, and what is wrong when nothing arrives.

The one place that knows differences between ROS 2 distributions: Humble keeps the event classes in
`rclpy.qos_event`, later ones in `rclpy.event_handler`. It does not decide what is published or subscribed to.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.node import Node
from rclpy.qos import (
    QoSCompatibility,
    QoSHistoryPolicy,
    QoSProfile,
    QoSReliabilityPolicy,
    qos_check_compatible,
    qos_policy_name_from_kind,
    qos_profile_sensor_data,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image

from novic_ros.node.throttle import Throttle

try:
    from rclpy.event_handler import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )
except ImportError:  # Humble
    from rclpy.qos_event import (
        PublisherEventCallbacks,
        SubscriptionEventCallbacks,
        UnsupportedEventTypeError,
    )

IMAGE_TYPES = {"raw": Image, "compressed": CompressedImage}
MISMATCH_LOG_PERIOD = 5.0  # seconds between two log lines about the same two profiles on one topic


def image_profile(name: str, every_frame: bool = False) -> QoSProfile:
    """The profile that parameter `image_qos` names. Raises ValueError for a name that is not known.

    With `every_frame` the middleware keeps all that has arrived until it is taken (as much as memory holds), where it
    would otherwise forget all but the newest few while a callback waits for room.
    """
    reliabilities = {
        "sensor_data": QoSReliabilityPolicy.BEST_EFFORT,
        "reliable": QoSReliabilityPolicy.RELIABLE,
    }
    if name not in reliabilities:
        raise ValueError(f"expected image_qos 'sensor_data' or 'reliable', got {name!r}")
    history = QoSHistoryPolicy.KEEP_ALL if every_frame else QoSHistoryPolicy.KEEP_LAST
    return QoSProfile(history=history, depth=qos_profile_sensor_data.depth, reliability=reliabilities[name])


def camera_topic(camera: str, topic: str) -> str:
    """A topic of one camera, not yet resolved: TOPIC for the only camera (""), else CAMERA/TOPIC."""
    return f"{camera.rstrip('/')}/{topic}" if camera else topic


def image_topic(node: Node, camera: str, transport: str) -> str:
    """The fully qualified topic of a camera's images.

    `image` (or CAMERA/image) is resolved first, so that the remapping `image:=/camera/image_raw` gives
    /camera/image_raw/compressed for the compressed transport. One that already ends with /compressed stays as it is.
    """
    base = node.resolve_topic_name(camera_topic(camera, "image"))
    if transport == "compressed" and not base.endswith("/compressed"):
        return f"{base}/compressed"
    return base


def describe(profile: QoSProfile) -> str:
    """A profile in words: what decides whether two ends match, and the depth."""
    words = [profile.reliability.name.lower().replace("_", " ")]
    words.append(profile.durability.name.lower().replace("_", " "))
    if profile.history == QoSHistoryPolicy.KEEP_ALL:
        words.append("keep all")
    elif profile.depth:
        words.append(f"depth {profile.depth}")
    for name in ("deadline", "liveliness_lease_duration"):
        seconds = getattr(profile, name).nanoseconds * 1e-9
        if 0 < seconds < 1e9:  # unset is 0 or infinite, which is written as centuries
            words.append(f"{name.replace('_', ' ')} {seconds:g} s")
    return ", ".join(words)


def mismatches(node: Node, topic: str, ours: QoSProfile, we_publish: bool) -> list[str]:
    """The other ends of a topic that cannot match `ours`, each as "NODE (PROFILE)", sorted."""
    if we_publish:
        others = node.get_subscriptions_info_by_topic(topic)
        pairs = [(ours, other.qos_profile) for other in others]
    else:
        others = node.get_publishers_info_by_topic(topic)
        pairs = [(other.qos_profile, ours) for other in others]
    return sorted(
        f"{other.node_namespace.rstrip('/')}/{other.node_name} ({describe(other.qos_profile)})"
        for other, pair in zip(others, pairs)
        if qos_check_compatible(*pair)[0] == QoSCompatibility.ERROR
    )


class MismatchLog:
    """Logs that somebody's QoS does not fit ours on one topic: the topic, both profiles, and `advice`."""

    def __init__(self, node: Node, topic: str, we_publish: bool, advice: str) -> None:
        self._node, self._topic, self._we_publish, self._advice = node, topic, we_publish, advice
        self._throttle = Throttle(MISMATCH_LOG_PERIOD)
        self.profile: QoSProfile | None = None  # ours, with its overrides, once the endpoint is made

    def __call__(self, event: Any) -> None:
        """The middleware's event: another end with a policy that does not fit."""
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        ours = "not known yet" if self.profile is None else describe(self.profile)
        named = self.profile and mismatches(self._node, self._topic, self.profile, self._we_publish)
        theirs = "; ".join(named or []) or "a node that is still being discovered"
        if self._throttle.allow((policy, theirs)) is None:
            return
        if self._we_publish:
            text = (
                f"a subscriber on {self._topic} asks for incompatible QoS ({policy}), so nothing arrives there: this "
                f"node offers {ours}; asked for by {theirs}. {self._advice}"
            )
        else:
            text = (
                f"a publisher on {self._topic} offers incompatible QoS ({policy}), so nothing of it arrives: this "
                f"node asks for {ours}; offered by {theirs}. {self._advice}"
            )
        self._node.get_logger().warning(text)


def subscribe(
    node: Node,
    topic: str,
    transport: str,
    quality: str,
    callback: Callable[[Any], None],
    group: CallbackGroup,
    every_frame: bool = False,
) -> Any:
    """Subscribe to a camera's images, with `qos_overrides.*` parameters and a log line for every QoS mismatch.

    `topic` is `image_topic`'s; `transport` and `quality` are the values of image_transport and image_qos;
    `every_frame`, for frame_policy all, as in `image_profile`.
    """
    profile = image_profile(quality, every_frame)
    advice = "Set image_qos to sensor_data, or let the publisher offer more"
    return create_subscription(node, IMAGE_TYPES[transport], topic, profile, callback, group, advice)


def create_subscription(
    node: Node,
    message_type: type,
    topic: str,
    profile: QoSProfile | int,
    callback: Callable[[Any], None],
    group: CallbackGroup,
    advice: str = "Set qos_overrides of this topic, or let the publisher offer more",
) -> Any:
    """Subscribe to any topic in the same way; `advice` is the end of that log line."""
    log = MismatchLog(node, node.resolve_topic_name(topic), False, advice)
    options = {
        "callback_group": group,
        "qos_overriding_options": QoSOverridingOptions.with_default_policies(),
    }
    wanted = (message_type, topic, callback, profile)
    try:
        events = SubscriptionEventCallbacks(incompatible_qos=log)
        subscription = node.create_subscription(*wanted, event_callbacks=events, **options)
    except UnsupportedEventTypeError:  # a middleware without such events
        subscription = node.create_subscription(*wanted, **options)
    log.profile = subscription.qos_profile
    return subscription


def create_publisher(node: Any, message_type: type, topic: str, profile: QoSProfile | int = 10) -> Any:
    """A lifecycle publisher with `qos_overrides.*` parameters and a log line for every QoS mismatch."""
    log = MismatchLog(node, node.resolve_topic_name(topic), True, "Let the subscriber ask for less")
    options = {"qos_overriding_options": QoSOverridingOptions.with_default_policies()}
    wanted = (message_type, topic, profile)
    try:
        events = PublisherEventCallbacks(incompatible_qos=log)
        publisher = node.create_lifecycle_publisher(*wanted, event_callbacks=events, **options)
    except UnsupportedEventTypeError:  # a middleware without such events
        publisher = node.create_lifecycle_publisher(*wanted, **options)
    log.profile = publisher.qos_profile
    return publisher


@dataclass(frozen=True)
class ImageSource:
    """What an image subscription listens to; still valid when the subscription is gone."""

    topic: str
    transport: str
    profile: QoSProfile

    @classmethod
    def of(cls, subscription: Any, transport: str) -> "ImageSource":
        """The source of one subscription, with its names resolved and its overrides applied."""
        return cls(subscription.topic_name, transport, subscription.qos_profile)

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
        unfit = mismatches(node, self.topic, self.profile, we_publish=False)
        if len(unfit) == len(publishers):
            best_effort = all(
                publisher.qos_profile.reliability == QoSReliabilityPolicy.BEST_EFFORT
                for publisher in publishers
            )
            if best_effort and self.profile.reliability == QoSReliabilityPolicy.RELIABLE:
                return (
                    "its publishers are best effort and this node asks for reliable: set image_qos to "
                    "sensor_data"
                )
            return f"incompatible QoS: this node asks for {describe(self.profile)}; offered by {'; '.join(unfit)}"
        return (
            f"{len(publishers)} publisher(s), none heard: the camera is silent, or large images are lost on the "
            f'way (docs/troubleshooting.md, "Raw images that never arrive")'
        )
