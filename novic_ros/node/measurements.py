"""Counters, rates, ages and latencies of the frames that passed through the node, per camera and in total.

Counters run since start; rates, ages and latencies look at a sliding window of a few seconds, so that they describe
now. For every camera, received = processed + replaced + dropped + inside. No ROS here: `diagnostics.py` turns a
snapshot into a message.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

PERCENTILES = (50, 95, 99)


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` % of them do not exceed (nearest rank; 0 < percent <= 100).

    Raises ValueError if `values` is empty or `percent` is out of range.
    """
    if not values or not 0 < percent <= 100:
        raise ValueError(
            f"expected values and 0 < percent <= 100, got {len(values)} values and {percent} percent"
        )
    return sorted(values)[math.ceil(len(values) * percent / 100) - 1]


class SlidingWindow:
    """The values of the last `seconds` seconds, at most `limit` of them. Not safe to share between threads."""

    def __init__(self, seconds: float, limit: int = 4096) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=limit)  # when each value came, oldest first
        self._values: deque[float] = deque(maxlen=limit)

    def add(self, now: float, value: float) -> None:
        """Append one value observed at `now` (seconds, never running backwards)."""
        self._times.append(now)
        self._values.append(value)

    def values(self, now: float) -> tuple[float, ...]:
        """The values not older than the window, oldest first."""
        while self._times and self._times[0] < now - self._seconds:
            self._times.popleft()
            self._values.popleft()
        return tuple(self._values)


