"""A frame as it travels through the node, and the one thread that handles frames.

No ROS: a message is anything with a header. What is done with frames is in `tick.py` and `frame_work.py`, where they
wait in `intake.py`.
"""

import dataclasses
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, eq=False)  # comparing two would compare their pixels
class Frame:
    """One image of one camera."""

    camera: str  # as in parameter cameras; "" for the only one
    message: Any  # sensor_msgs/Image or CompressedImage
    received: float  # time.perf_counter() when the subscription callback ran
    epoch: int  # the activation it belongs to; results of an earlier activation are not published
    boxes: Any = None  # vision_msgs/Detection2DArray; None: none came

    @property
    def stamp(self) -> int:
        """The image's stamp in nanoseconds; 0 if the camera does not stamp."""
        return nanoseconds(self.message)

    def with_boxes(self, boxes: Any) -> "Frame":
        """The same frame with the boxes that belong to it."""
        return dataclasses.replace(self, boxes=boxes)


def nanoseconds(message: Any) -> int:
    """The stamp in a message's header."""
    stamp = message.header.stamp
    return stamp.sec * 10**9 + stamp.nanosec


class FrameWorker:
    """The one thread that takes frames and handles them until there are none any more.

    `take()` waits for frames; an empty list ends the thread. `handle(frames)` does the work; should it raise,
    `failed(frames, error)` is called and the thread goes on.
    """

    def __init__(
        self,
        take: Callable[[], list[Frame]],
        handle: Callable[[list[Frame]], None],
        failed: Callable[[list[Frame], Exception], None],
    ) -> None:
        self._take, self._handle, self._failed = take, handle, failed
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if it was started before."""
        if self._thread is not None:
            raise RuntimeError("expected a worker that was never started; make a new FrameWorker")
        self._thread = threading.Thread(target=self._run, name="novic_frames", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until the frames in work, if any, are finished; what it takes from has to be closed before."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while frames := self._take():
            try:
                self._handle(frames)
            except Exception as error:  # reported by `failed`; this thread is the only one there is
                self._failed(frames, error)
            frames = []  # while it waits, the thread holds no image
