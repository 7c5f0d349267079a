"""Micro-batches for the trainer: rows of one or several caches by number, as vectors and targets on the device.

Micro-batch n depends on n, the caches and the seed alone, so that trainings resume exactly and several processes share
one. With several caches each micro-batch is of one cache, and an epoch mixes them in random order, each cache as often
as it has rows. The next micro-batches are fetched in a thread of their own while the device works. It adds no noise.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import numpy as np
import torch

from novic_ros.training.targets import NounTable, TargetGroup

__all__ = ["Batches", "Cache", "Feed", "MicroBatch", "merged_nouns"]


class Cache(Protocol):
    """What the trainer needs of a cache of embeddings (see `embedding_cache.py`)."""

    vectors: np.ndarray  # float16 or float32 [N, F], unit vectors
    targets: np.ndarray  # int32 [N, M], index of a noun, -1 for none
    weights: np.ndarray  # float32 [N, M], 0 for none
    nouns: tuple[str, ...]
    embedder_spec: str


class Batches(Protocol):
    """The rows of each micro-batch of one cache (see `batches.py`)."""

    steps_per_epoch: int

    def __call__(self, step: int) -> Any:
        """Rows of a micro-batch, 0-based over all epochs: a slice or int array."""


@dataclass(frozen=True)
class MicroBatch:
    """Vectors float [B, F] and the targets of their nouns, on one device."""

    number: int
    vectors: torch.Tensor
    groups: tuple[TargetGroup, ...]


class Feed:
    """`feed(numbers)` gives the micro-batches with these numbers, one after another.

    batches: one per cache, in their order. nouns: for each cache, what its noun numbers mean in `table`.
    epoch_batches: how many micro-batches of a pass over all caches are used; the rest of the last step is dropped.
    ahead: micro-batches fetched in advance; by default two for a GPU, none for a CPU, whose cores are busy.
    """

    def __init__(self, caches: Sequence[Cache], batches: Sequence[Batches], nouns: Sequence[np.ndarray],
                 table: NounTable, epoch_batches: int, seed: int, device: torch.device, ahead: int | None = None):
        self._caches, self._batches, self._nouns, self._table = caches, batches, nouns, table
        self._epoch_batches, self._seed, self._device = epoch_batches, seed, device
        self._ahead = (0 if device.type == "cpu" else 2) if ahead is None else ahead
        self._order_of, self._order = -1, np.empty((0, 2), dtype=np.int64)

    def __call__(self, numbers: Iterable[int]) -> Iterator[MicroBatch]:
        if not self._ahead:
            for number in numbers:
                yield self._to_device(self.fetch(number))
            return
        numbers = iter(numbers)
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="novic-feed") as pool:
            waiting: list[Future[MicroBatch]] = [pool.submit(self._pinned, number)
                                                 for number in islice(numbers, self._ahead)]
            try:
                while waiting:
                    ready = waiting.pop(0).result()
                    waiting += [pool.submit(self._pinned, number) for number in islice(numbers, 1)]
                    yield self._to_device(ready)
            finally:
                for future in waiting:
                    future.cancel()

    def fetch(self, number: int) -> MicroBatch:
        """Read a micro-batch, onto the CPU."""
        epoch, place = divmod(number, self._epoch_batches)
        which, step = self._place(epoch, place)
        cache, rows = self._caches[which], self._batches[which](step)
        nouns = self._nouns[which][cache.targets[rows]]  # the last entry is -1, and so is what -1 means
        vectors = torch.from_numpy(np.array(cache.vectors[rows]))
        return MicroBatch(number, vectors, self._table.targets(nouns, np.asarray(cache.weights[rows])))

    def _place(self, epoch: int, place: int) -> tuple[int, int]:
        """(cache, its step) of a micro-batch of an epoch."""
        if len(self._batches) == 1:
            return 0, epoch * self._batches[0].steps_per_epoch + place
        if epoch != self._order_of:
            steps = np.array([batches.steps_per_epoch for batches in self._batches])
            which = np.repeat(np.arange(len(steps)), steps)
            step = np.arange(len(which)) - np.repeat(np.cumsum(steps) - steps, steps) + (epoch * steps)[which]
            self._order = np.random.default_rng((self._seed, epoch)).permutation(np.stack([which, step], axis=1))
            self._order_of = epoch
        return int(self._order[place, 0]), int(self._order[place, 1])

    def _pinned(self, number: int) -> MicroBatch:
        batch = self.fetch(number)
        if self._device.type != "cuda":
            return batch
        return MicroBatch(number, batch.vectors.pin_memory(), tuple(group.pinned() for group in batch.groups))

    def _to_device(self, batch: MicroBatch) -> MicroBatch:
        vectors = batch.vectors.to(self._device, non_blocking=True).float()
        return MicroBatch(batch.number, vectors, tuple(group.to(self._device) for group in batch.groups))


def merged_nouns(caches: Sequence[Cache]) -> tuple[tuple[str, ...], list[np.ndarray]]:
    """All nouns of some caches, each once in order of appearance, and per cache int64 [W + 1]: its numbers in theirs.

    The last entry of each is -1, so that -1 stays -1.
    """
    place: dict[str, int] = {}
    own = [np.array([*(place.setdefault(noun, len(place)) for noun in cache.nouns), -1]) for cache in caches]
    return tuple(place), own
