"""Labelled bags have every message of the first bag, and after each frame what the node would have said."""

import numpy as np
import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.evaluation.bag_frames import FrameWishes
from novic_ros.evaluation.bag_reader import Bag, BagError
from novic_ros.evaluation.bag_record import label_topics, record_bag
from novic_ros.evaluation.bag_run import BagJob
from novic_ros.evaluation.bag_truth import LabelTopic
from novic_ros.regions import CropRules

BEGIN, STEP = makers.BEGIN, makers.STEP


def record(path, output, labeller=None, wishes=None, storage="mcap"):
    job = BagJob(str(path), "bag", wishes or FrameWishes())
    return record_bag(job, output, labeller or makers.ColourLabeller(), storage)


def content(path, topics=None):
    with Bag(path) as bag:
        assert bag.problems == []
        return [(message.channel.topic, message.recorded, message.data) for message in bag.messages(topics)]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
@pytest.mark.parametrize("target", ["mcap", "sqlite3"])
def test_nothing_is_lost_and_labels_follow_their_frames(tmp_path, storage, target):
    plan = [*makers.camera(3, "/robot/image_raw"), ("/chatter", makers.STRING, BEGIN, makers.string("hello"))]
    path = makers.write_bag(tmp_path / "bag", plan, storage)
    said, problems = record(path, tmp_path / "out", storage=target)
    assert (problems, len(said)) == ([], 3)
    assert content(tmp_path / "out", ["/robot/image_raw", "/chatter"]) == content(path)
    with Bag(tmp_path / "out") as bag:
        assert bag.counts == {"/robot/image_raw": 3, "/chatter": 1, "/robot/labels": 3, "/robot/classification": 3,
                              "/robot/label": 3}
        for topic, kind in (("/robot/labels", makers.DETECTIONS), ("/robot/classification", makers.CLASSIFICATION),
                            ("/robot/label", makers.STRING)):
            found = list(bag.messages([topic]))
            assert {message.channel.kind for message in found} == {kind}
            assert [message.recorded for message in found] == [one.recorded for one in said]
        second = [bag.decode(message) for message in bag.messages() if message.channel.topic.startswith("/robot/l")
                  and message.recorded == said[1].recorded]
        (label,), (array,) = [[one for one in second if hasattr(one, name)] for name in ("data", "detections")]
        (detection,) = array.detections
        assert label.data == "red 1"
        assert (array.header.stamp.sec, array.header.stamp.nanosec, array.header.frame_id) == (
            *divmod(said[1].stamp, 10**9), "camera")
        assert [(one.hypothesis.class_id, one.hypothesis.score) for one in detection.results] == [
            ("red 1", 0.9), ("colour", 0.05)]
        box = detection.bbox
        assert (box.center.position.x, box.center.position.y, box.size_x, box.size_y) == (32, 24, 64, 48)
        assert detection.id == ""
        assert detection.results[0].pose.pose.orientation.w == 1.0
        np.testing.assert_array_equal(detection.results[0].pose.covariance, np.zeros(36))
        truth = LabelTopic(bag, "/robot/labels")  # and an evaluation can read it as truth
        assert truth.of("/robot/image_raw", said[1].stamp, 0).truth.name == "red 1"


def test_two_recordings_are_the_same_to_the_byte(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(5))
    for name in ("a", "b"):
        record(path, tmp_path / name / "out")
    assert makers.storage_file(tmp_path / "a" / "out").read_bytes() == makers.storage_file(
        tmp_path / "b" / "out").read_bytes()


def test_crops_are_said_with_their_detections_boxes(tmp_path):
    boxes = makers.detections(BEGIN, makers.detection(BEGIN + 5, (500, 0, 4, 4), "far"),
                              makers.detection(BEGIN + 5, (20, 20.5, 10, 10), "7", cup=0.5))
    plan = [("/boxes", makers.DETECTIONS, BEGIN, boxes), *makers.camera(2)]
    path = makers.write_bag(tmp_path / "bag", plan)
    record(path, tmp_path / "out", wishes=FrameWishes(detections=(("", "/boxes"),), crops=CropRules(0.5)))
    with Bag(tmp_path / "out") as bag:
        first, second = [bag.decode(message) for message in bag.messages(["/camera/labels"])]
    assert len(second.detections) == 1
    crop = first.detections[1]
    assert (crop.id, crop.bbox.center.position.y, crop.bbox.size_x) == ("7", 20.5, 10.0)
    assert crop.header.stamp.nanosec == (BEGIN + 5) % 10**9
    assert crop.results[0].hypothesis.class_id == "red 0"
    record(path, tmp_path / "alone", wishes=FrameWishes(detections=(("", "/boxes"),), include_frame=False))
    with Bag(tmp_path / "alone") as bag:
        (only,) = [bag.decode(message) for message in bag.messages(["/camera/labels"])]
        (classification,) = [bag.decode(message) for message in bag.messages(["/camera/classification"])]
        (label,) = [bag.decode(message) for message in bag.messages(["/camera/label"])]
    assert [one.id for one in only.detections] == ["7"]
    assert (list(classification.results), label.data) == ([], "")


