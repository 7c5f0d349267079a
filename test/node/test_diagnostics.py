"""Which level and sentence a report has, and how its values are written."""

from __future__ import annotations

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs ROS 2 messages")

from diagnostic_msgs.msg import DiagnosticStatus

from novic_ros.node.diagnostics import CameraFacts, NodeFacts, camera_facts, report, resident_megabytes
from novic_ros.node.measurements import Measurements


def facts(**changes) -> NodeFacts:
    values = {
        "name": "front/novic",
        "state": "active",
        "model": "novic_mini",
        "cameras": (CameraFacts("", "/front/image", 1),),
        "vocabulary_version": 3,
    }
    return NodeFacts(**{**values, **changes})


def busy() -> Measurements:
    seen = Measurements(clock=lambda: 100.0)
    seen.listen(True)
    seen.received("")
    seen.received("")
    seen.processed("", {"embed": 0.0123, "total": 0.02}, age=0.05)
    return seen


def broken() -> Measurements:
    seen = busy()
    seen.dropped("image", "the JPEG stops early")
    return seen


def silent(*reasons: str) -> tuple[CameraFacts, ...]:
    return tuple(CameraFacts(f"c{i}", f"/c{i}/image", 0, reason) for i, reason in enumerate(reasons))


@pytest.mark.parametrize(
    ("changes", "measurements", "level", "message"),
    [
        ({}, busy(), DiagnosticStatus.OK, "labelling at 1.0 of 2.0 frames/s"),
        ({"state": "inactive"}, broken(), DiagnosticStatus.OK, "inactive: not labelling"),
        ({}, broken(), DiagnosticStatus.WARN, "1 frame(s) gave no labels; the last: the JPEG stops early"),
        ({"cameras": silent("no image for 6 s")}, broken(), DiagnosticStatus.WARN, "no image for 6 s"),
        ({"vocabulary_error": "no such noun"}, broken(), DiagnosticStatus.WARN, "no such noun"),
        ({"cameras": silent("no a", "", "no c")}, busy(), DiagnosticStatus.WARN, "no a; no c"),
        (
            {"configure_error": "no such model", "state": "unconfigured"},
            Measurements(),
            DiagnosticStatus.ERROR,
            "configure failed: no such model",
        ),
    ],
)
def test_level_and_sentence(changes, measurements, level, message):
    status = report(facts(**changes), measurements.snapshot())
    assert (status.level, status.message) == (level, message)
    assert status.name == "front/novic: labels"


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    keys = [pair.key for pair in status.values]
    assert len(set(keys)) == len(keys), "a key stands twice"
    return {pair.key: pair.value for pair in status.values}


def test_values():
    seen = broken()
    seen.skipped("too small", 4)
    seen.skipped("not finite", 1)
    status = report(facts(), seen.snapshot())
    values = values_of(status)
    assert (status.hardware_id, values["image topic"], values["image publishers"]) == (
        "/front/image", "/front/image", "1",
    )  # fmt: skip
    assert values["vocabulary version"] == "3"
    assert values["embed p50 (ms)"] == values["embed p99 (ms)"] == "12.30"
    assert values["total p95 (ms)"] == "20.00"
    assert values["frame age p50 (ms)"] == "50.0"
    assert (values["received"], values["processed"], values["dropped"]) == ("2", "1", "1")
    assert (values["dropped: image"], values["inside"]) == ("1", "0")
    assert values["input rate (Hz)"] == "2.00"
    assert values["boxes skipped"] == "5"
    assert (values["boxes skipped: not finite"], values["boxes skipped: too small"]) == ("1", "4")
    assert values["last error"] == "the JPEG stops early"


def test_one_camera_has_no_rows_of_its_own_and_several_have():
    assert not [key for key in values_of(report(facts(), busy().snapshot())) if key.startswith(":")]
    seen = Measurements(clock=lambda: 100.0)
    seen.listen(True)
    seen.received("front")
    seen.received("front")
    seen.received("rear")
    seen.processed("rear", {"embed": 0.01}, age=0.2)
    seen.dropped("image", "broken", "front")
    cameras = (
        CameraFacts("front", "/robot/front/image", 2),
        CameraFacts("rear", "/robot/rear/image", 1),
        CameraFacts("left", "/robot/left/image", 0),
    )
    status = report(facts(cameras=cameras), seen.snapshot())
    values = values_of(status)
    assert values["image topic"] == "/robot/front/image /robot/rear/image /robot/left/image"
    assert (values["image publishers"], values["received"], values["dropped"]) == ("3", "3", "1")
    assert (values["front: received"], values["front: processed"], values["front: inside"]) == ("2", "0", "1")
    assert values["front: dropped: image"] == "1" and "rear: dropped: image" not in values
    assert (values["rear: output rate (Hz)"], values["rear: frame age p99 (ms)"]) == ("1.00", "200.0")
    assert "front: frame age p50 (ms)" not in values
    assert (values["left: received"], values["left: image publishers"]) == ("0", "0")
    assert values["rear: image topic"] == "/robot/rear/image"


class Source:
    topic = "/robot/rear/image"

    def why_silent(self, _node) -> str:
        return "nobody publishes there"


class FakeNode:
    def count_publishers(self, topic) -> int:
        return {"/robot/rear/image": 2}.get(topic, 0)

    def resolve_topic_name(self, topic) -> str:
        return f"/robot/{topic}"


def test_a_camera_is_silent_from_its_last_image_on_and_only_while_somebody_listens():
    now = 100.0
    seen = Measurements(clock=lambda: now)
    seen.listen(True)
    seen.received("rear")

    def rear(source):
        return camera_facts(FakeNode(), "rear", "raw", source, seen.snapshot(), patience=5.0)

    now = 105.0
    assert rear(Source()) == CameraFacts("rear", "/robot/rear/image", 2)
    now = 106.25
    silence = "no image on /robot/rear/image for 6.2 s: nobody publishes there"
    assert rear(Source()).silence == silence
    assert rear(None) == CameraFacts("rear", "/robot/rear/image", 2), "not active"
    never = camera_facts(FakeNode(), "left", "compressed", Source(), seen.snapshot(), patience=5.0)
    assert never.silence == silence, "it never sent anything since the node listens"
    seen.listen(False)
    assert rear(Source()).silence == ""


def test_memory_of_a_python_process_is_plausible():
    assert 5 < resident_megabytes() < 100_000
