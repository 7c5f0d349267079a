"""What a decoder should say for the vectors of a micro-batch, as tensors: nouns to token columns, weights and places.

Only targets with weight are kept, and sorted by length, so that short nouns do not wait for long ones; what counts in
the loss is listed column by column. It draws nothing and reads no file (`feed.py`), and computes no loss (`loss.py`).

Shapes: B vectors, M nouns per vector, A targets, C token columns, N columns that count, W nouns.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from novic_ros.decoding.tokens import END

__all__ = ["IGNORE", "NounTable", "TargetGroup"]

IGNORE = -100  # target of a column after the end token


@dataclass(frozen=True)
class TargetGroup:
    """Targets that are padded together, all tensors on one device.

    owner: int64 [A], the vector that each target belongs to.
    tokens: int64 [A, C], their tokens, with end tokens after the end.
    columns: int64 [N], places in the flattened [A * C] that count in the loss.
    answers: int64 [N], the tokens there. weights: float32 [N], how much each counts.
    """

    owner: torch.Tensor
    tokens: torch.Tensor
    columns: torch.Tensor
    answers: torch.Tensor
    weights: torch.Tensor

    def to(self, device: torch.device) -> TargetGroup:
        """On another device, without waiting for the copy."""
        return TargetGroup(*(tensor.to(device, non_blocking=True) for tensor in
                             (self.owner, self.tokens, self.columns, self.answers, self.weights)))

    def pinned(self) -> TargetGroup:
        """In memory that a GPU reads directly."""
        return TargetGroup(*(tensor.pin_memory() for tensor in
                             (self.owner, self.tokens, self.columns, self.answers, self.weights)))


class NounTable:
    """The tokens of W nouns, to make targets of noun numbers.

    noun_tokens: compact ids of every noun, each with its end token.
    num_end: how many end tokens count in the loss, if others of the same micro-batch are long enough.
    groups: into how many parts a micro-batch is split by length.
    """

    def __init__(self, noun_tokens: Sequence[Sequence[int]], num_end: int = 1, groups: int = 1):
        self._length = np.array([len(tokens) for tokens in noun_tokens])
        self._tokens = np.full((len(noun_tokens), int(self._length.max())), END)
        for noun, tokens in enumerate(noun_tokens):
            self._tokens[noun, :len(tokens)] = tokens
        self._num_end, self._groups = num_end, groups

    def targets(self, nouns: np.ndarray, weights: np.ndarray) -> tuple[TargetGroup, ...]:
        """Nouns int [B, M], -1 for none, and weights float [B, M] -> the targets with weight, shortest group first.

        Raises ValueError if there are none.
        """
        owner, place = np.nonzero((nouns >= 0) & (weights > 0))
        if not len(owner):
            raise ValueError("targets: expected at least one noun with a weight above 0 in a micro-batch, found none; "
                             "write the cache again")
        noun, weight = nouns[owner, place], weights[owner, place].astype(np.float32)
        length = self._length[noun]
        counted = np.minimum(length + self._num_end - 1, length.max())
        order = np.argsort(length, kind="stable")
        return tuple(self._group(owner[part], noun[part], counted[part], weight[part])
                     for part in np.array_split(order, self._groups) if len(part))

    def _group(self, owner: np.ndarray, noun: np.ndarray, counted: np.ndarray, weight: np.ndarray) -> TargetGroup:
        tokens = self._tokens[noun, :counted.max()]
        counts = np.arange(tokens.shape[1]) < counted[:, None]
        columns = np.flatnonzero(counts)
        return TargetGroup(*map(torch.from_numpy, (
            owner, tokens, columns, tokens.ravel()[columns], np.repeat(weight, counted))))
