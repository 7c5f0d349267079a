"""A cache of text embeddings with their nouns, mapped into memory: opened, checked, and read in batches without a copy.

Rows stand in one random order in the file, so that a batch is a stretch of it (NOVIC, section 3.2, trains on 50 million
rows, more than fits into memory). How the file is laid out is `cache_file.py`'s, how it is written `cache_writer.py`'s
business; noise and tokens are `batches.py`'s and the trainer's.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from novic_ros.training.cache_file import BlockFile, CacheDescription, CacheError, default_block_rows
from novic_ros.training.cache_writer import Rows, write_in_order, write_shuffled

__all__ = ["CacheError", "EmbeddingCache", "verify_cache", "write_cache"]


@dataclass(frozen=True, eq=False)
class EmbeddingCache:
    """A finished cache of N rows. The arrays are views of the file, read-only; make one with `open`.

    vectors: float16 or float32 [N, F] of unit length.
    targets: int32 [N, M], indices into `nouns`, -1 where a row has fewer nouns than M.
    weights: float32 [N, M], descending, 0 where there is no target.
    """

    path: Path
    description: CacheDescription
    vectors: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    @classmethod
    def open(cls, path: str | Path, embedder_spec: str | None = None) -> EmbeddingCache:
        """Map a finished cache. The rows themselves are not read; `verify_cache` does that.

        Raises CacheError if it is missing, unfinished, cut off, a shard or no cache, or its description is damaged;
        with `embedder_spec`, also if another embedder made it.
        """
        path = Path(path)
        with BlockFile.open(path) as file:
            description = file.description
            if not file.finished:
                raise CacheError(f"{path}: expected a finished embedding cache, found an unfinished one; run what "
                                 "writes it again, it goes on where it stopped")
            if description.shard != (1, 1):
                part, parts = description.shard
                raise CacheError(f"{path}: expected a whole embedding cache, found shard {part} of {parts}; join the "
                                 "shards with `novic cache merge`")
            if embedder_spec is not None and embedder_spec != description.embedder_spec:
                raise CacheError(f"{path}: expected embeddings of {embedder_spec!r}, found those of "
                                 f"{description.embedder_spec!r}; write a cache for this embedder")
            mapped = mmap.mmap(file.descriptor, 0, access=mmap.ACCESS_READ)
            arrays = [np.frombuffer(mapped, dtype, shape[0] * shape[1], offset).reshape(shape)
                      for offset, dtype, shape in file.arrays()]
        return cls(path, description, *arrays)

    @property
    def nouns(self) -> tuple[str, ...]:
        """The W nouns that targets point at."""
        return self.description.nouns

    @property
    def embedder_spec(self) -> str:
        """Which embedder made the vectors."""
        return self.description.embedder_spec

    @property
    def rows(self) -> int:
        """N."""
        return self.description.rows

    @property
    def width(self) -> int:
        """F."""
        return self.description.width

    @property
    def max_targets(self) -> int:
        """M."""
        return self.description.max_targets

    def batch(self, begin: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Views of `count` rows from `begin` on: vectors [count, F], targets [count, M], weights [count, M]."""
        if not 0 <= begin <= begin + count <= self.rows:
            raise ValueError(f"cache: expected rows from 0 to {self.rows}, got {begin} to {begin + count}")
        return tuple(array[begin:begin + count] for array in (self.vectors, self.targets, self.weights))


def write_cache(path: str | Path, nouns: Sequence[str], embedder_spec: str, rows: int, width: int,
                batches: Iterable[Rows], seed: int | None = 0, *, max_targets: int = 1, dtype: str = "float16",
                provenance: dict | None = None, block_rows: int | None = None) -> EmbeddingCache:
    """Write N = rows embeddings from batches of (vectors [n, F], targets [n, M] or [n]) or (vectors, targets, weights
    [n, M]), in the random order of `seed`, or as they come if it is None. A cache that is there already is replaced.

    Memory does not grow with N. To write every byte only once, to resume, or to write parts on several machines, use
    `cache_writer.CacheWriter`. Raises CacheError for vectors that are not of unit length, targets that are no noun,
    weights that do not descend, or another number of rows than promised; the file then stays unfinished.
    """
    description = CacheDescription(embedder_spec, tuple(nouns), rows, width,
                                   block_rows or default_block_rows(width, max_targets, dtype), max_targets, dtype,
                                   seed, provenance=provenance or {})
    write = write_in_order if seed is None else write_shuffled
    write(path, description, batches)
    return EmbeddingCache.open(path)


def verify_cache(path: str | Path, on_rows: Callable[[int], None] | None = None) -> list[CacheError]:
    """Read a cache, or the written blocks of an unfinished one or of a shard, and return an error per damaged block.

    on_rows is told how many rows have been read. Raises CacheError if it cannot be read at all.
    """
    damaged = []
    with BlockFile.open(Path(path)) as file:
        for block, checksum in zip(file.description.blocks, file.checksums.tolist()):
            rows = file.description.rows_of(block)
            if checksum or file.finished:
                try:
                    file.read_block(block)
                except CacheError as error:
                    damaged.append(error)
            if on_rows:
                on_rows(rows.stop - file.description.own_rows.start)
    return damaged
