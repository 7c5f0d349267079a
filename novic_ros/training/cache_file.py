"""The file format of an embedding cache: one flat file of blocks, each with a checksum, and what they are in front.

    header       magic, version, length and CRC-32 of the description, CRC-32 of the table of checksums
    description  JSON: everything in `CacheDescription`
    checksums    uint32, CRC-32 of every block; 0 where a block has not been written
    vectors      float16 or float32 [N, F], unit length
    targets      int32 [N, M], noun indices, -1 where a row has fewer nouns than M
    weights      float32 [N, M], descending, 0 where there is no target

All numbers are little-endian. A block is `block_rows` rows of all three arrays. The magic of a finished file is written
last, so that one whose writing was interrupted is never taken for whole; the checksums tell where to go on. This file
knows bytes: what is written in which order is `cache_writer.py`'s business, reading batches `embedding_cache.py`'s.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import numpy as np

__all__ = ["BlockFile", "CacheDescription", "CacheError", "default_block_rows"]

UNFINISHED, FINISHED, VERSION = b"novic-unfinished", b"NOVIC-EMBEDDINGS", 2  # version 1 was a folder
HEADER = struct.Struct("<16sIQII")
BLOCK_BYTES = 4 << 20
PAGE = 4096
DTYPES = {"float16": np.dtype("<f2"), "float32": np.dtype("<f4")}
TARGET, WEIGHT, CHECKSUM = np.dtype("<i4"), np.dtype("<f4"), np.dtype("<u4")


class CacheError(ValueError):
    """A cache is missing, unfinished, damaged or of another kind, or cannot be written; the message says which."""


@dataclass(frozen=True)
class CacheDescription:
    """What a cache holds. `rows` are those of the whole cache, of which shard (i, n) is the i-th of n parts.

    seed: of the rows' random order; None where rows stand as they came.
    provenance: anything JSON can say about where the rows came from; merged shards must agree on it.
    """

    embedder_spec: str
    nouns: tuple[str, ...]
    rows: int
    width: int
    block_rows: int
    max_targets: int = 1
    dtype: str = "float16"
    seed: int | None = 0
    shard: tuple[int, int] = (1, 1)
    provenance: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("rows", "width", "block_rows", "max_targets"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise CacheError(f"cache: expected {name} as a whole number from 1, got {getattr(self, name)!r}")
        if self.dtype not in DTYPES:
            raise CacheError(f"cache: expected dtype {' or '.join(DTYPES)}, got {self.dtype!r}")
        if not isinstance(self.embedder_spec, str) or not self.embedder_spec:
            raise CacheError(f"cache: expected an embedder's spec, got {self.embedder_spec!r}")
        if not self.nouns or not all(isinstance(noun, str) for noun in self.nouns):
            raise CacheError("cache: expected at least one noun, and all of them as texts")
        if self.seed is not None and not isinstance(self.seed, int):
            raise CacheError(f"cache: expected a whole number as seed, got {self.seed!r}")
        try:
            json.dumps(self.provenance)
        except (TypeError, ValueError) as error:
            raise CacheError(f"cache: expected a provenance that JSON can hold: {error}") from None
        part, parts = self.shard
        if not 1 <= part <= parts:
            raise CacheError(f"cache: expected shard i of n with 1 <= i <= n, got {part} of {parts}")
        if parts > self.all_blocks:
            raise CacheError(f"cache: {self.rows} rows are {self.all_blocks} blocks of {self.block_rows}; expected at "
                             f"most as many shards, got {parts}")

    @property
    def all_blocks(self) -> int:
        """Blocks of the whole cache."""
        return -(-self.rows // self.block_rows)

    @property
    def blocks(self) -> range:
        """Numbers, within the whole cache, of the blocks in this shard."""
        part, parts = self.shard
        return range((part - 1) * self.all_blocks // parts, part * self.all_blocks // parts)

    def rows_of(self, block: int) -> range:
        """Numbers, within the whole cache, of a block's rows."""
        return range(block * self.block_rows, min(self.rows, (block + 1) * self.block_rows))

    @property
    def own_rows(self) -> range:
        """Numbers, within the whole cache, of this shard's rows."""
        return range(self.blocks[0] * self.block_rows, self.rows_of(self.blocks[-1]).stop)

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in all three arrays."""
        return self.width * DTYPES[self.dtype].itemsize + self.max_targets * (TARGET.itemsize + WEIGHT.itemsize)

    @property
    def file_bytes(self) -> int:
        """Size of this shard's file."""
        return _Layout(self).end

    def to_json(self) -> bytes:
        """The same bytes for the same description, everywhere."""
        return json.dumps(asdict(self), sort_keys=True).encode()

    @classmethod
    def from_json(cls, text: bytes) -> CacheDescription:
        """The inverse of `to_json`. Raises CacheError."""
        try:
            content = json.loads(text)
            return cls(**content | {"nouns": tuple(content["nouns"]), "shard": tuple(content["shard"])})
        except CacheError:
            raise
        except (ValueError, TypeError, LookupError) as error:
            expected = ", ".join(one.name for one in fields(cls))
            raise CacheError(f"cache: expected a JSON object of {expected}: {error}") from None


