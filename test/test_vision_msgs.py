"""The message types built from interfaces/vision_msgs are, on the wire, the ones that robots have.

A type's RIHS01 hash (REP-2016) covers its name, its fields and everything nested in it; two machines only
talk where it is equal. vision_msgs_hashes.json holds the hashes of the upstream package. They are compared
with what the .msg files here give, computed by another implementation, and with what the installed package
was built from. It is NOT a test of publishing and subscribing (test/system/).
"""

import importlib
import json
import os
from pathlib import Path

import pytest

UPSTREAM = json.loads((Path(__file__).parent / "vision_msgs_hashes.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def typestore(root):
    """A store of message types that knows the common ones and the .msg files of this checkout."""
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
    types = {}
    for path in sorted((root / "interfaces/vision_msgs/msg").glob("*.msg")):
        text = path.read_text(encoding="utf-8")
        types.update(typesys.get_types_from_msg(text, f"vision_msgs/msg/{path.stem}"))
    store.register(types)
    return store


def installed_description(name: str) -> Path | None:
    """Where the installed package gives a type's hash; None where its ROS does not write that."""
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "share/vision_msgs/msg" / f"{name}.json"
        if path.is_file():
            return path
    return None


def test_the_message_files_are_those_with_a_known_hash(root):
    files = {path.stem for path in (root / "interfaces/vision_msgs/msg").glob("*.msg")}
    assert files == set(UPSTREAM)
    assert len(files) == 11


@pytest.mark.parametrize("name", sorted(UPSTREAM))
def test_the_message_file_has_the_hash_of_upstream(typestore, name):
    assert typestore.hash_rihs01(f"vision_msgs/msg/{name}") == UPSTREAM[name]


@pytest.mark.parametrize("name", sorted(UPSTREAM))
def test_the_installed_type_has_the_hash_of_upstream(name):
    messages = pytest.importorskip("vision_msgs.msg")
    path = installed_description(name)
    if path is None:
        pytest.skip("the sourced ROS is older than type hashes (Iron)")
    hashes = json.loads(path.read_text(encoding="utf-8"))["type_hashes"]
    assert {"type_name": f"vision_msgs/msg/{name}", "hash_string": UPSTREAM[name]} in hashes
    assert hasattr(messages, name)


@pytest.mark.parametrize("name", sorted(UPSTREAM))
def test_the_installed_type_has_the_fields_of_the_message_file(typestore, name):
    messages = pytest.importorskip("vision_msgs.msg")
    fields = [field for field, _ in typestore.fielddefs[f"vision_msgs/msg/{name}"][1]]
    assert list(getattr(messages, name).get_fields_and_field_types()) == fields


def test_a_changed_field_changes_the_hash(root):
    typesys = pytest.importorskip("rosbags.typesys")
    store = typesys.get_typestore(typesys.Stores.ROS2_HUMBLE)
    text = (root / "interfaces/vision_msgs/msg/Point2D.msg").read_text(encoding="utf-8")
    text = text.replace("float64 y", "float32 y")
    store.register(typesys.get_types_from_msg(text, "vision_msgs/msg/Point2D"))
    assert store.hash_rihs01("vision_msgs/msg/Point2D") != UPSTREAM["Point2D"]


def test_an_installed_message_makes_the_round_trip():
    messages = pytest.importorskip("vision_msgs.msg")
    serialization = importlib.import_module("rclpy.serialization")
    hypothesis = messages.ObjectHypothesisWithPose()
    hypothesis.hypothesis.class_id = "bird feeder"
    hypothesis.hypothesis.score = 0.75
    detection = messages.Detection2D(id="crop 7", results=[hypothesis])
    detection.bbox.center.position.x = 320.5
    sent = messages.Detection2DArray(detections=[detection])
    sent.header.frame_id = "camera"
    data = serialization.serialize_message(sent)
    assert serialization.deserialize_message(data, messages.Detection2DArray) == sent
