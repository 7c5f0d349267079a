"""How fast an embedding cache is written and read, beside plain sequential writing and reading of as many bytes.

Two million vectors [384] in float16, 1.6 GB. Written from rows in the order of the cache (every byte once), and from a
stream of rows in another order (every byte twice, by buckets); float32 rows in memory. Verified, and read in shuffled
batches of 512 rows, each copied as a trainer would, from the disk and from memory. All writing ends with fsync. The
peers are write() and read() of 4 MiB at a time; all take turns for several rounds, in one file, and the best of each
counts, in time and in processor seconds. Needs 1.6 GB in --folder, which is left empty. Prints a table and, as its last
line, one JSON object. Run: python benchmarks/cache.py
"""

import argparse
import json
import os
import platform
import resource
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before NumPy starts its threads

import numpy as np
import torch

from novic_ros.training.batches import ShuffledBatches
from novic_ros.training.cache_file import CacheDescription, default_block_rows
from novic_ros.training.cache_writer import CacheWriter, write_shuffled
from novic_ros.training.embedding_cache import EmbeddingCache, verify_cache
from novic_ros.training.row_order import RowOrder

ROWS, WIDTH, BATCH, POOL, CHUNK = 2_000_000, 384, 512, 1 << 16, 4 << 20


class Source:
    """Rows on demand: unit vectors float32 [n, F], a stretch of a pool, and one of a thousand nouns for each."""

    def __init__(self):
        self._pool = np.random.default_rng(0).normal(size=(POOL, WIDTH)).astype(np.float32)
        self._pool /= np.linalg.norm(self._pool, axis=1, keepdims=True)

    def __call__(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        begin = int(rows[0]) % (POOL - len(rows))
        return self._pool[begin:begin + len(rows)], rows % 1000


def plain_write(path: Path, size: int) -> None:
    """The peer: the same bytes again and again, one after another."""
    data = np.random.default_rng(0).integers(0, 256, CHUNK, dtype=np.uint8)
    with open(path, "wb", buffering=0) as file:
        for begin in range(0, size, CHUNK):
            file.write(data[:min(CHUNK, size - begin)])
        os.fsync(file.fileno())


def plain_read(path: Path) -> None:
    """The peer: the whole file, one stretch after another."""
    data = bytearray(CHUNK)
    with open(path, "rb", buffering=0) as file:
        while file.readinto(data):
            pass


def write_ordered(path: Path, description: CacheDescription, source: Source) -> None:
    """Make the rows in the order in which they are to stand."""
    order = RowOrder(description.rows, description.seed)
    with CacheWriter(path, description) as writer:
        for rows in writer.missing():
            writer.write(rows, *source(order.rows_at(np.arange(rows.start, rows.stop))))
        writer.finish()


def write_stream(path: Path, description: CacheDescription, source: Source) -> None:
    """Hand over the rows in their own order, a thousand at a time."""
    write_shuffled(path, description, (source(np.arange(begin, min(begin + 1000, description.rows)))
                                       for begin in range(0, description.rows, 1000)))


def read_shuffled(path: Path, epoch: int) -> None:
    """One epoch of shuffled batches, each copied."""
    cache = EmbeddingCache.open(path)
    batches = ShuffledBatches(cache, BATCH, seed=0)
    for step in range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch):
        np.array(cache.vectors[batches(step)])


def forget(path: Path) -> None:
    """Have the system drop a file from its memory, so that reading it next reads the disk."""
    with open(path, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="default %(default)s")
    parser.add_argument("--rounds", type=int, default=3, help="default %(default)s")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="on the disk to measure "
                                                                                         "(default %(default)s)")
    args = parser.parse_args()
    description = CacheDescription("none", tuple(map(str, range(1000))), args.rows, WIDTH, default_block_rows(WIDTH))
    source, size = Source(), description.file_bytes
    best: dict[tuple[str, str], tuple[float, float]] = {}

    def measure(what: str, who: str, call) -> None:
        start, cpu = time.perf_counter(), time.process_time()
        call()
        took = time.perf_counter() - start, time.process_time() - cpu
        best[what, who] = tuple(map(min, took, best.get((what, who), took)))

    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        path = Path(folder) / "file"  # of either kind, so that each takes over the memory that the other has freed
        plain_write(path, size)  # a machine of its own may have to get that memory first
        for epoch in range(args.rounds):
            for what, write in (("write in order", write_ordered), ("write a stream", write_stream)):
                calls = [("plain", lambda: plain_write(path, size)),
                         ("cache", lambda write=write: write(path, description, source))]
                for who, call in calls[::-1] if epoch % 2 else calls:
                    path.unlink()
                    measure(what, who, call)
                    assert path.stat().st_size == size
            if epoch == 0:  # reading maps the file, which counts as memory too
                memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            if epoch % 2:
                path.unlink()
                write_ordered(path, description, source)
            for what, read in (("verify", lambda: verify_cache(path)),
                               ("read shuffled", lambda epoch=epoch: read_shuffled(path, epoch))):
                for where in ("from disk", "from memory"):
                    for who, call in (("plain", lambda: plain_read(path)), ("cache", read)):
                        if where == "from disk":
                            forget(path)
                        measure(f"{what} {where}", who, call)
        assert not verify_cache(path)

    print(f"{args.rows} rows [{WIDTH}] float16, {size / 1e9:.2f} GB, best of {args.rounds} rounds: MB per second, and "
          "processor seconds")
    print(f"{'':25} {'cache':>6} {'plain':>6} {'ratio':>6} {'cache s':>8} {'plain s':>8}")
    result = {}
    for what, who in best:
        if who == "cache":
            (ours, our_cpu), (peer, peer_cpu) = best[what, who], best[what, "plain"]
            result[what] = {"mb_s": round(size / ours / 1e6), "plain_mb_s": round(size / peer / 1e6),
                            "ratio": round(peer / ours, 3), "cpu_s": round(our_cpu, 2),
                            "plain_cpu_s": round(peer_cpu, 2)}
            print("{:25} {mb_s:6} {plain_mb_s:6} {ratio:6.2f} {cpu_s:8.2f} {plain_cpu_s:8.2f}".format(
                what, **result[what]))
    print(json.dumps({"benchmark": "cache", "rows": args.rows, "width": WIDTH, "bytes": size, "results": result,
                      "memory_mb_after_writing": round(memory), "numpy": np.__version__, "torch": torch.__version__,
                      "python": platform.python_version(), "machine": platform.machine()}))


if __name__ == "__main__":
    main()