def default_block_rows(width: int, max_targets: int = 1, dtype: str = "float16") -> int:
    """Rows in blocks of about 4 MiB: few enough checksums, and little is lost when writing is interrupted."""
    row_bytes = width * DTYPES[dtype].itemsize + max_targets * (TARGET.itemsize + WEIGHT.itemsize)
    return max(1, BLOCK_BYTES // row_bytes)


class _Layout:
    """Where in the file each part begins."""

    def __init__(self, description: CacheDescription):
        rows = len(description.own_rows)
        self.checksums = _aligned(HEADER.size + len(description.to_json()))
        self.vectors = _aligned(self.checksums + len(description.blocks) * CHECKSUM.itemsize)
        self.targets = _aligned(self.vectors + rows * description.width * DTYPES[description.dtype].itemsize)
        self.weights = _aligned(self.targets + rows * description.max_targets * TARGET.itemsize)
        self.end = self.weights + rows * description.max_targets * WEIGHT.itemsize


class BlockFile:
    """An open cache or shard, block by block. Use as a context manager, or call `close`.

    Rows and blocks are numbered as in the whole cache. Attributes: path, description, finished, descriptor.
    """

    def __init__(self, path: Path, descriptor: int, description: CacheDescription, finished: bool):
        self.path, self.descriptor = path, descriptor
        self.description, self.finished = description, finished
        layout, rows = _Layout(description), len(description.own_rows)
        self._checksums_at = layout.checksums
        self._parts = ((layout.vectors, DTYPES[description.dtype], (rows, description.width)),
                       (layout.targets, TARGET, (rows, description.max_targets)),
                       (layout.weights, WEIGHT, (rows, description.max_targets)))
        self._first_row, self._first_block = description.own_rows.start, description.blocks.start
        size = len(description.blocks) * CHECKSUM.itemsize
        stored = os.pread(descriptor, size, layout.checksums).ljust(size, b"\0")
        self.checksums = np.frombuffer(stored, CHECKSUM).copy()  # of this shard's blocks

    @classmethod
    def create(cls, path: Path, description: CacheDescription) -> BlockFile:
        """A new file of full size with no block written. Raises OSError; FileExistsError if there is one."""
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        file = cls(path, descriptor, description, finished=False)
        file._write_header(UNFINISHED, 0)
        os.pwrite(descriptor, description.to_json(), HEADER.size)
        os.ftruncate(descriptor, description.file_bytes)
        os.fsync(descriptor)  # whatever happens from now on, the file says what it is
        return file

    @classmethod
    def open(cls, path: Path, writable: bool = False) -> BlockFile:
        """An existing file, finished or not; only a finished one is checked for its size and its table of checksums.

        Raises CacheError if it is missing, no cache, of another version, or its beginning or its end is damaged.
        """
        if path.is_dir():
            raise CacheError(f"{path}: expected an embedding cache, which is one file, found a folder; write the "
                             "cache again")
        try:
            descriptor = os.open(path, os.O_RDWR if writable else os.O_RDONLY)
        except FileNotFoundError:
            raise CacheError(f"{path}: expected an embedding cache, found nothing there") from None
        except OSError as error:
            raise CacheError(f"{path}: expected an embedding cache: {error.strerror}") from None
        try:
            return cls._read(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    @classmethod
    def _read(cls, path: Path, descriptor: int) -> BlockFile:
        header = os.pread(descriptor, HEADER.size, 0)
        if header[:16] not in (FINISHED, UNFINISHED):
            raise CacheError(f"{path}: expected an embedding cache, found another kind of file or one of which hardly "
                             "anything was written")
        if len(header) < HEADER.size:
            raise CacheError(f"{path}: the cache is cut off after {len(header)} bytes; write it again")
        magic, version, length, checksum, table_checksum = HEADER.unpack(header)
        if version != VERSION:
            raise CacheError(f"{path}: expected an embedding cache of version {VERSION}, found version {version}; "
                             f"{'update novic_ros' if version > VERSION else 'write the cache again'}")
        size = os.fstat(descriptor).st_size
        text = os.pread(descriptor, min(length, size), HEADER.size)
        if len(text) != length or zlib.crc32(text) != checksum:
            raise CacheError(f"{path}: the cache's description is damaged or cut off; write the cache again")
        try:
            description = CacheDescription.from_json(text)
        except CacheError as error:
            raise CacheError(f"{path}: {error}; write the cache again") from None
        if magic == FINISHED and size != description.file_bytes:
            raise CacheError(f"{path}: expected {description.file_bytes} bytes, found {size}: the cache was cut off or "
                             "added to; copy or write it again")
        file = cls(path, descriptor, description, magic == FINISHED)
        if magic == FINISHED and zlib.crc32(file.checksums) != table_checksum:
            raise CacheError(f"{path}: the cache's table of checksums is damaged; write the cache again")
        return file

    def __enter__(self) -> BlockFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; a second time does nothing."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def arrays(self) -> tuple[tuple[int, np.dtype, tuple[int, int]], ...]:
        """(offset in the file, dtype, shape) of vectors, targets and weights."""
        return self._parts

    def read_rows(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Copies of some rows as they stand, checked by nobody. Raises CacheError if the file ends before them."""
        found = []
        self._advise(first + count, count, os.POSIX_FADV_WILLNEED)  # read on while these are looked at
        for offset, dtype, (_, columns) in self._parts:
            rows = np.empty((count, columns), dtype)
            self._transfer(os.preadv, rows, offset, first)
            found.append(rows)
        return tuple(found)

    def write_rows(self, first: int, *arrays: np.ndarray) -> None:
        """Vectors, targets and weights into place; in the format's dtypes. Raises OSError, such as for a full disk."""
        for (offset, dtype, (_, columns)), rows in zip(self._parts, arrays):
            if rows.dtype != dtype or rows.shape != (len(arrays[0]), columns) or not rows.flags.c_contiguous:
                raise ValueError(f"cache: expected {dtype} {[len(arrays[0]), columns]}, got {rows.dtype} "
                                 f"{list(rows.shape)}")
            self._transfer(os.pwritev, rows, offset, first)

    def _transfer(self, call, rows: np.ndarray, offset: int, first: int) -> None:
        data = memoryview(rows).cast("B") if rows.size else memoryview(b"")
        place = offset + (first - self._first_row) * rows.strides[0]
        while data:
            done = call(self.descriptor, [data], place)
            if not done:
                raise CacheError(f"{self.path}: the file ends before row {first + len(rows)}; it was cut off, write it "
                                 "again")
            data, place = data[done:], place + done

    def set_checksum(self, block: int, checksum: int) -> None:
        """Note a block as written; with 0, as not written."""
        self.mark_unfinished()
        self.checksums[block - self._first_block] = checksum
        place = self._checksums_at + (block - self._first_block) * CHECKSUM.itemsize
        os.pwrite(self.descriptor, int(checksum).to_bytes(CHECKSUM.itemsize, "little"), place)

    def is_whole(self, block: int) -> bool:
        """Whether a block's rows have the checksum that was noted. Raises CacheError if the file ends before them."""
        return self._checked_block(block)[0]

    def read_block(self, block: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A block's vectors, targets and weights, checked. Raises CacheError that names its rows if it is damaged."""
        whole, found = self._checked_block(block)
        if not whole:
            rows = self.description.rows_of(block)
            raise CacheError(f"{self.path}: block {block}, rows {rows.start} to {rows.stop - 1}, is damaged: its "
                             "checksum is another; copy or write the cache again")
        return found

    def _checked_block(self, block: int) -> tuple[bool, tuple[np.ndarray, np.ndarray, np.ndarray]]:
        rows = self.description.rows_of(block)
        found = self.read_rows(rows.start, len(rows))
        return checksum_of(block, *found) == self.checksums[block - self._first_block], found

    def start_writing_back(self, first: int, count: int) -> None:
        """Ask the system to bring these rows' vectors to the disk now, while the next are computed; only a hint."""
        self._advise(first, count, os.POSIX_FADV_DONTNEED)

    def _advise(self, first: int, count: int, advice: int) -> None:
        offset, dtype, (_, columns) = self._parts[0]
        row_bytes = columns * dtype.itemsize
        os.posix_fadvise(self.descriptor, offset + (first - self._first_row) * row_bytes, count * row_bytes, advice)

    def finish(self) -> None:
        """Bring everything to the disk, then write the finished file's header. Raises OSError."""
        os.fsync(self.descriptor)
        self._write_header(FINISHED, zlib.crc32(self.checksums))
        os.fsync(self.descriptor)
        self.finished = True

    def mark_unfinished(self) -> None:
        """Called before a finished file is changed. Raises OSError."""
        if self.finished:
            self._write_header(UNFINISHED, 0)
            self.finished = False

    def _write_header(self, magic: bytes, table_checksum: int) -> None:
        text = self.description.to_json()
        os.pwrite(self.descriptor, HEADER.pack(magic, VERSION, len(text), zlib.crc32(text), table_checksum), 0)


def checksum_of(block: int, vectors: np.ndarray, targets: np.ndarray, weights: np.ndarray) -> int:
    """CRC-32 of a block's number and its bytes, so that a block in another's place is noticed too; 1 instead of 0."""
    return zlib.crc32(weights, zlib.crc32(targets, zlib.crc32(vectors, zlib.crc32(block.to_bytes(8, "little"))))) or 1


def _aligned(offset: int) -> int:
    return -(-offset // PAGE) * PAGE
