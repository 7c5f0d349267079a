"""Which rows of an embedding cache make a batch: stretches in shuffled order, or single rows drawn by weight.

`ShuffledBatches` says which rows, for caches of any size; `NounBatches` also makes vectors with noise and targets as
padded token columns, for caches of one noun per row that fit into memory. Either way a batch depends on the seed and
its step alone, so training resumes exactly. This is neither the cache nor the trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from novic_ros.training.embedding_cache import EmbeddingCache
from novic_ros.training.row_order import RowOrder, random_below
from novic_ros.training.trainer import IGNORE, Batch

__all__ = ["NounBatches", "ShuffledBatches"]

# (vectors [B, F], nouns [B], progress from 0 to 1, generator) -> the same two, changed
Noise = Callable[[torch.Tensor, torch.Tensor, float, torch.Generator], tuple[torch.Tensor, torch.Tensor]]


class ShuffledBatches:
    """Which rows the batch of a global step holds: a function of (seed, step) alone.

    An epoch cuts the cache into stretches of B = batch_size rows, from a random row on and round the end to that row
    again, and takes them in a random order. Every row comes once per epoch; with `drop_last` the up to B - 1 rows that
    fill no batch are left out, other ones in every epoch. `cache.vectors[batches(step)]` is a view, but for the one
    stretch that goes round the end.

    Attributes: steps_per_epoch.
    """

    def __init__(self, cache: EmbeddingCache, batch_size: int, seed: int, drop_last: bool = True):
        rows = len(cache.vectors)
        if not 1 <= batch_size <= rows:
            raise ValueError(f"batches: expected a batch size from 1 to {rows}, the rows of the cache, got "
                             f"{batch_size}")
        self._rows, self._batch_size, self._seed = rows, batch_size, seed
        self.steps_per_epoch = rows // batch_size if drop_last else -(-rows // batch_size)
        self._epoch, self._start, self._order = -1, 0, RowOrder(1, 0)

    def __call__(self, step: int) -> slice | np.ndarray:
        """The rows of a step, 0-based and counted over all epochs: a slice, or int64 [B] round the cache's end."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._start = random_below(self._rows, self._seed, epoch)
            self._order = RowOrder(self.steps_per_epoch, self._seed, epoch)
            self._epoch = epoch
        passed = int(self._order.rows_at(np.array([place]))[0]) * self._batch_size  # rows since the epoch's start
        begin = (self._start + passed) % self._rows
        end = begin + min(self._batch_size, self._rows - passed)
        return slice(begin, end) if end <= self._rows else np.arange(begin, end) % self._rows


class NounBatches:
    """`batches(step)` gives the batch of a step: vectors float32 [B, F] and targets int64 [B, C].

    Rows are drawn for a group of steps at once and sorted by length, so that short nouns do not wait for long ones.

    cache: with one noun per row.
    noun_tokens: compact ids of every noun of the cache, each with the end token.
    weights: how often each noun is drawn, relative; None draws every row alike.
    group: batches whose rows are drawn together and sorted by length.
    """

    def __init__(self, cache: EmbeddingCache, noun_tokens: Sequence[Sequence[int]], steps: int, batch_size: int = 64,
                 weights: Sequence[float] | None = None, noise: Noise | None = None, seed: int = 0, group: int = 16):
        if len(noun_tokens) != len(cache.nouns):
            raise ValueError(f"batches: expected tokens for {len(cache.nouns)} nouns, got {len(noun_tokens)}")
        if weights is not None and len(weights) != len(cache.nouns):
            raise ValueError(f"batches: expected {len(cache.nouns)} weights, one per noun, got {len(weights)}")
        if cache.max_targets != 1:
            raise ValueError("batches: expected a cache with one noun per row, got one with up to "
                             f"{cache.max_targets}; use ShuffledBatches")
        self._vectors, self._row_noun = cache.vectors, np.ascontiguousarray(cache.targets[:, 0])
        self._length = np.array([len(tokens) for tokens in noun_tokens])
        self._targets = torch.full((len(noun_tokens), int(self._length.max())), IGNORE)
        for noun, tokens in enumerate(noun_tokens):
            self._targets[noun, :len(tokens)] = torch.tensor(tokens)
        row_weight = np.ones(len(self._row_noun)) if weights is None else np.asarray(weights)[self._row_noun]
        self._cumulative = np.cumsum(row_weight / row_weight.sum())
        self._steps, self._batch_size, self._noise = steps, batch_size, noise
        self._seed, self._group = seed, group
        self._group_at, self._group_rows = -1, np.empty((0, 0), dtype=np.int64)

    def __call__(self, step: int) -> Batch:
        rows = self._rows(step)
        nouns = torch.from_numpy(self._row_noun[rows].astype(np.int64))
        vectors = torch.from_numpy(self._vectors[rows].astype(np.float32))
        if self._noise:
            generator = torch.Generator().manual_seed(self._seed * 1_000_003 + step)
            vectors, nouns = self._noise(vectors, nouns, step / self._steps, generator)
        targets = self._targets[nouns]
        return vectors, targets[:, :int((targets != IGNORE).sum(1).max())]

    def _rows(self, step: int) -> np.ndarray:
        group, place = divmod(step, self._group)
        if group != self._group_at:
            random = np.random.default_rng((self._seed, group))
            drawn = np.searchsorted(self._cumulative, random.random(self._group * self._batch_size))
            drawn = drawn[np.argsort(self._length[self._row_noun[drawn]], kind="stable")]
            self._group_rows = drawn.reshape(self._group, self._batch_size)[random.permutation(self._group)]
            self._group_at = group
        return self._group_rows[place]
