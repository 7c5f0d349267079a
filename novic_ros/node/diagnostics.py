"""Measurements to one diagnostic_msgs/DiagnosticStatus, with the one sentence a person on call wants to read.

Level: ERROR when the model could not be loaded; WARN when no image comes, or frames could not be labelled; else OK.
Written by hand because it is short, and because diagnostic_updater would be one more thing to install.
"""

from dataclasses import dataclass
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

from novic_ros.node.measurements import PERCENTILES, Snapshot, percentile


@dataclass(frozen=True)
class NodeFacts:
    """What the report says beside the measurements."""

    name: str  # fully qualified node name, without the leading slash
    state: str  # lifecycle state
    model: str
    topic: str  # resolved image topic
    publishers: int  # on that topic
    configure_error: str = ""
    silence: str = ""  # why no image may be coming; empty while they come


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
    if facts.silence:
        return DiagnosticStatus.WARN, facts.silence
    if seen.recently_dropped:
        return (
            DiagnosticStatus.WARN,
            f"{seen.recently_dropped} frame(s) gave no labels; the last: {seen.last_error}",
        )
    return DiagnosticStatus.OK, f"labelling at {seen.output_rate:.1f} of {seen.input_rate:.1f} frames/s"


def report(facts: NodeFacts, seen: Snapshot) -> DiagnosticStatus:
    """The whole status. Keys stay the same from message to message, apart from stages and causes not seen yet."""
    level, message = verdict(facts, seen)
    pairs: list[tuple[str, str]] = [
        ("state", facts.state),
        ("model", facts.model),
        ("image topic", facts.topic),
        ("image publishers", str(facts.publishers)),
        ("received", str(seen.received)),
        ("processed", str(seen.processed)),
        ("replaced by a newer frame", str(seen.replaced)),
        ("dropped", str(sum(seen.dropped.values()))),
        *((f"dropped: {cause}", str(count)) for cause, count in sorted(seen.dropped.items())),
        ("input rate (Hz)", f"{seen.input_rate:.2f}"),
        ("output rate (Hz)", f"{seen.output_rate:.2f}"),
    ]
    if seen.frame_age:
        pairs += [(f"frame age p{p} (ms)", f"{1e3 * percentile(seen.frame_age, p):.1f}") for p in PERCENTILES]
    for stage, values in seen.latency.items():
        pairs += [(f"{stage} p{p} (ms)", f"{1e3 * percentile(values, p):.2f}") for p in PERCENTILES]
    pairs += [("memory (MB)", f"{resident_megabytes():.0f}"), ("last error", seen.last_error)]
    return DiagnosticStatus(
        level=level,
        name=f"{facts.name}: labels",
        message=message,
        hardware_id=facts.topic,
        values=[KeyValue(key=key, value=value) for key, value in pairs],
    )
