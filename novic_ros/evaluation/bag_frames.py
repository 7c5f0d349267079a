"""The frames of a bag: every message of its image topics as RGB, in the order of recording, with the boxes in it.

Decoding runs ahead in threads, so that it costs a labeller no time. A frame that cannot be decoded comes too, with the
reason. Which boxes belong to a frame: those of the same stamp, else the nearest within a tolerance; boxes serve one
frame. This is how the node pairs them (`node/detections.py`), but here none comes late. Nothing is labelled here.
"""

from __future__ import annotations

import bisect
import itertools
import struct
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from novic_ros import images
from novic_ros.evaluation.bag_reader import Bag, Message
from novic_ros.evaluation.bag_types import BagError
from novic_ros.labels import Region
from novic_ros.regions import Box, CropRules, choose_regions

__all__ = ["DETECTION_TYPE", "IMAGE_TYPES", "Boxes", "Frame", "FrameWishes", "assign_boxes", "decode_frame",
           "detection_id", "frames", "header_frame_id", "header_stamp", "image_topics", "paired_boxes", "read_boxes"]

IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
DETECTION_TYPE = "vision_msgs/msg/Detection2DArray"
AHEAD = 8  # frames that are decoded while the labeller is busy


@dataclass(frozen=True)
class FrameWishes:
    """Which frames, and what to look at in them.

    images: topics; empty for every image topic. detections: (image topic, topic of its boxes); with ("", topic) for
    the only image topic. slop: seconds. include_frame: look at the whole frame as well as at its boxes.
    """

    images: tuple[str, ...] = ()
    detections: tuple[tuple[str, str], ...] = ()
    crops: CropRules = field(default_factory=CropRules)
    include_frame: bool = True
    slop: float = 0.0


class Boxes(NamedTuple):
    """What a detector said about one frame."""

    stamp: int  # ns
    boxes: Sequence[Box]
    ids: Sequence[str]
    message: Any  # vision_msgs/Detection2DArray
    data: bytes  # the same as CDR