class SlidingCount:
    """How often something happened in the last `seconds` seconds. Not safe to share between threads.

    Unlike a window of values it has no limit: counts are kept per hundredth of the window, and so is its precision.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._bins: deque[list[float]] = deque()  # [when the bin began, count], oldest first

    def add(self, now: float, count: int = 1) -> None:
        """Count `count` more at `now` (seconds, never running backwards)."""
        if not self._bins or now - self._bins[-1][0] >= self._seconds / 100:
            self._forget(now)
            self._bins.append([now, 0])
        self._bins[-1][1] += count

    def total(self, now: float) -> int:
        """The number within the window."""
        self._forget(now)
        return int(sum(count for _, count in self._bins))

    def _forget(self, now: float) -> None:
        while self._bins and self._bins[0][0] < now - self._seconds:
            self._bins.popleft()


@dataclass(frozen=True)
class FrameCounts:
    """What became of the frames of one camera, or of all. Times in seconds, rates in frames per second."""

    received: int = 0
    processed: int = 0
    replaced: int = 0  # by a newer frame, before the worker took them
    dropped: Mapping[str, int] = field(default_factory=dict)  # cause -> frames, since start
    input_rate: float = 0.0
    output_rate: float = 0.0
    since_last_image: float | None = None
    """Since the last image, or since `listen` if none came; None if no image is expected."""

    frame_age: tuple[float, ...] = ()  # now - stamp at publishing, within the window
    from_future: int = 0  # frames whose stamp was later than the clock when they were published

    @property
    def inside(self) -> int:
        """Frames that still wait or are being labelled."""
        return self.received - self.processed - self.replaced - sum(self.dropped.values())


@dataclass(frozen=True)
class Snapshot(FrameCounts):
    """All measurements at one moment. The fields of FrameCounts are those of all cameras together."""

    cameras: Mapping[str, FrameCounts] = field(default_factory=dict)  # those that gave a frame so far
    recently_dropped: int = 0  # frames lost through a fault, within the window
    skipped_boxes: Mapping[str, int] = field(default_factory=dict)  # cause -> boxes, since start
    latency: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    """Stage -> seconds, within the window; only stages that were seen in it."""

    last_error: str = ""
    since_listening: float | None = None

    def camera(self, name: str) -> FrameCounts:
        """The counts of one camera; zeros, and silence since `listen`, if it never gave a frame."""
        return self.cameras.get(name) or FrameCounts(since_last_image=self.since_listening)


class _Camera:
    """The running counts of one camera."""

    def __init__(self, window: float) -> None:
        self.received = self.processed = self.replaced = self.from_future = 0
        self.dropped: dict[str, int] = {}
        self.last_image: float | None = None
        self.arrivals, self.results = SlidingCount(window), SlidingCount(window)
        self.ages = SlidingWindow(window)

    def counts(self, now: float, since_listening: float | None, span: float) -> FrameCounts:
        since = since_listening
        if since is not None and self.last_image is not None:
            since = now - self.last_image
        return FrameCounts(
            received=self.received,
            processed=self.processed,
            replaced=self.replaced,
            dropped=dict(self.dropped),
            input_rate=self.arrivals.total(now) / span,
            output_rate=self.results.total(now) / span,
            since_last_image=since,
            frame_age=self.ages.values(now),
            from_future=self.from_future,
        )


class Measurements:
    """Collects from subscription callbacks and the worker thread; read by the diagnostics timer.

    `camera` is the name that parameter `cameras` gives, "" for the only one.
    """

    def __init__(self, window: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._listening_since: float | None = None
        self._cameras: dict[str, _Camera] = {}
        self._skipped: dict[str, int] = {}
        self._last_error = ""
        self._faults = SlidingCount(window)
        self._latency: dict[str, SlidingWindow] = {}

    def listen(self, listening: bool) -> None:
        """Say that images are (or are no longer) expected from now on."""
        with self._lock:
            self._listening_since = self._clock() if listening else None
            for camera in self._cameras.values():
                camera.last_image = None

    def received(self, camera: str) -> None:
        """Count one image that arrived."""
        with self._lock:
            counts = self._of(camera)
            counts.received += 1
            counts.last_image = now = self._clock()
            counts.arrivals.add(now)

    def replaced(self, camera: str) -> None:
        """Count one frame that a newer one replaced before its turn came."""
        with self._lock:
            self._of(camera).replaced += 1

    def processed(self, camera: str, stages: Mapping[str, float], age: float | None) -> None:
        """Count one frame whose labels were published. `stages`: name -> seconds; `age`: seconds, None = no stamp."""
        with self._lock:
            now = self._clock()
            counts = self._of(camera)
            counts.processed += 1
            counts.results.add(now)
            if age is not None:
                counts.ages.add(now, age)
                counts.from_future += age < 0
            for stage, seconds in stages.items():
                window = self._latency.get(stage)
                if window is None:
                    window = self._latency[stage] = SlidingWindow(self.window)
                window.add(now, seconds)

    def dropped(self, cause: str, error: str = "", camera: str = "", frames: int = 1) -> None:
        """Count frames that gave no labels. `error` is kept as the last error; without one, nothing went wrong."""
        with self._lock:
            dropped = self._of(camera).dropped
            dropped[cause] = dropped.get(cause, 0) + frames
            if error:
                self._faults.add(self._clock(), frames)
                self._last_error = error

    def skipped(self, cause: str, count: int = 1) -> None:
        """Count boxes of a detector that were not labelled."""
        with self._lock:
            self._skipped[cause] = self._skipped.get(cause, 0) + count

    def snapshot(self) -> Snapshot:
        """Everything at this moment."""
        with self._lock:
            now = self._clock()
            since, span = None, self.window
            if self._listening_since is not None:
                since = now - self._listening_since
                span = min(span, max(since, 1.0))
            cameras = {name: camera.counts(now, since, span) for name, camera in self._cameras.items()}
            latency = {stage: window.values(now) for stage, window in self._latency.items()}
            skipped, last_error, faults = dict(self._skipped), self._last_error, self._faults.total(now)
        every = list(cameras.values())
        dropped: dict[str, int] = {}
        for camera in every:
            for cause, frames in camera.dropped.items():
                dropped[cause] = dropped.get(cause, 0) + frames
        return Snapshot(
            received=sum(camera.received for camera in every),
            processed=sum(camera.processed for camera in every),
            replaced=sum(camera.replaced for camera in every),
            dropped=dropped,
            input_rate=sum(camera.input_rate for camera in every),
            output_rate=sum(camera.output_rate for camera in every),
            since_last_image=min(
                (camera.since_last_image for camera in every if camera.since_last_image is not None),
                default=since,
            ),
            frame_age=tuple(age for camera in every for age in camera.frame_age),
            from_future=sum(camera.from_future for camera in every),
            cameras=cameras,
            recently_dropped=faults,
            skipped_boxes=skipped,
            latency={stage: values for stage, values in latency.items() if values},
            last_error=last_error,
            since_listening=since,
        )

    def _of(self, name: str) -> _Camera:
        camera = self._cameras.get(name)
        if camera is None:
            camera = self._cameras[name] = _Camera(self.window)
        return camera
