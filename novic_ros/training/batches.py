"""Training batches from an embedding cache: rows drawn by weight, noise added, targets as padded token columns.

A batch depends on the seed and its step alone, so training resumes exactly. Rows are drawn for a group of steps at once
and sorted by length, so that short nouns do not wait for long ones. This is neither the cache nor the trainer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from novic_ros.training.embedding_cache import EmbeddingCache
from novic_ros.training.trainer import IGNORE, Batch

__all__ = ["NounBatches"]

# (vectors [B, F], nouns [B], progress from 0 to 1, generator) -> the same two, changed
Noise = Callable[[torch.Tensor, torch.Tensor, float, torch.Generator], tuple[torch.Tensor, torch.Tensor]]


class NounBatches:
    """`batches(step)` gives the batch of a step: vectors float32 [B, F] and targets int64 [B, C].

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
        self._vectors, self._row_noun = cache.vectors, cache.targets
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
