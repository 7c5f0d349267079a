"""Writes a labelled bag: all messages of another bag as they are, and after each frame what the node would say of it.

Topics are named as by a node in the camera's namespace: /camera/image gives /camera/labels (Detection2DArray),
/camera/classification (Classification) and /camera/label (String); where two image topics share a namespace, the
image's own name goes between: /camera/image/labels. The content is that of `node/messages.py`. It scores nothing.
"""

from __future__ import annotations

import posixpath
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from novic_ros.evaluation.bag_frames import (
    IMAGE_TYPES,
    Frame,
    decode_frame,
    header_frame_id,
    image_topics,
    paired_boxes,
)
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_run import BagJob, FrameLabels, label_frames
from novic_ros.evaluation.bag_types import BagError, label_types
from novic_ros.labels import Label

__all__ = ["STORAGES", "label_topics", "record_bag"]

STORAGES = ("mcap", "sqlite3")
METADATA_VERSION = 8  # the oldest that the package rosbags writes; players skip what they do not know
KINDS = {"labels": "vision_msgs/msg/Detection2DArray", "classification": "vision_msgs/msg/Classification",
         "label": "std_msgs/msg/String"}


def label_topics(images: Sequence[str]) -> dict[str, dict[str, str]]:
    """Image topic -> {"labels": topic, "classification": topic, "label": topic}."""
    spaces = {image: posixpath.dirname(image.removesuffix("/compressed")) for image in images}
    shared = {space for space in spaces.values() if list(spaces.values()).count(space) > 1}
    return {image: {name: posixpath.join(image if space in shared else space, name) for name in KINDS}
            for image, space in spaces.items()}


def record_bag(job: BagJob, output: Path, labeller: Any, storage: str = "mcap",
               advance: Callable[[int], None] = lambda count: None) -> tuple[list[FrameLabels], list[str]]:
    """Write the labelled bag into the folder `output`; what was said, and what of the bag could not be read.

    Raises BagError, also if `output` or a label topic is there already. If anything is raised, nothing stays behind.
    """
    if storage not in STORAGES:
        raise BagError(f"storage: expected {' or '.join(STORAGES)}, got {storage!r}")
    if output.exists():
        raise BagError(f"{output}: expected a folder that is not there yet; move it away or choose another")
    with Bag(job.path) as bag:
        topics = label_topics(list(image_topics(bag, job.wishes)))
        there = sorted(topic for names in topics.values() for topic in names.values() if topic in bag.topics)
        if there:
            raise BagError(f"{bag.path}: expected a bag without the labels' topics, it has {', '.join(there)}; record "
                           "other image topics, or a bag without them")
        try:
            return _write(bag, job, topics, output, labeller, storage, advance), bag.problems
        except OSError as error:
            raise BagError(f"{output}: cannot be written: {error.strerror}") from error


def _write(bag: Bag, job: BagJob, topics: Mapping[str, Mapping[str, str]], output: Path, labeller: Any, storage: str,
           advance: Callable[[int], None]) -> list[FrameLabels]:
    from rosbags.rosbag2 import StoragePlugin, Writer

    types, paired = label_types(), paired_boxes(bag, job.wishes)
    said: list[FrameLabels] = []
    places = dict.fromkeys(topics, 0)
    try:
        with Writer(output, version=METADATA_VERSION, storage_plugin=StoragePlugin[storage.upper()]) as writer:
            theirs = {}
            for channel in bag.channels:
                if (channel.topic, channel.kind) not in theirs:
                    text, digest = bag.types.text_and_hash(channel.kind, channel.definition)
                    theirs[channel.topic, channel.kind] = writer.add_connection(
                        channel.topic, channel.kind, msgdef=text, rihs01=digest, offered_qos_profiles=channel.profiles)
            ours = {topic: writer.add_connection(topic, KINDS[name], typestore=types)
                    for names in topics.values() for name, topic in names.items()}
            for message in bag.messages():
                topic, kind = message.channel.topic, message.channel.kind
                writer.write(theirs[topic, kind], message.recorded, message.data)
                if topic not in topics or kind not in IMAGE_TYPES:
                    continue
                boxes = paired[topic][places[topic]] if topic in paired else None
                frame = decode_frame(bag, message, places[topic], boxes, job.wishes)
                places[topic] += 1
                (labels,) = label_frames([frame], labeller, job.wishes.include_frame)
                said.append(labels)
                for name, content in _messages(types, frame, labels, job.wishes.include_frame):
                    connection = ours[topics[topic][name]]
                    writer.write(connection, message.recorded, types.serialize_cdr(content, connection.msgtype))
                advance(1)
    except BaseException:
        if output.exists():
            shutil.rmtree(output)
        raise
    return said


def _messages(types: Any, frame: Frame, said: FrameLabels, include_frame: bool) -> Iterator[tuple[str, Any]]:
    """(name in KINDS, message) of what is said about a frame; none for one that could not be labelled."""
    if said.cause:
        return
    make = _Maker(types)
    header = make.header(frame.stamp, header_frame_id(frame.data))
    height, width = frame.image.shape[:2]
    of_frame = said.labels[0].labels if include_frame else ()
    detections = [make.detection(header, of_frame, (width / 2, height / 2, float(width), float(height), 0.0), "")]
    for (place, region), labels in zip(frame.places, said.labels[include_frame:]):
        detections.append(make.detection(_header_of(make, frame.boxes.message.detections[place].header), labels.labels,
                                         tuple(frame.boxes.boxes[place]), region.id))
    yield "labels", make("vision_msgs/msg/Detection2DArray", header, [one for one in detections if one.results])
    yield "classification", make("vision_msgs/msg/Classification", header, [make.hypothesis(one) for one in of_frame])
    yield "label", make("std_msgs/msg/String", of_frame[0].text if of_frame else "")


def _header_of(make: _Maker, header: Any) -> Any:
    """The header of a decoded message, as one of the types that are written."""
    return make.header(header.stamp.sec * 10**9 + header.stamp.nanosec, header.frame_id)


class _Maker:
    """Makes messages with their fields in order, all of which rosbags wants to be given."""

    def __init__(self, types: Any):
        self._types = types.types

    def __call__(self, kind: str, *values: Any) -> Any:
        return self._types[kind](*values)

    def header(self, stamp: int, frame_id: str) -> Any:
        """A std_msgs/Header; stamp in ns."""
        return self("std_msgs/msg/Header", self("builtin_interfaces/msg/Time", *divmod(stamp, 10**9)), frame_id)

    def hypothesis(self, label: Label) -> Any:
        """Text in class_id, score in [0, 1]."""
        return self("vision_msgs/msg/ObjectHypothesis", label.text, float(label.score))

    def detection(self, header: Any, labels: Sequence[Label], box: tuple[float, ...], track: str) -> Any:
        """A Detection2D with a result for each label. box: centre x and y, size x and y, angle."""
        x, y, width, height, theta = box
        pose = self("vision_msgs/msg/Pose2D", self("vision_msgs/msg/Point2D", x, y), theta)
        results = [self("vision_msgs/msg/ObjectHypothesisWithPose", self.hypothesis(label), self._nowhere())
                   for label in labels]
        return self("vision_msgs/msg/Detection2D", header, results,
                    self("vision_msgs/msg/BoundingBox2D", pose, width, height), track)

    def _nowhere(self) -> Any:
        """The pose that a message has by default."""
        pose = self("geometry_msgs/msg/Pose", self("geometry_msgs/msg/Point", 0.0, 0.0, 0.0),
                    self("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0))
        return self("geometry_msgs/msg/PoseWithCovariance", pose, np.zeros(36))
