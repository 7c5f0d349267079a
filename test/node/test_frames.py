"""A frame's stamp and boxes, and the thread that handles frames."""

from __future__ import annotations

import queue
import threading
from types import SimpleNamespace

import pytest

from novic_ros.node.frames import Frame, FrameWorker


def test_stamp_in_nanoseconds_and_boxes():
    header = SimpleNamespace(stamp=SimpleNamespace(sec=3, nanosec=5))
    frame = Frame("front", SimpleNamespace(header=header), 1.5, epoch=7)
    assert frame.stamp == 3_000_000_005 and frame.boxes is None
    other = frame.with_boxes("boxes")
    assert (other.camera, other.message, other.received, other.epoch) == ("front", frame.message, 1.5, 7)
    assert other.boxes == "boxes" and frame.boxes is None


def test_frames_are_compared_by_identity_as_pixels_would_take_long():
    class Message:
        def __eq__(self, _other):
            pytest.fail("messages were compared")

        __hash__ = None

    one, two = Frame("", Message(), 0.0, 0), Frame("", Message(), 0.0, 0)
    assert [one, two].index(two) == 1


def test_worker_handles_one_batch_at_a_time_survives_and_joins():
    batches, handled, failed = queue.SimpleQueue(), [], []

    def handle(frames):
        handled.append((frames, threading.current_thread().name))
        if frames == ["bad"]:
            raise RuntimeError("broken")

    worker = FrameWorker(batches.get, handle, lambda frames, error: failed.append((frames, str(error))))
    for frames in (["a", "b"], ["bad"], ["c"], []):
        batches.put(frames)
    worker.start()
    with pytest.raises(RuntimeError, match="never started"):
        worker.start()
    worker.join()
    assert [frames for frames, _ in handled] == [["a", "b"], ["bad"], ["c"]]
    assert {name for _, name in handled} == {"novic_frames"}
    assert failed == [(["bad"], "broken")]
    assert "novic_frames" not in [thread.name for thread in threading.enumerate()]


def test_joining_a_worker_that_never_started_returns():
    FrameWorker(list, print, print).join()
