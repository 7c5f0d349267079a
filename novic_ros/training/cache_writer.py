"""Writing embedding caches: block by block with resuming, from a stream in any order, and from finished shards.

The fast way is to make the rows in the order in which they are to stand: `CacheWriter.missing` names the blocks,
`RowOrder` the rows that belong there, and every byte is written once, one after another. A stream that comes in an
order of its own is written twice: first every row into the bucket (a stretch of 64 MiB of the file) that its place is
in, then bucket by bucket into place. Both give the same file, in memory that does not grow with the number of rows.
Reading is `embedding_cache.py`'s business.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from novic_ros.training.cache_file import (
    TARGET,
    UNFINISHED,
    WEIGHT,
    BlockFile,
    CacheDescription,
    CacheError,
    checksum_of,
)
from novic_ros.training.row_order import RowOrder

__all__ = ["CacheWriter", "Rows", "merge_caches", "write_in_order", "write_shuffled"]

BUCKET_BYTES, STAGE_BYTES = 64 << 20, 256 << 20  # `write_shuffled` takes about three times their sum of memory
UNIT_TOLERANCE = 1e-2  # of vectors' lengths; float16 costs at most 1e-3

Rows = Sequence[np.ndarray]  # vectors [n, F], targets [n, M] or [n], and optionally weights [n, M]


class CacheWriter:
    """Writes the blocks of a new cache or shard, or those of one with the same description that are missing or damaged.

    A context manager. A block goes to the disk in a thread of its own while the next is made; what fails there is
    raised by the next call. Raises CacheError if another cache or some other file is there; `overwrite` removes it.
    """

    def __init__(self, path: str | Path, description: CacheDescription, overwrite: bool = False):
        self.path, self.description = Path(path), description
        with _errors_of(self.path):
            if overwrite:
                self.path.unlink(missing_ok=True)
            self._file = self._resume() or BlockFile.create(self.path, description)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="novic-cache")
        self._storing: Future[None] | None = None

    def _resume(self) -> BlockFile | None:
        """The file of the same description that lies there; None if there is nothing worth keeping."""
        try:
            with open(self.path, "rb") as file:
                beginning = file.read(len(UNFINISHED))
        except FileNotFoundError:
            return None
        try:
            found = BlockFile.open(self.path, writable=True)
        except CacheError:
            if not UNFINISHED.startswith(beginning):
                raise
            self.path.unlink()  # ours, and interrupted before a block could be written
            return None
        differing = _differences(found.description, self.description)
        if differing:
            found.close()
            raise CacheError(f"{self.path}: expected no cache here, or the same one to go on with; found one that "
                             f"differs in {', '.join(differing)}. Delete it or choose another file")
        if not found.finished:
            os.ftruncate(found.descriptor, self.description.file_bytes)  # it may have been cut off
        return found

    def __enter__(self) -> CacheWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown()  # once the last block is stored
        self._file.close()

    def missing(self) -> Iterator[range]:
        """Row numbers of each block that is not in the file yet, in order; blocks that are there are read and checked.

        Write a block before asking for the next.
        """
        for block, checksum in zip(self.description.blocks, self._file.checksums.tolist()):
            if checksum and self._file.is_whole(block):
                continue
            if checksum:  # not all of the block had reached the disk, or it was damaged there
                with _errors_of(self.path):
                    self._file.set_checksum(block, 0)
            yield self.description.rows_of(block)

    def write(self, rows: range, vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray | None = None) -> None:
        """Write one block that `missing` named: vectors float [n, F] of unit length, targets int [n, M] or [n], weights
        float [n, M] or None for equal ones. Raises CacheError for rows that are not as they should be."""
        self._write_checked(rows, checked_rows(self.description, (vectors, targets, weights), f"{self.path}: "))

    def _write_checked(self, rows: range, arrays: Sequence[np.ndarray]) -> None:
        block = rows.start // self.description.block_rows
        if self.description.rows_of(block) != rows or len(arrays[0]) != len(rows):
            raise CacheError(f"{self.path}: expected the rows of block {block}, {self.description.rows_of(block)}, got "
                             f"{len(arrays[0])} for {rows}")
        self._wait()
        self._storing = self._thread.submit(self._store, block, arrays)

    def _store(self, block: int, arrays: Sequence[np.ndarray]) -> None:
        first = block * self.description.block_rows
        self._file.mark_unfinished()
        self._file.write_rows(first, *arrays)
        self._file.set_checksum(block, checksum_of(block, *arrays))
        self._file.start_writing_back(first, len(arrays[0]))

    def _wait(self) -> None:
        """For the block on its way to the disk. Raises CacheError if it did not get there."""
        storing, self._storing = self._storing, None
        if storing:
            with _errors_of(self.path):
                storing.result()

    def finish(self) -> None:
        """Make the file a finished one, once no block is missing. Raises CacheError otherwise."""
        self._wait()
        missing = int((self._file.checksums == 0).sum())
        if missing:
            raise CacheError(f"{self.path}: expected {len(self.description.own_rows)} rows, {missing} of "
                             f"{len(self.description.blocks)} blocks are missing")
        if not self._file.finished:
            with _errors_of(self.path):
                self._file.finish()


def write_in_order(path: str | Path, description: CacheDescription, batches: Iterable[Rows]) -> None:
    """Write batches of any sizes as they come, into a new file. Raises CacheError for faulty rows or another number
    of them than described; the file then stays unfinished."""
    with CacheWriter(path, description, overwrite=True) as writer:
        stream = _Regrouped(description, batches, str(writer.path))
        for rows in writer.missing():
            writer._write_checked(rows, stream.take(len(rows)))
        stream.expect_end()
        writer.finish()


def write_shuffled(path: str | Path, description: CacheDescription, batches: Iterable[Rows]) -> None:
    """Write batches of any sizes in the random order of the description's seed, into a new file; see the file's top.

    Raises CacheError as `write_in_order` does.
    """
    order = RowOrder(description.rows, description.seed)
    bucket_rows = description.block_rows * max(1, BUCKET_BYTES // (description.block_rows * description.row_bytes))
    stage_rows = min(description.rows, max(bucket_rows, STAGE_BYTES // description.row_bytes))
    filled = np.zeros(-(-description.rows // bucket_rows), np.int64)
    narrow = np.min_scalar_type(len(filled))  # 16 bits are sorted faster than 64
    with CacheWriter(path, description, overwrite=True) as writer:
        file, stream = writer._file, _Regrouped(description, batches, str(writer.path))
        for first in range(0, description.rows, stage_rows):
            arrived = np.arange(first, min(first + stage_rows, description.rows))
            arrays = stream.take(len(arrived))
            bucket_of = (order.places_of(arrived) // bucket_rows).astype(narrow)
            sorted_rows = np.argsort(bucket_of, kind="stable")
            ends = np.searchsorted(bucket_of[sorted_rows], np.arange(len(filled) + 1))
            for bucket, (begin, end) in enumerate(zip(ends[:-1], ends[1:])):
                with _errors_of(writer.path):
                    file.write_rows(bucket * bucket_rows + int(filled[bucket]),
                                    *(array[sorted_rows[begin:end]] for array in arrays))
                filled[bucket] += end - begin
        stream.expect_end()
        for first in range(0, description.rows, bucket_rows):
            places = np.arange(first, min(first + bucket_rows, description.rows))
            arrival = np.argsort(np.argsort(order.rows_at(places)))  # of the row at each place, within its bucket
            arrays = [array[arrival] for array in file.read_rows(first, len(places))]
            for begin in range(0, len(places), description.block_rows):
                rows = description.rows_of((first + begin) // description.block_rows)
                writer._write_checked(rows, [array[begin:begin + len(rows)] for array in arrays])
        writer.finish()


def merge_caches(path: str | Path, shards: Sequence[str | Path],
                 on_rows: Callable[[int, int], None] | None = None) -> CacheDescription:
    """Join all n finished shards, given in any order, into the cache that one writer would have written.

    An interrupted merge goes on where it stopped; the shards are left alone. on_rows is told how many rows are there,
    and how many there will be.

    Raises CacheError for shards that are unfinished, damaged, missing, given twice or of different caches.
    """
    files: dict[int, BlockFile] = {}
    try:
        for shard in map(Path, shards):
            file = BlockFile.open(shard)
            part, parts = file.description.shard
            if part in files:
                file.close()
                raise CacheError(f"{shard}: expected every shard once, {files[part].path} is shard {part} too")
            files[part] = file
            if not file.finished:
                raise CacheError(f"{shard}: expected a finished shard, this one is unfinished; finish it first")
            first = next(iter(files.values())).description
            differing = _differences(replace(first, shard=(part, first.shard[1])), file.description)
            if differing:
                raise CacheError(f"{shard}: expected a shard of the same cache as {shards[0]}, it differs in "
                                 f"{', '.join(differing)}")
        if not files:
            raise CacheError(f"{path}: expected at least one shard to merge, got none")
        absent = [str(part) for part in range(1, parts + 1) if part not in files]
        if absent:
            raise CacheError(f"{path}: expected all {parts} shards, missing: {', '.join(absent)}")
        whole = replace(first, shard=(1, 1))
        with CacheWriter(path, whole) as writer:
            for rows in writer.missing():
                block = rows.start // whole.block_rows
                holder = next(file for file in files.values() if block in file.description.blocks)
                writer._write_checked(rows, holder.read_block(block))
                if on_rows:
                    on_rows(rows.stop, whole.rows)
            writer.finish()
        return whole
    finally:
        for file in files.values():
            file.close()


def checked_rows(description: CacheDescription, rows: Rows, where: str = "") -> tuple[np.ndarray, ...]:
    """Copies in the format's dtypes and shapes: vectors [n, F], targets [n, M], weights [n, M]. Raises CacheError."""
    vectors, targets = np.asarray(rows[0]), np.asarray(rows[1])
    weights = rows[2] if len(rows) > 2 else None
    targets = targets[:, None] if targets.ndim == 1 else targets
    shape = (len(targets), description.max_targets)
    if vectors.shape != (len(targets), description.width) or targets.shape != shape:
        raise CacheError(f"{where}expected vectors [n, {description.width}] and targets [n, {description.max_targets}],"
                         f" got {list(vectors.shape)} and {list(targets.shape)}")
    if targets.dtype.kind not in "iu" or not len(targets):
        raise CacheError(f"{where}expected at least one row with whole numbers as targets, got {len(targets)} rows of "
                         f"{targets.dtype}")
    if vectors.dtype not in (np.float16, np.float32, np.float64):
        raise CacheError(f"{where}expected vectors as floating-point numbers, got {vectors.dtype}")
    tensor = torch.from_numpy(np.require(vectors, requirements=["C", "W"]))  # converts faster than NumPy
    lengths = torch.linalg.vector_norm(tensor.float(), dim=1)
    if not bool(((lengths - 1).abs() < UNIT_TOLERANCE).all()):
        raise CacheError(f"{where}expected unit vectors, got lengths from {lengths.min():.3g} to {lengths.max():.3g}")
    if targets.min() < -1 or targets.max() >= len(description.nouns) or (targets[:, 0] < 0).any():
        raise CacheError(f"{where}expected targets from 0 to {len(description.nouns) - 1}, and after the first -1 for "
                         f"none, got {targets.min()} to {targets.max()}")
    present = targets >= 0
    if weights is None:
        weights = present / present.sum(1, keepdims=True, dtype=np.float32)
    weights = np.array(weights, dtype=WEIGHT, order="C")
    if weights.shape != shape or not np.isfinite(weights).all() or ((weights > 0) != present).any() \
            or (np.diff(weights, axis=1) > 0).any() or weights.min() < 0:
        raise CacheError(f"{where}expected weights {list(shape)}, positive where there is a target, 0 elsewhere, and "
                         "none larger than the one before it")
    converted = tensor.to(torch.float16 if description.dtype == "float16" else torch.float32, copy=True).numpy()
    return converted, np.array(targets, TARGET, order="C"), weights