@dataclass(frozen=True, eq=False)  # comparing two would compare their pixels
class Frame:
    """One message of an image topic, decoded.

    index: its place in its topic, from 0. stamp: the header's, ns, 0 if the camera does not stamp. image: RGB uint8
    [H, W, 3]; None if there is none, and then `cause` says in a word why and `reason` in a sentence. boxes: None if
    none belong to it. places: what to look at beside the whole frame, (place in boxes, region). skipped: boxes that
    were left out, by cause.
    """

    topic: str
    kind: str  # one of IMAGE_TYPES
    index: int
    stamp: int
    recorded: int
    data: bytes  # CDR of the message
    image: np.ndarray | None = None
    cause: str = ""
    reason: str = ""
    boxes: Boxes | None = None
    places: tuple[tuple[int, Region], ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # of decoding

    @property
    def regions(self) -> tuple[Region, ...]:
        """The regions to look at, in the order of their boxes."""
        return tuple(region for _, region in self.places)


def image_topics(bag: Bag, wishes: FrameWishes) -> dict[str, str]:
    """The wished image topics -> topics of their boxes ("" for none), by name. Raises BagError if one is not there."""
    present = sorted(topic for topic, kind in bag.topics.items() if kind in IMAGE_TYPES)
    listed = ", ".join(f"{topic} ({bag.counts[topic]} frames)" for topic in present) or "none"
    missing = [topic for topic in wishes.images if topic not in present]
    if missing or not present:
        wanted = f"image topic {', '.join(missing)}" if missing else "an image topic"
        raise BagError(f"{bag.path}: expected {wanted}, image topics in it: {listed}")
    chosen = sorted(wishes.images) or present
    found = dict.fromkeys(chosen, "")
    for image, detections in wishes.detections:
        if not image and len(chosen) > 1:
            raise BagError(f"{bag.path}: of which image topic are the boxes of {detections}? Image topics in it: "
                           f"{listed}")
        image = image or chosen[0]
        if image not in found:
            raise BagError(f"{bag.path}: boxes of {image} are asked for, but that image topic is not; asked for: "
                           f"{', '.join(chosen)}")
        if bag.topics.get(detections) != DETECTION_TYPE:
            of_type = ", ".join(sorted(topic for topic, kind in bag.topics.items() if kind == DETECTION_TYPE)) or "none"
            raise BagError(f"{bag.path}: expected a topic {detections} of type {DETECTION_TYPE}, such topics in it: "
                           f"{of_type}")
        found[image] = detections
    return found


def frames(bag: Bag, wishes: FrameWishes, *, skip: int = 0, threads: int = 2, pixels: bool = True) -> Iterator[Frame]:
    """Every frame in the order of recording, without the first `skip`. pixels=False leaves out decoding.

    Raises BagError for topics that are not there or whose message type cannot be understood.
    """
    topics = image_topics(bag, wishes)
    for channel in bag.channels:
        if channel.topic in topics and channel.kind in IMAGE_TYPES:
            bag.types.prepare(channel.kind, channel.definition)
    paired = paired_boxes(bag, wishes)
    with ThreadPoolExecutor(threads, thread_name_prefix="novic_decode") as pool:
        waiting: deque[Future[Frame]] = deque()
        try:
            for message, index in itertools.islice(_numbered(bag, list(topics)), skip, None):
                boxes = paired[message.channel.topic][index] if message.channel.topic in paired else None
                waiting.append(pool.submit(decode_frame, bag, message, index, boxes, wishes, pixels))
                if len(waiting) > AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def decode_frame(bag: Bag, message: Message, index: int, boxes: Boxes | None, wishes: FrameWishes,
                 pixels: bool = True) -> Frame:
    """One frame, its pixels and the regions in it. Whatever is wrong with it stands in the frame."""
    begin = time.perf_counter()
    channel = message.channel
    frame = {"topic": channel.topic, "kind": channel.kind, "index": index, "stamp": header_stamp(message.data),
             "recorded": message.recorded, "data": message.data, "boxes": boxes}
    if not pixels:
        return Frame(**frame)
    if boxes is None and not wishes.include_frame:
        return Frame(**frame, cause="no boxes", reason="no detections belong to it")
    try:
        image = images.from_message(bag.decode(message))
    except BagError as error:
        return Frame(**frame, cause="message", reason=str(error))
    except images.ImageError as error:
        return Frame(**frame, cause="image", reason=str(error))
    except Exception as error:  # out of memory, or a fault below; either way it is this frame's alone
        return Frame(**frame, cause="image", reason=f"{type(error).__name__}: {error}")
    places, skipped = (), {}
    if boxes is not None:
        height, width = image.shape[:2]
        places, skipped = choose_regions(boxes.boxes, width, height, wishes.crops, boxes.ids)
    return Frame(**frame, image=image, places=places, skipped=skipped, seconds=time.perf_counter() - begin)


def header_stamp(data: bytes) -> int:
    """ns of a CDR message that begins with a std_msgs/Header; 0 if it is too short to have one."""
    if len(data) < 12:
        return 0
    seconds, nanoseconds = struct.unpack_from("<iI" if data[1] & 1 else ">iI", data, 4)
    return seconds * 10**9 + nanoseconds


def header_frame_id(data: bytes) -> str:
    """The frame id of a CDR message that begins with a std_msgs/Header; "" if it is too short to have one."""
    if len(data) < 16:
        return ""
    (length,) = struct.unpack_from("<I" if data[1] & 1 else ">I", data, 12)
    return data[16:16 + length].rstrip(b"\0").decode("utf-8", "replace")


def detection_id(detection: Any) -> str:
    """What a detector calls a thing over time; "" if nothing. vision_msgs 4 has `id`, older ones `tracking_id`."""
    return str(getattr(detection, "id", "") or getattr(detection, "tracking_id", ""))


def paired_boxes(bag: Bag, wishes: FrameWishes) -> dict[str, list[Boxes | None]]:
    """Image topic -> for each of its frames the boxes that belong to it, of those topics whose boxes are wished."""
    found = {}
    for topic, detections in image_topics(bag, wishes).items():
        if detections:
            boxes = read_boxes(bag, detections)
            stamps = [header_stamp(message.data) for message in _image_messages(bag, [topic])]
            places = assign_boxes(stamps, [one.stamp for one in boxes], round(wishes.slop * 1e9))
            found[topic] = [None if place is None else boxes[place] for place in places]
    return found


def read_boxes(bag: Bag, topic: str) -> list[Boxes]:
    """All that a detector said, in the order of recording; what cannot be decoded is a problem of the bag."""
    found, damaged = [], []
    for message in bag.messages([topic]):
        try:
            array = bag.decode(message)
            boxes = [_box(one.bbox) for one in array.detections]
            ids = [detection_id(one) for one in array.detections]
        except (BagError, AttributeError) as error:
            damaged.append(error)
            continue
        found.append(Boxes(header_stamp(message.data), boxes, ids, array, message.data))
    if damaged:
        bag.add_problem(f"{bag.name}: {len(damaged)} messages of {topic} cannot be used; the first: {damaged[0]}")
    return found


def assign_boxes(stamps: Sequence[int], boxes: Sequence[int], slop: int) -> list[int | None]:
    """For each frame the place of its boxes, or None; stamps and slop in ns.

    Boxes of the same stamp come first, one to one in order; then each frame without any takes the nearest that are
    left within slop, of two as near the earlier.
    """
    free: dict[int, deque[int]] = {}
    for place, stamp in enumerate(boxes):
        free.setdefault(stamp, deque()).append(place)
    found = [free[stamp].popleft() if free.get(stamp) else None for stamp in stamps]
    left = sorted((stamp, place) for stamp, places in free.items() for place in places)
    for number, stamp in enumerate(stamps):
        if found[number] is None and slop > 0:
            begin = bisect.bisect_left(left, (stamp - slop,))
            end = bisect.bisect_right(left, (stamp + slop, len(boxes)))
            if begin < end:
                nearest = min(range(begin, end), key=lambda at: abs(left[at][0] - stamp))
                found[number] = left.pop(nearest)[1]
    return found


def _numbered(bag: Bag, topics: Sequence[str]) -> Iterator[tuple[Message, int]]:
    """(message, its place in its topic) of the frames of some topics."""
    places = dict.fromkeys(topics, 0)
    for message in _image_messages(bag, topics):
        yield message, places[message.channel.topic]
        places[message.channel.topic] += 1


def _image_messages(bag: Bag, topics: Sequence[str]) -> Iterator[Message]:
    return (message for message in bag.messages(topics) if message.channel.kind in IMAGE_TYPES)


def _box(bbox: Any) -> Box:
    """vision_msgs 4 has center.position.x, older ones center.x."""
    position = getattr(bbox.center, "position", bbox.center)
    return Box(position.x, position.y, bbox.size_x, bbox.size_y, bbox.center.theta)
