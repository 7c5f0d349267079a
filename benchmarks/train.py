"""How fast the trainer learns, beside a plain PyTorch loop over the same data in the same run: vectors per second.

Random vectors, WordNet's nouns in CLIP's byte pairs. "released": the architecture of the released decoders, one to
three nouns per vector, a third of the vectors each, as they were trained. "mini": the small recipe, one noun each. On
the CPU with one thread, and on a GPU where there is one. Both loops take turns, and the median of their ratios counts.
Prints a table and, as its last line, one JSON object. Run: python benchmarks/train.py
"""

import argparse
import json
import os
import statistics
import time
from dataclasses import dataclass

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy and torch start their threads

import numpy as np
import torch
from peers.plain_training import PlainLoop

from novic_ros.embedding import load_tokenizer
from novic_ros.training.learner import Learner
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import Recipe
from novic_ros.training.training_data import TrainingData
from novic_ros.vocabulary import canonical
from novic_ros.vocabulary.hierarchy import WordNet


@dataclass
class MemoryCache:
    """A cache that is nowhere but in memory."""

    vectors: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    nouns: tuple
    embedder_spec: str = "none"


@dataclass
class Kind:
    """What is trained: a recipe with changes, on so many nouns for vectors of a width, with at most so many each."""

    name: str
    recipe: str
    nouns: int
    width: int
    most: int
    batch: int  # vectors of a micro-batch, on the CPU
    changes: dict


KINDS = (
    Kind("released", "novic_ft0", 42_919, 768, 3, 64, {"accumulation": 1, "length_groups": 4}),
    Kind("mini", "mini", 26_793, 384, 1, 64, {}),
)
GPU_BATCH = 512


def make_data(kind: Kind, rows: int) -> TrainingData:
    """Random unit vectors, each with random nouns of equal weight."""
    random = np.random.default_rng(0)
    texts = list(dict.fromkeys(filter(None, map(canonical, WordNet.read().senses))))
    texts = [texts[place] for place in np.linspace(0, len(texts) - 1, kind.nouns).astype(int)]
    vectors = random.standard_normal((rows, kind.width), dtype=np.float32)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    count = random.integers(1, kind.most + 1, rows)[:, None]
    used = np.arange(kind.most) < count
    targets = np.where(used, random.integers(0, len(texts), (rows, kind.most)), -1).astype(np.int32)
    weights = np.where(used, np.float32(1) / count, 0).astype(np.float32)
    cache = MemoryCache(vectors, targets, weights, tuple(texts))
    return TrainingData.of([cache], "none", load_tokenizer("openclip:none/none", 49408, [49407]))


def seconds(call, device: torch.device) -> float:
    """How long a call takes: CPU time of this process where it computes there, else until the GPU is done."""
    if device.type == "cpu":
        begin = time.process_time()
        call()
        return time.process_time() - begin
    torch.cuda.synchronize()
    begin = time.perf_counter()
    call()
    torch.cuda.synchronize()
    return time.perf_counter() - begin


def measure(kind: Kind, device: torch.device, rounds: int, steps: int, precision: str) -> dict:
    """Vectors per second of both loops on one device."""
    batch = kind.batch if device.type == "cpu" else GPU_BATCH
    changes = {**kind.changes, "batch_size": batch, "precision": precision}
    if device.type != "cpu":
        changes["length_groups"] = 1
    recipe = Recipe.read(kind.recipe, changes)
    data = make_data(kind, 64 * batch)
    learner = Learner(recipe, data, Processes(device))
    batches = learner.batches(0, 10 ** 9)
    plain = PlainLoop(data.network(recipe).to(device), data.noun_tokens, data.caches[0], data.noise(recipe),
                      precision == "bfloat16")
    rows = data.batches(recipe)[0]
    step = 0

    def ours() -> None:
        for _ in range(steps):
            learner.step(batches, 1e-4)

    def theirs() -> None:
        for number in range(step, step + steps):
            plain.step(rows(number))

    times = []
    for _ in range(rounds + 1):
        times.append((seconds(ours, device), seconds(theirs, device)))
        step += steps
    times = times[1:]  # the first round warms up
    best = [min(column) / steps / batch for column in zip(*times)]
    return {"kind": kind.name, "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
            "precision": precision, "batch": batch, "weights": sum(p.numel() for p in plain.model.parameters()),
            "vectors_per_s": round(1 / best[0], 1), "plain_per_s": round(1 / best[1], 1),
            "ratio": round(statistics.median(their / our for our, their in times), 2),
            "s_per_million": round(1e6 * best[0], 1)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="auto", help="auto (the CPU, and a GPU where there is one), cpu or cuda")
    args = parser.parse_args()
    torch.set_num_threads(1)
    devices = [torch.device("cpu")] if args.device != "cuda" else []
    if args.device != "cpu" and torch.cuda.is_available():
        devices.append(torch.device("cuda", 0))
    rows = []
    for device in devices:
        for kind in KINDS:
            for precision in ("float32",) if device.type == "cpu" else ("tf32", "bfloat16"):
                steps = {"released": 1, "mini": 8}[kind.name] if device.type == "cpu" else 16
                rows.append(measure(kind, device, args.rounds, steps, precision))
                print("{kind:8} {weights:10,} weights on {device}, {precision:8} batch {batch:3}: {vectors_per_s:9.1f} "
                      "vectors/s, plain {plain_per_s:9.1f}, {ratio:.2f} x, {s_per_million:8.1f} s per million"
                      .format(**rows[-1]), flush=True)
    print(json.dumps({"benchmark": "train", "rows": rows, "least_ratio": min(row["ratio"] for row in rows),
                      "threads": 1, "torch": torch.__version__}))


if __name__ == "__main__":
    main()
