"""Which level and sentence a report has, and how its values are written."""

from __future__ import annotations

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="needs ROS 2 messages")

from diagnostic_msgs.msg import DiagnosticStatus

from novic_ros.node.diagnostics import NodeFacts, report, resident_megabytes
from novic_ros.node.measurements import Measurements


def facts(**changes) -> NodeFacts:
    values = {
        "name": "front/novic",
        "state": "active",
        "model": "novic_mini",
        "topic": "/front/image",
        "publishers": 1,
    }
    return NodeFacts(**{**values, **changes})


def busy() -> Measurements:
    seen = Measurements(clock=lambda: 100.0)
    seen.listen(True)
    seen.received()
    seen.received()
    seen.processed({"embed": 0.0123, "total": 0.02}, age=0.05)
    return seen


def broken() -> Measurements:
    seen = busy()
    seen.dropped("image", "the JPEG stops early")
    return seen


@pytest.mark.parametrize(
    ("changes", "measurements", "level", "message"),
    [
        ({}, busy(), DiagnosticStatus.OK, "labelling at 1.0 of 2.0 frames/s"),
        ({"state": "inactive"}, broken(), DiagnosticStatus.OK, "inactive: not labelling"),
        ({}, broken(), DiagnosticStatus.WARN, "1 frame(s) gave no labels; the last: the JPEG stops early"),
        ({"silence": "no image for 6 s"}, broken(), DiagnosticStatus.WARN, "no image for 6 s"),
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
    assert (status.name, status.hardware_id) == ("front/novic: labels", "/front/image")


def test_values():
    values = {pair.key: pair.value for pair in report(facts(), broken().snapshot()).values}
    assert values["embed p50 (ms)"] == values["embed p99 (ms)"] == "12.30"
    assert values["total p95 (ms)"] == "20.00"
    assert values["frame age p50 (ms)"] == "50.0"
    assert (values["received"], values["processed"], values["dropped"]) == ("2", "1", "1")
    assert values["dropped: image"] == "1"
    assert values["input rate (Hz)"] == "2.00"


def test_memory_of_a_python_process_is_plausible():
    assert 5 < resident_megabytes() < 100_000
