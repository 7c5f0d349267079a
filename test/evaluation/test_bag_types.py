"""Messages are decoded by the definitions that bags carry: of other distributions, as IDL, and damaged ones."""

import json

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.evaluation.bag_frames import FrameWishes, frames, read_boxes
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_truth import LabelTopic
from novic_ros.evaluation.bag_types import BagError, MessageTypes, label_types
from novic_ros.labels import Region

FOXY = {  # vision_msgs 2, of ROS 2 Foxy
    "ObjectHypothesisWithPose": "string id\nfloat64 score\ngeometry_msgs/PoseWithCovariance pose\n",
    "BoundingBox2D": "geometry_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n",
    "Detection2D": "std_msgs/Header header\nObjectHypothesisWithPose[] results\nBoundingBox2D bbox\n"
                   "bool is_tracking\nstring tracking_id\n",
    "Detection2DArray": "std_msgs/Header header\nDetection2D[] detections\n",
}
IDL = """module demo_msgs { module msg {
  struct Point { double x; float y; };
  struct Shape { string name; sequence<demo_msgs::msg::Point> points; };
}; };
"""


def foxy_bag(path):
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS2_FOXY)
    old = {}
    for name, text in FOXY.items():
        old |= get_types_from_msg(text, f"vision_msgs/msg/{name}")
    store.register(old)

    def make(kind, *values):
        return store.types[kind](*values)

    header = make("std_msgs/msg/Header", make("builtin_interfaces/msg/Time", *divmod(makers.BEGIN, 10**9)), "camera")
    pose = make("geometry_msgs/msg/PoseWithCovariance", make(
        "geometry_msgs/msg/Pose", make("geometry_msgs/msg/Point", 0.0, 0.0, 0.0),
        make("geometry_msgs/msg/Quaternion", 0.0, 0.0, 0.0, 1.0)), np.zeros(36))
    box = make("vision_msgs/msg/BoundingBox2D", make("geometry_msgs/msg/Pose2D", 20.0, 20.0, 0.0), 10.0, 10.0)
    result = make("vision_msgs/msg/ObjectHypothesisWithPose", "cup", 0.5, pose)
    array = make("vision_msgs/msg/Detection2DArray", header,
                 [make("vision_msgs/msg/Detection2D", header, [result], box, True, "7")])
    image = make("sensor_msgs/msg/Image", header, 48, 64, "rgb8", 0, 192, makers.colour(5).reshape(-1))
    with Writer(path, version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        for topic, message in (("/camera/image", image), ("/boxes", array)):
            connection = writer.add_connection(topic, message.__msgtype__, typestore=store)
            writer.write(connection, makers.BEGIN, store.serialize_cdr(message, message.__msgtype__))
    return path


def test_detections_of_older_distributions_are_understood(tmp_path):
    with Bag(foxy_bag(tmp_path / "bag")) as bag:
        (boxes,) = read_boxes(bag, "/boxes")
        assert (boxes.ids, tuple(boxes.boxes[0])) == (["7"], (20.0, 20.0, 10.0, 10.0, 0.0))
        (frame,) = frames(bag, FrameWishes(detections=(("", "/boxes"),)))
        assert frame.regions == (Region(15, 15, 10, 10, "7"),)
        assert frame.image[0, 0, 0] == 5
        assert LabelTopic(bag, "/boxes").of("/camera/image", makers.BEGIN, 0, "7").truth.name == "cup"


@pytest.mark.parametrize("whole", [IDL, f"{'=' * 80}\nIDL: demo_msgs/msg/Shape\n{IDL}"])
def test_definitions_in_idl(whole):
    definition = ("ros2idl", whole)
    types = MessageTypes()
    types.prepare("demo_msgs/msg/Shape", definition)
    data = b"\x00\x01\x00\x00" + b"\x04\x00\x00\x00box\x00" + b"\x01\x00\x00\x00" + b"\x00" * 4 + np.array(
        [1.5]).tobytes() + np.array([2.5], np.float32).tobytes()
    shape = types.decode("demo_msgs/msg/Shape", definition, data)
    assert (shape.name, shape.points[0].x, shape.points[0].y) == ("box", 1.5, 2.5)


@pytest.mark.parametrize(("definition", "expected"), [
    (("protobuf", "message A {}"), "is in format 'protobuf'; ROS 2 writes ros2msg and ros2idl"),
    (("ros2msg", "this is no definition"), "the bag's definition of a/msg/A cannot be used"),
    (("ros2msg", "b/msg/Unknown thing"), "the bag's definition of a/msg/A cannot be used"),
    (("ros2idl", "module {"), "the bag's definition of a/msg/A cannot be used"),
    (("", ""), "does not say what a a/msg/A is"),
])
def test_definitions_that_cannot_be_used_are_one_sentence(definition, expected):
    with pytest.raises(BagError, match=expected):
        MessageTypes().prepare("a/msg/A", definition)


def test_what_is_written_about_a_type():
    types = MessageTypes()
    known = label_types()
    text, digest = types.text_and_hash("std_msgs/msg/String", ("", ""))
    assert "string data" in text
    assert digest == known.hash_rihs01("std_msgs/msg/String")
    assert types.text_and_hash("std_msgs/msg/String", ("ros2msg", "string data\n")) == ("string data\n", digest)
    assert types.text_and_hash("a/msg/A", ("", "")) == ("", "RIHS01_" + "0" * 64)


def test_the_types_of_labels_are_upstreams(root):
    expected = json.loads((root / "test" / "vision_msgs_hashes.json").read_text())
    known = label_types()
    ours = [kind for kind in known.fielddefs if kind.startswith("vision_msgs/")]
    assert len(ours) == 8
    for kind in ours:
        assert known.hash_rihs01(kind) == expected[kind.rpartition("/")[2]]
