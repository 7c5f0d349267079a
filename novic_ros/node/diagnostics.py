"""Measurements to one diagnostic_msgs/DiagnosticStatus, with the one sentence a person on call wants to read.

Level: ERROR when the model could not be loaded; WARN when a camera sends no image, a vocabulary that was asked for
cannot be used, or frames could not be labelled; else OK. Written by hand because it is short, and because
diagnostic_updater would be one more thing to install.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from novic_ros.node.measurements import PERCENTILES, FrameCounts, Snapshot, percentile
from novic_ros.node.qos import ImageSource, image_topic


@dataclass(frozen=True)
class CameraFacts:
    """What the report says of one camera beside its measurements."""

    name: str  # as in parameter cameras; "" for the only one
    topic: str  # resolved image topic
    publishers: int  # on that topic
    silence: str = ""  # that no image comes, and why; empty while they come


@dataclass(frozen=True)
class NodeFacts:
    """What the report says beside the measurements."""

    name: str  # fully qualified node name, without the leading slash
    state: str  # lifecycle state
    model: str
    cameras: Sequence[CameraFacts]
    vocabulary_version: int = 0
    """Rises with every change of the site vocabulary, as in `vision_info`."""

    configure_error: str = ""
    vocabulary_error: str = ""  # why the last vocabulary that was asked for is not in use


def camera_facts(
    node: Any, camera: str, transport: str, source: ImageSource | None, seen: Snapshot, patience: float
) -> CameraFacts:
    """The facts of one camera; `source` is what its subscription listens to, None while there is none.

    A camera that sent nothing for more than `patience` seconds, since its last image or since the node listens, is
    silent. `transport` is the value of image_transport.
    """
    topic = image_topic(node, camera, transport) if source is None else source.topic
    waited = seen.camera(camera).since_last_image
    silence = ""
    if source is not None and waited is not None and waited > patience:
        silence = f"no image on {topic} for {waited:.1f} s: {source.why_silent(node)}"
    return CameraFacts(camera, topic, node.count_publishers(topic), silence)


def resident_megabytes() -> float:
    """Resident memory of this process in MB (10^6 bytes); NaN where /proc is not there."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        return float("nan")
    import resource

    return int(statm.read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 1e6


def verdict(facts: NodeFacts, seen: Snapshot) -> tuple[bytes, str]:
    """Level and one sentence."""
    if facts.configure_error:
        return DiagnosticStatus.ERROR, f"configure failed: {facts.configure_error}"
    if facts.state != "active":
        return DiagnosticStatus.OK, f"{facts.state}: not labelling"
    silent = [camera.silence for camera in facts.cameras if camera.silence]
    if silent:
        return DiagnosticStatus.WARN, "; ".join(silent)
    if facts.vocabulary_error:
        return DiagnosticStatus.WARN, facts.vocabulary_error
    if seen.recently_dropped:
        return (
            DiagnosticStatus.WARN,
            f"{seen.recently_dropped} frame(s) gave no labels; the last: {seen.last_error}",
        )
    return DiagnosticStatus.OK, f"labelling at {seen.output_rate:.1f} of {seen.input_rate:.1f} frames/s"


def report(facts: NodeFacts, seen: Snapshot) -> DiagnosticStatus:
    """The whole status. Keys stay the same from message to message, apart from stages and causes not seen yet.

    With several cameras, each has its own keys, "CAMERA: received" and so on, beside those of all together.
    """
    level, message = verdict(facts, seen)
    cameras = facts.cameras
    topics = " ".join(camera.topic for camera in cameras)
    pairs: list[tuple[str, str]] = [
        ("state", facts.state),
        ("model", facts.model),
        ("vocabulary version", str(facts.vocabulary_version)),
        ("image topic", topics),
        ("image publishers", str(sum(camera.publishers for camera in cameras))),
        *counts(seen),
    ]
    if len(cameras) > 1:
        for camera in cameras:
            own = [("image topic", camera.topic), ("image publishers", str(camera.publishers))]
            own += counts(seen.camera(camera.name))
            pairs += [(f"{camera.name}: {key}", value) for key, value in own]
    pairs += causes("boxes skipped", seen.skipped_boxes)
    for stage, values in seen.latency.items():
        pairs += milliseconds(stage, values, digits=2)
    pairs += [("memory (MB)", f"{resident_megabytes():.0f}"), ("last error", seen.last_error)]
    return DiagnosticStatus(
        level=level,
        name=f"{facts.name}: labels",
        message=message,
        hardware_id=topics,
        values=[KeyValue(key=key, value=value) for key, value in pairs],
    )


def counts(frames: FrameCounts) -> list[tuple[str, str]]:
    """The rows about the frames of one camera, or of all."""
    return [
        ("received", str(frames.received)),
        ("processed", str(frames.processed)),
        ("replaced by a newer frame", str(frames.replaced)),
        *causes("dropped", frames.dropped),
        ("inside", str(frames.inside)),
        ("input rate (Hz)", f"{frames.input_rate:.2f}"),
        ("output rate (Hz)", f"{frames.output_rate:.2f}"),
        *milliseconds("frame age", frames.frame_age, digits=1),
        ("stamped in the future", str(frames.from_future)),
    ]


def causes(title: str, by_cause: Mapping[str, int]) -> list[tuple[str, str]]:
    """A sum, then its parts by cause in alphabetical order."""
    parts = [(f"{title}: {cause}", str(number)) for cause, number in sorted(by_cause.items())]
    return [(title, str(sum(by_cause.values()))), *parts]


def milliseconds(title: str, seconds: Sequence[float], digits: int) -> list[tuple[str, str]]:
    """The percentiles of some durations; nothing if there are none."""
    ordered = sorted(seconds)  # once; sorting what is sorted is quick
    return [
        (f"{title} p{p} (ms)", f"{1e3 * percentile(ordered, p):.{digits}f}")
        for p in (PERCENTILES if ordered else ())
    ]
