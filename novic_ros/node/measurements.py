"""Counters, rates, ages and latencies of the frames that passed through the node.

Counters run since start; rates, ages and latencies look at a sliding window of a few seconds, so that they describe
now. No ROS here: `diagnostics.py` turns a snapshot into a message.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

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
        self._items: deque[tuple[float, float]] = deque(maxlen=limit)  # (when, value), oldest first

    def add(self, now: float, value: float = 1.0) -> None:
        """Append one value observed at `now` (seconds, never running backwards)."""
        self._items.append((now, value))

    def values(self, now: float) -> tuple[float, ...]:
        """The values not older than the window, oldest first."""
        while self._items and self._items[0][0] < now - self._seconds:
            self._items.popleft()
        return tuple(value for _, value in self._items)


@dataclass(frozen=True)
class Snapshot:
    """All measurements at one moment. Times in seconds, rates in frames per second, None where nothing was seen."""

    received: int
    processed: int
    replaced: int  # by a newer frame, before the worker took them
    dropped: Mapping[str, int]  # cause -> frames, since start
    recently_dropped: int  # within the window
    input_rate: float
    output_rate: float
    since_last_image: float | None
    """Since the last image, or since `listen` if none came; None if no image is expected."""

    frame_age: tuple[float, ...]  # now - stamp at publishing, within the window
    latency: Mapping[str, tuple[float, ...]]  # stage -> seconds, within the window
    last_error: str


class Measurements:
    """Collects from the subscription callback and the worker thread; read by the diagnostics timer."""

    def __init__(self, window: float = 10.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.window = window
        self._clock = clock
        self._lock = threading.Lock()
        self._listening_since: float | None = None
        self._last_image: float | None = None
        self._received = self._processed = self._replaced = 0
        self._dropped: dict[str, int] = {}
        self._last_error = ""
        self._arrivals, self._results, self._drops, self._ages = (SlidingWindow(window) for _ in range(4))
        self._latency: dict[str, SlidingWindow] = {}

    def listen(self, listening: bool) -> None:
        """Say that images are (or are no longer) expected from now on."""
        with self._lock:
            self._listening_since = self._clock() if listening else None
            self._last_image = None

    def received(self) -> None:
        """Count one image that arrived."""
        with self._lock:
            self._received += 1
            self._last_image = now = self._clock()
            self._arrivals.add(now)

    def replaced(self) -> None:
        """Count one frame that a newer one replaced before its turn came."""
        with self._lock:
            self._replaced += 1

    def processed(self, stages: Mapping[str, float], age: float | None) -> None:
        """Count one frame whose labels were published. `stages`: name -> seconds; `age`: seconds, None = no stamp."""
        with self._lock:
            now = self._clock()
            self._processed += 1
            self._results.add(now)
            if age is not None:
                self._ages.add(now, age)
            for stage, seconds in stages.items():
                self._latency.setdefault(stage, SlidingWindow(self.window)).add(now, seconds)

    def dropped(self, cause: str, error: str = "") -> None:
        """Count one frame that gave no labels. `error` is kept as the last error; without one, nothing went wrong."""
        with self._lock:
            self._dropped[cause] = self._dropped.get(cause, 0) + 1
            if error:
                self._drops.add(self._clock())
                self._last_error = error

    def snapshot(self) -> Snapshot:
        """Everything at this moment."""
        with self._lock:
            now = self._clock()
            since = self._last_image if self._last_image is not None else self._listening_since
            span = self.window
            if self._listening_since is not None:
                span = min(span, max(now - self._listening_since, 1.0))
            latency = {stage: window.values(now) for stage, window in self._latency.items()}
            return Snapshot(
                received=self._received,
                processed=self._processed,
                replaced=self._replaced,
                dropped=dict(self._dropped),
                recently_dropped=len(self._drops.values(now)),
                input_rate=len(self._arrivals.values(now)) / span,
                output_rate=len(self._results.values(now)) / span,
                since_last_image=None if self._listening_since is None or since is None else now - since,
                frame_age=self._ages.values(now),
                latency={stage: values for stage, values in latency.items() if values},
                last_error=self._last_error,
            )