class _Regrouped:
    """Batches of any sizes, taken in portions of other sizes; every row is checked once."""

    def __init__(self, description: CacheDescription, batches: Iterable[Rows], name: str):
        self._description, self._batches, self._name = description, iter(batches), name
        self._left: tuple[np.ndarray, ...] | None = None
        self._taken = 0

    def take(self, count: int) -> tuple[np.ndarray, ...]:
        """The next `count` rows, of which there are that many by the description."""
        parts, missing = [], count
        while missing:
            if self._left is None and not self._fetch():
                raise CacheError(f"{self._name}: expected {self._description.rows} rows, got "
                                 f"{self._taken + count - missing}")
            parts.append([array[:missing] for array in self._left])
            self._left = tuple(array[missing:] for array in self._left) if len(self._left[0]) > missing else None
            missing -= len(parts[-1][0])
        self._taken += count
        return tuple(parts[0]) if len(parts) == 1 else tuple(map(np.concatenate, zip(*parts)))

    def expect_end(self) -> None:
        """Raise CacheError if any row is left."""
        if self._left is not None or self._fetch():
            raise CacheError(f"{self._name}: expected {self._description.rows} rows, got more")

    def _fetch(self) -> bool:
        for batch in self._batches:
            if len(batch[1]):
                self._left = checked_rows(self._description, batch, f"{self._name}: ")
                return True
        return False


def _differences(one: CacheDescription, other: CacheDescription) -> list[str]:
    """Names of the fields in which two descriptions differ."""
    ours, theirs = json.loads(one.to_json()), json.loads(other.to_json())
    return [name for name in ours if ours[name] != theirs[name]]


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    """Turn the system's errors into CacheError."""
    try:
        yield
    except OSError as error:
        advice = "free some space and run again, it goes on where it stopped" if error.errno == errno.ENOSPC else \
            "choose another place"
        raise CacheError(f"{path}: cannot write the cache: {error.strerror}; {advice}") from None
