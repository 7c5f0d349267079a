"""The message types of bags: decoding by the definitions that a bag carries, and those that are known without.

Bags of Humble's sqlite3 recorder and older ones carry no definitions; for these, sensor_msgs and std_msgs of ROS 2 and
vision_msgs 4 (Humble and newer) stand in. Labels are written as the latter. This file opens no bag.
"""

from __future__ import annotations

from typing import Any

__all__ = ["BagError", "MessageTypes", "label_types"]

IDL_SEPARATOR = "=" * 80 + "\n"
MSG, IDL = "ros2msg", "ros2idl"  # formats of definitions, as mcap and sqlite3 spell them
UNKNOWN_HASH = "RIHS01_" + "0" * 64
VISION_MSGS = {  # https://github.com/ros-perception/vision_msgs, branch ros2
    "Point2D": "float64 x\nfloat64 y",
    "Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "ObjectHypothesis": "string class_id\nfloat64 score",
    "ObjectHypothesisWithPose": "ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose",
    "Classification": "std_msgs/Header header\nObjectHypothesis[] results",
    "Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\nstring id",
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
}


class BagError(ValueError):
    """A bag, or something in it, that cannot be used; the message says what was expected, what came and what to do."""


def label_types() -> Any:
    """A typestore of the package rosbags with sensor_msgs, std_msgs and what labels are written as.

    Raises BagError where rosbags is missing.
    """
    try:
        from rosbags.typesys import Stores, get_types_from_msg, get_typestore
    except ModuleNotFoundError as error:
        raise BagError(f"reading and writing bags needs the Python package rosbags ({error}): pip install rosbags") \
            from error
    store = get_typestore(Stores.ROS2_HUMBLE)
    definitions = {}
    for name, text in VISION_MSGS.items():
        definitions.update(get_types_from_msg(text + "\n", f"vision_msgs/msg/{name}"))
    store.register(definitions)
    return store


class MessageTypes:
    """Decodes messages of one bag. Safe to use from several threads once `prepare` was called for a type."""

    def __init__(self):
        self._known: Any = None  # the typestore for bags without definitions, made when it is needed
        self._stores: dict[tuple[str, tuple[str, str]], Any] = {}

    def prepare(self, kind: str, definition: tuple[str, str]) -> None:
        """Have messages of type `kind` decoded. definition: (format, text), ("", "") where the bag has none.

        Raises BagError.
        """
        from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore

        if (kind, definition) in self._stores:
            return
        form, text = definition
        try:
            if not text:
                store = self._known = self._known or label_types()
                if kind not in store.types:
                    raise BagError(f"the bag does not say what a {kind} is, and only sensor_msgs, std_msgs and "
                                   "vision_msgs are known without that; record it with a newer ROS or as mcap")
            else:
                store, types = get_typestore(Stores.EMPTY), {}
                if form == MSG:
                    types = get_types_from_msg(text, kind)
                elif form == IDL:
                    for part in text.split(IDL_SEPARATOR) if text.startswith(IDL_SEPARATOR) else [text]:
                        types |= get_types_from_idl(part.split("\n", 1)[1] if part.startswith("IDL: ") else part) \
                            if part.strip() else {}
                else:
                    raise BagError(f"the definition of {kind} is in format {form!r}; ROS 2 writes {MSG} and {IDL}")
                store.register(types)
            store.get_msgdef(kind)
        except BagError:
            raise
        except Exception as error:  # a damaged definition makes the parser raise anything
            reason = f"{type(error).__name__}: {error}"
            raise BagError(f"the bag's definition of {kind} cannot be used ({reason:.200})") from error
        self._stores[kind, definition] = store

    def text_and_hash(self, kind: str, definition: tuple[str, str]) -> tuple[str, str]:
        """What a bag says about a type when it is written: its definition and RIHS01 hash, "" and zeros if unknown."""
        try:
            self.prepare(kind, definition)
        except BagError:
            return definition[1], UNKNOWN_HASH
        store = self._stores[kind, definition]
        return definition[1] or store.generate_msgdef(kind, ros_version=2)[0], store.hash_rihs01(kind)

    def decode(self, kind: str, definition: tuple[str, str], data: bytes) -> Any:
        """A message from its CDR bytes: an object with the message's fields. Raises BagError if it is damaged."""
        self.prepare(kind, definition)
        try:
            return self._stores[kind, definition].deserialize_cdr(data, kind)
        except Exception as error:  # as above
            reason = f"{type(error).__name__}: {error}"
            raise BagError(f"damaged message of {len(data)} bytes, it is no {kind} ({reason:.200})") from error
