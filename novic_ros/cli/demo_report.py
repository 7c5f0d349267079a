"""What a demo run gave: every frame with its labels and latency, and the sums over them.

Pure data: nothing is played, printed or drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from novic_ros.labels import Labels


@dataclass(frozen=True)
class DemoFrame:
    """One frame that was sent. `labels` and `latency_ms` are None if no answer came.

    `latency_ms` runs from just before the camera published the frame to the arrival of its labels in a third process.
    """

    number: int
    photo: str
    labels: Labels | None = None
    latency_ms: float | None = None

    @property
    def answered(self) -> bool:
        """Whether a message came back, empty or not."""
        return self.labels is not None

    @property
    def labelled(self) -> bool:
        """Whether at least one label came back."""
        return self.labels is not None and self.labels.best is not None


@dataclass(frozen=True)
class DemoReport:
    """All frames of a run, in the order they were sent; `rate_hz` is the rate asked for."""

    model: str
    rate_hz: float
    frames: tuple[DemoFrame, ...]

    @property
    def answered(self) -> int:
        """Frames with an answer, empty or not."""
        return sum(frame.answered for frame in self.frames)

    @property
    def labelled(self) -> int:
        """Frames with at least one label."""
        return sum(frame.labelled for frame in self.frames)

    @property
    def dropped(self) -> int:
        """Frames that were sent and never answered."""
        return len(self.frames) - self.answered

    def latency_ms(self, percent: float) -> float | None:
        """The nearest-rank percentile of the latencies, in milliseconds; None without any. `percent` in (0, 100]."""
        if not 0 < percent <= 100:
            raise ValueError(f"a percentile must be above 0 and at most 100, came {percent}")
        known = sorted(frame.latency_ms for frame in self.frames if frame.latency_ms is not None)
        return known[math.ceil(percent * len(known) / 100) - 1] if known else None

    def photos(self) -> dict[str, Labels | None]:
        """The answer to each photo's first answered frame, by the photo's name in the order sent."""
        first: dict[str, Labels | None] = {}
        for frame in self.frames:
            if first.get(frame.photo) is None:
                first[frame.photo] = frame.labels
        return first

    def to_dict(self) -> dict[str, Any]:
        """For summary.json."""
        return {
            "model": self.model,
            "rate_hz": self.rate_hz,
            "frames": {
                "sent": len(self.frames),
                "answered": self.answered,
                "labelled": self.labelled,
                "dropped": self.dropped,
            },
            "latency_ms": {name: _rounded(self.latency_ms(int(name[1:]))) for name in ("p50", "p95")},
            "photos": {
                photo: None if labels is None else [label.to_dict() for label in labels.labels]
                for photo, labels in self.photos().items()
            },
        }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
