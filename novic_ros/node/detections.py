"""Which boxes belong to which frame of one camera: those of the same stamp, else the nearest within a tolerance.

* A frame leaves as soon as the boxes of its own stamp are here.
* Without them it waits, at most `wait` seconds; then it takes the nearest boxes within `slop`, or leaves without any.
  It does so at once when boxes of a later stamp are here and some lie within `slop`: its own will not come any more.
* Frames leave in the order in which they came. One that leaves takes all before it along.
* Boxes serve one frame. Those whose frame has left already are of no use ("late"); others wait `wait` seconds for one
  to come, and on while one waits that could take them ("unknown frame" if none does).

Nothing is labelled or cropped here. Frames and boxes are any objects; stamps are nanoseconds, and the time is given.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

FrameT = TypeVar("FrameT")
BoxesT = TypeVar("BoxesT")
REMEMBERED = 256  # stamps of frames that left, to tell late boxes from unknown ones


@dataclass(frozen=True)
class _Waiting:
    """A frame, or boxes."""

    stamp: int  # nanoseconds
    item: object
    since: float  # seconds, by the caller's clock


@dataclass(frozen=True)
class Settled(Generic[FrameT, BoxesT]):
    """What leaves: frames with their boxes (None: none came), in order, and boxes that are of no use, by cause."""

    frames: list[tuple[FrameT, BoxesT | None]] = field(default_factory=list)
    useless: list[tuple[str, BoxesT]] = field(default_factory=list)


class Pairing(Generic[FrameT, BoxesT]):
    """What waits for its counterpart, of one camera. Not safe to share between threads."""

    def __init__(self, room: int) -> None:
        """At most `room` frames wait, and as many boxes messages; more push the oldest out."""
        self._room = room
        self._frames: list[_Waiting] = []  # as they came
        self._boxes: list[_Waiting] = []
        self._gone: deque[int] = deque(maxlen=REMEMBERED)

    def __len__(self) -> int:
        """How many frames wait."""
        return len(self._frames)

    def add_frame(self, stamp: int, frame: FrameT, now: float) -> None:
        """Let a frame wait. `settle` says when it may leave."""
        newest = self._frames[-1].stamp if self._frames else self._gone[-1] if self._gone else stamp
        if stamp < newest:  # a bag began again, or a clock was set back: stamps may come a second time
            self._gone.clear()
        self._frames.append(_Waiting(stamp, frame, now))

    def add_boxes(self, stamp: int, boxes: BoxesT, now: float) -> None:
        """Let the boxes of one detections message wait."""
        self._boxes.append(_Waiting(stamp, boxes, now))

    def settle(self, now: float, wait: float, slop: float) -> Settled[FrameT, BoxesT]:
        """Take out everything that has found its counterpart, and all that has waited long enough; seconds."""
        settled: Settled[FrameT, BoxesT] = Settled()
        reach = round(slop * 1e9)
        exact = self._exact()
        leaving = len(self._frames) - self._room
        for place, frame in enumerate(self._frames, start=1):
            if id(frame) in exact or now >= frame.since + wait or self._is_overtaken(frame, reach):
                leaving = max(leaving, place)
        taken = {id(boxes) for boxes in exact.values()}
        for frame in self._frames[: max(leaving, 0)]:
            boxes = exact.get(id(frame)) or self._nearest(frame, reach, taken)
            if boxes is not None:
                taken.add(id(boxes))
            settled.frames.append((frame.item, boxes.item if boxes is not None else None))
            self._gone.append(frame.stamp)
        self._frames = self._frames[max(leaving, 0) :]
        self._boxes = [boxes for boxes in self._boxes if id(boxes) not in taken]
        self._sort_out(now, wait, reach, settled.useless)
        return settled

    def deadline(self, wait: float) -> float | None:
        """When `settle` has something to do even if nothing comes; None if nothing waits."""
        return min((one.since + wait for one in self._frames or self._boxes), default=None)

    def clear(self) -> list[FrameT]:
        """Forget everything, and return the frames that waited."""
        frames = [frame.item for frame in self._frames]
        self._frames, self._boxes = [], []
        self._gone.clear()
        return frames

    def _exact(self) -> dict[int, _Waiting]:
        """id of a waiting frame -> waiting boxes of the same stamp, one to one, the first to come first."""
        found: dict[int, _Waiting] = {}
        free = list(self._boxes)
        for frame in self._frames:
            boxes = next((boxes for boxes in free if boxes.stamp == frame.stamp), None)
            if boxes is not None:
                free.remove(boxes)
                found[id(frame)] = boxes
        return found

    def _within(self, frame: _Waiting, reach: int) -> Iterator[_Waiting]:
        return (boxes for boxes in self._boxes if abs(boxes.stamp - frame.stamp) <= reach)

    def _is_overtaken(self, frame: _Waiting, reach: int) -> bool:
        later = any(boxes.stamp > frame.stamp for boxes in self._boxes)
        return later and any(True for _ in self._within(frame, reach))

    def _nearest(self, frame: _Waiting, reach: int, taken: set[int]) -> _Waiting | None:
        free = (boxes for boxes in self._within(frame, reach) if id(boxes) not in taken)
        return min(free, key=lambda boxes: abs(boxes.stamp - frame.stamp), default=None)

    def _sort_out(self, now: float, wait: float, reach: int, useless: list[tuple[str, BoxesT]]) -> None:
        """Move boxes that will not find a frame any more to `useless`."""
        kept = []
        too_many = len(self._boxes) - self._room
        for place, boxes in enumerate(self._boxes):
            needed = any(abs(boxes.stamp - frame.stamp) <= reach for frame in self._frames)
            if boxes.stamp in self._gone:
                useless.append(("late", boxes.item))
            elif place < too_many or (now >= boxes.since + wait and not needed):
                useless.append(("unknown frame", boxes.item))
            else:
                kept.append(boxes)
        self._boxes = kept
