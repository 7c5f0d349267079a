"""A cache of text embeddings with their nouns, on disk and memory-mapped: one folder, written once, read in batches.

`vectors.npy` is float16 [N, F] of unit vectors, `targets.npy` int32 [N] of indices into the nouns, and `cache.json`,
written last, says what they are: a folder without it was never finished and is refused. Not a data loader: batches,
weights and order belong to the trainer.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["CacheError", "EmbeddingCache", "write_cache"]

FORMAT, VERSION = "novic_ros embedding cache", 1
FIELDS = ("embedder", "rows", "width", "nouns")


class CacheError(ValueError):
    """A cache folder is missing, unfinished, damaged or of another kind; the message says which."""


@dataclass(frozen=True)
class EmbeddingCache:
    """vectors float16 [N, F] (memory-mapped), targets int32 [N], nouns [W], and the embedder that made them."""

    vectors: np.ndarray
    targets: np.ndarray
    nouns: tuple[str, ...]
    embedder_spec: str

    @classmethod
    def open(cls, folder: str | Path, embedder_spec: str | None = None) -> EmbeddingCache:
        """Map a finished cache. Raises CacheError; with `embedder_spec`, also if another embedder made it."""
        folder = Path(folder)
        try:
            description = json.loads((folder / "cache.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise CacheError(f"{folder}: expected a finished embedding cache, found no cache.json; "
                             "write it again") from None
        except (OSError, ValueError) as error:
            raise CacheError(f"{folder}/cache.json: expected JSON: {error}") from None
        if not isinstance(description, dict):
            raise CacheError(f"{folder}/cache.json: expected a JSON object, found {type(description).__name__}; "
                             "write the cache again")
        if (description.get("format"), description.get("version")) != (FORMAT, VERSION):
            raise CacheError(f"{folder}: expected {FORMAT} version {VERSION}, found "
                             f"{description.get('format')!r} version {description.get('version')!r}; write it again")
        missing = [field for field in FIELDS if field not in description]
        if missing:
            raise CacheError(f"{folder}/cache.json: expected {', '.join(missing)} too; write the cache again")
        made_by = description["embedder"]
        if embedder_spec is not None and embedder_spec != made_by:
            raise CacheError(f"{folder}: expected embeddings of {embedder_spec!r}, found those of {made_by!r}; "
                             "write a cache for this embedder")
        rows, width = description["rows"], description["width"]
        vectors = _map(folder / "vectors.npy", (rows, width), np.float16)
        targets = _map(folder / "targets.npy", (rows,), np.int32)
        return cls(vectors, targets, tuple(description["nouns"]), made_by)


def write_cache(folder: str | Path, nouns: Sequence[str], embedder_spec: str, rows: int, width: int,
                batches: Iterable[tuple[np.ndarray, np.ndarray]], seed: int = 0) -> EmbeddingCache:
    """Write N = rows embeddings from batches of (vectors [n, F], targets [n]), in one random order.

    Memory does not grow with N. Raises CacheError for vectors that are not of unit length, targets that are no noun,
    or another number of rows than promised; the folder then stays unfinished.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cache.json").unlink(missing_ok=True)
    order = np.random.default_rng(seed).permutation(rows)
    vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float16, (rows, width))
    targets = np.lib.format.open_memmap(folder / "targets.npy", "w+", np.int32, (rows,))
    written = 0
    for batch, nouns_of_batch in batches:
        if batch.shape != (len(nouns_of_batch), width) or written + len(batch) > rows:
            raise CacheError(f"{folder}: expected {rows} vectors of width {width}, got a batch {list(batch.shape)} "
                             f"for {len(nouns_of_batch)} targets after {written} rows")
        if not np.allclose(np.linalg.norm(batch, axis=1), 1, atol=1e-2):
            raise CacheError(f"{folder}: expected unit vectors, got lengths from "
                             f"{np.linalg.norm(batch, axis=1).min():.3g} to {np.linalg.norm(batch, axis=1).max():.3g}")
        if len(nouns_of_batch) and not 0 <= nouns_of_batch.min() <= nouns_of_batch.max() < len(nouns):
            raise CacheError(f"{folder}: expected targets from 0 to {len(nouns) - 1}, got {nouns_of_batch.min()} "
                             f"to {nouns_of_batch.max()}")
        places = order[written:written + len(batch)]
        vectors[places], targets[places] = batch, nouns_of_batch
        written += len(batch)
    if written != rows:
        raise CacheError(f"{folder}: expected {rows} rows, got {written}")
    vectors.flush()
    targets.flush()
    description = {"format": FORMAT, "version": VERSION, "embedder": embedder_spec, "rows": rows, "width": width,
                   "nouns": list(nouns)}
    unfinished = folder / "cache.json.part"
    unfinished.write_text(json.dumps(description, ensure_ascii=False), encoding="utf-8")
    unfinished.replace(folder / "cache.json")
    return EmbeddingCache.open(folder)


def _map(path: Path, shape: tuple[int, ...], dtype: type) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise CacheError(f"{path}: expected an array {shape}: {error}; write the cache again") from None
    if array.shape != shape or array.dtype != dtype:
        raise CacheError(f"{path}: expected {np.dtype(dtype)} {shape}, found {array.dtype} {array.shape}; "
                         "write the cache again")
    return array
