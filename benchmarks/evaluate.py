"""How fast bags are read and decoded, and what the evaluator costs beside the model.

1,000 JPEG frames of 640x480, the photos of demo_photos/ in turn, in an mcap and an sqlite3 bag. Without the model:
frames per second from the file to RGB, by the evaluator with two decoding threads and by the plain way, the package
rosbags and cv2.imdecode in one thread; both take turns. With it: the embedded model labels frames that are in memory,
and the evaluator does the same from the bag, with its journal and its figures; the difference is what the evaluator
costs, in time and in processor seconds. Its time outside of the model is given apart, as it does not suffer from what
else the machine does. One thread for the model. It does NOT measure how good labels are, nor reports.

Prints a table and, as its last line, one JSON object. Run: python benchmarks/evaluate.py [--frames N] [--labelled N]
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch start their threads

import cv2
import torch
from rig import PHOTOS, machine

from novic_ros.evaluation.bag_evaluation import LabelledBag, evaluate_bags
from novic_ros.evaluation.bag_frames import FrameWishes, frames
from novic_ros.evaluation.bag_jobs import Journal, run_jobs
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_run import BagJob, Labelling, label_bag
from novic_ros.evaluation.memory import keep_freed_memory

STORAGES = ("mcap", "sqlite3")


def write_bag(path: Path, storage: str, count: int) -> None:
    """A camera at 30 Hz, as sensor_msgs/CompressedImage."""
    import numpy as np
    from rosbags.rosbag2 import StoragePlugin, Writer

    from novic_ros.evaluation.bag_types import label_types

    types = label_types()
    photos = [np.fromfile(photo, np.uint8) for photo in sorted(PHOTOS.glob("*.jpg"))]
    image, header = types.types["sensor_msgs/msg/CompressedImage"], types.types["std_msgs/msg/Header"]
    stamp_type = types.types["builtin_interfaces/msg/Time"]
    with Writer(path, version=8, storage_plugin=StoragePlugin[storage.upper()]) as writer:
        camera = writer.add_connection("/camera/image/compressed", image.__msgtype__, typestore=types)
        for number in range(count):
            stamp = 1_700_000_000 * 10**9 + number * 10**9 // 30
            message = image(header(stamp_type(*divmod(stamp, 10**9)), "camera"), "jpeg", photos[number % len(photos)])
            writer.write(camera, stamp, types.serialize_cdr(message, image.__msgtype__))


def evaluator_reads(path: Path) -> int:
    """Every frame as the evaluator gets it; how many."""
    with Bag(path) as bag:
        return sum(frame.image.shape == (480, 640, 3) for frame in frames(bag, FrameWishes()))


def plain_way_reads(path: Path) -> int:
    """The peer."""
    from rosbags.highlevel import AnyReader

    with AnyReader([path]) as reader:
        return sum(cv2.cvtColor(cv2.imdecode(reader.deserialize(data, connection.msgtype).data, cv2.IMREAD_COLOR),
                                cv2.COLOR_BGR2RGB).shape == (480, 640, 3)
                   for connection, _, data in reader.messages())


class Shared:
    """A worker whose model is loaded already, and stays so."""

    environment: dict = {}

    def __init__(self, labeller):
        self._labeller = labeller

    def load(self) -> list[str]:
        """Nothing to do."""
        return []

    def label(self, job: BagJob, done: int, problems: list[str]):
        """As any worker."""
        return label_bag(job, self._labeller, done, problems)

    def close(self) -> None:
        """Nothing to do."""


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """(seconds, processor seconds of all threads) of a call."""
    start, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - start, time.process_time() - cpu


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--frames", type=int, default=1000, help="read without the model (default %(default)s)")
    parser.add_argument("--labelled", type=int, default=96, help="labelled by the model (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="the best of so many counts (default %(default)s)")
    args = parser.parse_args()
    keep_freed_memory()  # as the evaluator's workers do; it serves the plain way too
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    reading: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        bags = {storage: Path(folder) / storage for storage in STORAGES}
        for storage, path in bags.items():
            write_bag(path, storage, args.frames)
        ways = {"evaluator": evaluator_reads, "rosbags and cv2": plain_way_reads}
        for number in range(args.rounds):
            for storage, path in bags.items():
                for way in list(ways)[::-1 if number % 2 else 1]:
                    seconds, cpu = timed(lambda call=ways[way], path=path: _expect(call(path), args.frames))
                    row = reading.setdefault(f"{storage}, {way}", {"frames_s": 0.0, "cpu_ms": float("inf")})
                    row["frames_s"] = round(max(row["frames_s"], args.frames / seconds), 1)
                    row["cpu_ms"] = round(min(row["cpu_ms"], 1000 * cpu / args.frames), 3)
        labelling = _labelling(Path(folder) / "few", args.labelled, args.rounds)

    print(f"{args.frames} JPEG frames of 640x480 from the file to RGB, best of {args.rounds} rounds in turn")
    print(f"{'':26} {'frames/s':>9} {'cpu ms/frame':>13}")
    for name, row in reading.items():
        print(f"{name:26} {row['frames_s']:9.1f} {row['cpu_ms']:13.3f}")
    print(f"{args.labelled} frames labelled by novic_mini, likewise: ms per frame")
    print(f"{'':26} {'time':>9} {'cpu':>13}")
    for name in ("model", "evaluator"):
        print(f"{name:26} {labelling[name]['ms']:9.2f} {labelling[name]['cpu_ms']:13.2f}")
    print(f"{'what the evaluator adds':26} {labelling['overhead']:9.1%} {labelling['cpu_overhead']:13.1%}")
    print(f"{'its time outside the model':26} {labelling['outside']:9.1%}")
    print(json.dumps({"benchmark": "evaluate", "frames": args.frames, "reading": reading, "labelled": args.labelled,
                      "labelling": labelling, "machine": machine()}))


def _labelling(path: Path, count: int, rounds: int) -> dict:
    """What the model takes alone, and within the evaluator."""
    write_bag(path, "mcap", count)
    labeller, _ = Labelling(device="cpu").load()
    with Bag(path) as bag:
        pictures = [frame.image for frame in frames(bag, FrameWishes())]
    numbers, outside = iter(range(10**6)), []

    def model() -> None:
        for picture in pictures:
            labeller.label_timed([picture])

    def evaluator() -> None:
        start, journal = time.perf_counter(), Journal(path.with_name(f"{next(numbers)}.jsonl"), {})
        run_jobs([(BagJob(str(path), "few"), journal)], lambda: Shared(labeller), 1)
        journal.close()
        _expect(evaluate_bags([LabelledBag("few", journal.frames)], "few").counts["frames labelled"], count)
        taken = time.perf_counter() - start
        inside = sum(frame.seconds[stage] for frame in journal.frames for stage in ("preprocess", "embed", "decode"))
        outside.append(taken / inside - 1)

    best: dict[str, tuple[float, float]] = {}
    for number in range(rounds):
        for name, call in ((("model", model), ("evaluator", evaluator))[::-1 if number % 2 else 1]):
            best[name] = tuple(map(min, timed(call), best.get(name, (float("inf"),) * 2)))
    result: dict = {name: {"ms": round(1000 * seconds / count, 3), "cpu_ms": round(1000 * cpu / count, 3)}
                    for name, (seconds, cpu) in best.items()}
    result["outside"] = round(min(outside), 4)
    result["overhead"] = round(best["evaluator"][0] / best["model"][0] - 1, 4)
    result["cpu_overhead"] = round(best["evaluator"][1] / best["model"][1] - 1, 4)
    return result


def _expect(found: int, expected: int) -> None:
    assert found == expected, f"expected {expected} frames, got {found}"


if __name__ == "__main__":
    main()
