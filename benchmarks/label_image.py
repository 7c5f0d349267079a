"""How long one 640x480 JPEG takes to become top-5 labels, by stage: embedded model, beam of 10, one thread.

Takes the pictures of demo_photos/, several rounds each, after a warm-up; prints a table of milliseconds per picture
and, as its last line, one JSON object. Run: python benchmarks/label_image.py [--rounds N]
"""

import argparse
import json
import os
import platform
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch start their threads

import cv2
import numpy as np
import torch

from novic_ros import images
from novic_ros.labeller import ImageLabeller

PHOTOS = sorted((Path(__file__).resolve().parent.parent / "demo_photos").glob("*.jpg"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all pictures (default %(default)s)")
    parser.add_argument("--views", type=int, choices=(1, 2), help="looks at each picture (default: the model's own, 2)")
    args = parser.parse_args()
    rounds = args.rounds
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    labeller = ImageLabeller("novic_mini", top_k=5, device="cpu", views=args.views)
    labeller.warm_up()

    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for photo in PHOTOS:
            data = photo.read_bytes()
            start = time.perf_counter()
            image = images.from_bytes(data)
            read = time.perf_counter() - start
            labels, stages, _ = labeller.label_timed([image])
            assert len(labels[0].labels) == 5 and image.shape == (480, 640, 3)
            for stage, seconds in {"JPEG": read, **stages, "total": read + sum(stages.values())}.items():
                times.setdefault(stage, []).append(1000 * seconds)

    result = {}
    print(f"ms per picture, {len(PHOTOS)} pictures x {rounds} rounds, {len(labeller.nouns)} nouns, one thread")
    print(f"{'stage':12} {'min':>7} {'median':>7} {'p95':>7}")
    for stage, values in times.items():
        low, median, high = min(values), float(np.median(values)), float(np.percentile(values, 95))
        result[stage] = {"min": round(low, 2), "median": round(median, 2), "p95": round(high, 2)}
        print(f"{stage:12} {low:7.2f} {median:7.2f} {high:7.2f}")
    print(json.dumps({"benchmark": "label_image", "ms": result, "nouns": len(labeller.nouns), "views": args.views,
                      "threads": 1,
                      "torch": torch.__version__, "opencv": cv2.__version__, "python": platform.python_version(),
                      "machine": platform.machine()}))


if __name__ == "__main__":
    main()