def test_the_messages_are_those_of_the_node(tmp_path):
    pytest.importorskip("rclpy", reason="needs ROS 2")
    pytest.importorskip("vision_msgs.msg", reason="needs vision_msgs")
    from rclpy.serialization import deserialize_message
    from sensor_msgs.msg import Image
    from vision_msgs.msg import Detection2DArray

    from novic_ros.labels import Label
    from novic_ros.node.messages import label_messages, whole_frame

    boxes = makers.detections(BEGIN, makers.detection(BEGIN + 5, (20, 20.5, 10, 10), "7", cup=0.5))
    plan = [("/boxes", makers.DETECTIONS, BEGIN, boxes), *makers.camera(1)]
    path = makers.write_bag(tmp_path / "bag", plan)
    record(path, tmp_path / "out", wishes=FrameWishes(detections=(("", "/boxes"),)))
    recorded = {topic: data for topic, _, data in content(tmp_path / "out")}
    header = deserialize_message(recorded["/camera/image"], Image).header
    (crop,) = deserialize_message(recorded["/boxes"], Detection2DArray).detections
    labels = [Label("red 0", 0.9), Label("colour", 0.05)]
    said = label_messages(header, [(whole_frame(header, 64, 48), labels), (crop, labels)], labels)
    for topic, message in (("/camera/labels", said.labels), ("/camera/classification", said.classification),
                           ("/camera/label", said.label)):
        assert deserialize_message(recorded[topic], type(message)) == message


def test_frames_that_cannot_be_labelled_stay_without_labels(tmp_path):
    plan = makers.camera(3)
    plan[1] = (*plan[1][:3], makers.raw(BEGIN + STEP, 1, encoding="32FC1"))
    path = makers.write_bag(tmp_path / "bag", plan)
    said, _ = record(path, tmp_path / "out")
    assert [one.cause for one in said] == ["", "image", ""]
    with Bag(tmp_path / "out") as bag:
        assert bag.counts["/camera/image"] == 3
        assert bag.counts["/camera/labels"] == 2


def test_bags_without_definitions_get_those_that_are_known(tmp_path):
    path = makers.without_definitions(makers.write_bag(tmp_path / "bag", makers.camera(2), "sqlite3", version=8))
    record(path, tmp_path / "out")
    with Bag(tmp_path / "out") as bag:
        definitions = {channel.topic: channel.definition for channel in bag.channels}
        assert "uint8 is_bigendian" in definitions["/camera/image"][1]
        assert [int(bag.decode(message).data[0]) for message in bag.messages(["/camera/image"])] == [0, 1]


def test_what_publishers_offered_is_kept(tmp_path):
    from rosbags.interfaces import Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
    from rosbags.rosbag2 import StoragePlugin, Writer

    never = QosTime(2147483647, 4294967295)
    latched = Qos(QosHistory.KEEP_LAST, 1, QosReliability.RELIABLE, QosDurability.TRANSIENT_LOCAL, never, never,
                  QosLiveliness.AUTOMATIC, never, False)
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        camera = writer.add_connection("/camera/image", makers.IMAGE, typestore=makers.TYPES)
        chatter = writer.add_connection("/map", makers.STRING, typestore=makers.TYPES, offered_qos_profiles=[latched])
        for connection, message in ((camera, makers.raw(BEGIN, 0)), (chatter, makers.string("map"))):
            writer.write(connection, BEGIN, makers.TYPES.serialize_cdr(message, connection.msgtype))
    file = makers.storage_file(record(tmp_path / "bag", tmp_path / "out") and tmp_path / "out")
    cut = tmp_path / "cut.mcap"
    cut.write_bytes(file.read_bytes()[:-60])
    for path in (tmp_path / "out", cut):
        with Bag(path) as bag:
            profiles = {channel.topic: channel.profiles for channel in bag.channels}
        assert profiles["/map"] == (latched,)
        assert profiles["/camera/image"] == ()


def test_nothing_stays_behind_when_it_fails(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(3))

    class Interrupted(makers.ColourLabeller):
        def label_timed(self, images):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(path, tmp_path / "out", Interrupted())
    assert not (tmp_path / "out").exists()


def test_what_is_there_is_not_written_over(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(1))
    record(path, tmp_path / "out")
    with pytest.raises(BagError, match="expected a folder that is not there yet"):
        record(path, tmp_path / "out")
    with pytest.raises(BagError, match="expected a bag without the labels' topics, it has /camera/classification"):
        record(tmp_path / "out", tmp_path / "again")
    with pytest.raises(BagError, match="expected mcap or sqlite3"):
        record(path, tmp_path / "other", storage="rosbag1")


@pytest.mark.parametrize(("images", "expected"), [
    (["/camera/image"], {"/camera/image": "/camera/labels"}),
    (["/front/image_raw/compressed"], {"/front/image_raw/compressed": "/front/labels"}),
    (["/image"], {"/image": "/labels"}),
    (["/a/image", "/b/image"], {"/a/image": "/a/labels", "/b/image": "/b/labels"}),
    (["/a/left", "/a/right", "/b/x"],
     {"/a/left": "/a/left/labels", "/a/right": "/a/right/labels", "/b/x": "/b/labels"}),
    (["/a/image", "/a/image/compressed"], {"/a/image": "/a/image/labels",
                                           "/a/image/compressed": "/a/image/compressed/labels"}),
])
def test_labels_are_named_as_by_a_node_in_the_cameras_namespace(images, expected):
    assert {image: names["labels"] for image, names in label_topics(images).items()} == expected
    every = [topic for names in label_topics(images).values() for topic in names.values()]
    assert len(set(every)) == 3 * len(images)
