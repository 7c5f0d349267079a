"""Frames of all cameras on their way from the subscription callbacks to the one worker thread.

Each camera has a place for the frames that are ready. With `keep_all` it holds as many as there is room for, and a
callback with one more waits (back-pressure); without, it holds the newest one, and what that replaced is counted. So
the age of a robot's labels cannot grow. With `pair`, frames first wait for their boxes (`detections.py`).

Frames belong to the activation in which they came: `begin` and `end` are its bounds, and `publishing` tells whether a
frame's own is still on. No ROS here, and nothing is converted or labelled.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from novic_ros.node.detections import Pairing
from novic_ros.node.frames import Frame


class _Place:
    """What one camera has waiting."""

    def __init__(self, room: int, pair: bool) -> None:
        self.ready: deque[Frame] = deque()
        self.pairing: Pairing[Frame, Any] | None = Pairing(room) if pair else None

    def __len__(self) -> int:
        return len(self.ready) + (len(self.pairing) if self.pairing is not None else 0)


class Intake:
    """Safe to share between any number of callbacks and one worker."""

    def __init__(
        self,
        cameras: Iterable[str],
        *,
        keep_all: bool,
        room: int,
        pair: bool = False,
        replaced: Callable[[str], None],
        useless: Callable[[str, Any], None] = lambda cause, boxes: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`replaced(camera)` and `useless(cause, boxes)` are told of every frame and boxes message that is left out."""
        self._places = {camera: _Place(room, pair) for camera in cameras}
        self._keep_all, self._room = keep_all, room
        self._replaced, self._useless, self._clock = replaced, useless, clock
        self._wait = self._slop = 0.0  # seconds, see `tune`
        self._gate = threading.Lock()  # held by who publishes, and by who ends the activation
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)  # the worker waits here
        self._space = threading.Condition(self._lock)  # callbacks wait here, with keep_all
        self._epoch = 0  # odd during an activation
        self._closed = False

    @property
    def epoch(self) -> int:
        """What a new frame has to carry."""
        return self._epoch

    def tune(self, wait: float, slop: float) -> None:
        """How long frames and boxes wait for each other, and how far their stamps may differ; seconds."""
        with self._lock:
            self._wait, self._slop = wait, slop
            self._work.notify()

    def begin(self) -> None:
        """An activation begins: frames are taken from now on."""
        with self._lock:
            self._epoch += 1 - self._epoch % 2

    def end(self) -> dict[str, int]:
        """The activation is over, at once: frames are refused, and those that wait are thrown away.

        Returns how many that were, by camera. Nothing is being published any more when this returns.
        """
        with self._gate, self._lock:
            self._epoch += self._epoch % 2
            gone = {camera: len(place) for camera, place in self._places.items() if len(place)}
            for place in self._places.values():
                place.ready.clear()
                if place.pairing is not None:
                    place.pairing.clear()
            self._space.notify_all()
            return gone

    def close(self) -> None:
        """Like `end`, for good: whoever waits comes back, and `take` returns an empty list."""
        with self._lock:
            self._closed = True
            self._work.notify_all()
            self._space.notify_all()

    @contextmanager
    def publishing(self, frame: Frame) -> Iterator[bool]:
        """Inside, the activation does not end; the value says whether it is still the frame's own."""
        with self._gate:
            yield self.is_current(frame)

    def is_current(self, frame: Frame) -> bool:
        """Whether the activation in which a frame came is still on."""
        return frame.epoch == self._epoch and not self._closed

    def put(self, frame: Frame) -> bool:
        """Take a frame; False if its activation is over. With `keep_all` this waits until there is room."""
        place = self._places[frame.camera]
        with self._lock:
            if self._keep_all:
                self._space.wait_for(lambda: not self._takes(frame) or len(place) < self._room)
            if not self._takes(frame):
                return False
            if place.pairing is None:
                self._make_ready(frame.camera, frame)
            else:
                place.pairing.add_frame(frame.stamp, frame, self._clock())
                self._settle(frame.camera)
            self._work.notify()
        return True

    def put_boxes(self, camera: str, stamp: int, boxes: Any) -> None:
        """Take the boxes of one frame of a camera; never waits. `stamp` in nanoseconds."""
        with self._lock:
            pairing = self._places[camera].pairing
            if pairing is None or self._epoch % 2 == 0:
                return
            pairing.add_boxes(stamp, boxes, self._clock())
            self._settle(camera)
            self._work.notify()

    def take(self) -> list[Frame]:
        """Wait for a frame; the next one of every camera that has one, in the cameras' order. Empty when closed."""
        with self._lock:
            while not self._closed:
                for camera in self._places:
                    self._settle(camera)
                batch = [place.ready.popleft() for place in self._places.values() if place.ready]
                if batch:
                    self._space.notify_all()
                    return batch
                self._work.wait(self._patience())
            return []

    def _takes(self, frame: Frame) -> bool:
        return not self._closed and frame.epoch == self._epoch and self._epoch % 2 == 1

    def _settle(self, camera: str) -> None:
        pairing = self._places[camera].pairing
        if pairing is None:
            return
        settled = pairing.settle(self._clock(), self._wait, self._slop)
        for frame, boxes in settled.frames:
            self._make_ready(camera, frame.with_boxes(boxes))
        for cause, boxes in settled.useless:
            self._useless(cause, boxes)

    def _make_ready(self, camera: str, frame: Frame) -> None:
        ready = self._places[camera].ready
        if ready and not self._keep_all:
            ready.clear()
            self._replaced(camera)
        ready.append(frame)

    def _patience(self) -> float | None:
        """Seconds until something has waited long enough; None if nothing waits."""
        pairings = (place.pairing for place in self._places.values() if place.pairing is not None)
        deadlines = [pairing.deadline(self._wait) for pairing in pairings]
        due = min((deadline for deadline in deadlines if deadline is not None), default=None)
        return None if due is None else max(0.0, due - self._clock())
