"""Which positions a search has computed, where they are kept, and what they say about the next token.

The bookkeeping between a search and the network: it appends the newest tokens of beams, all in one pass, and reads
log-probabilities later. Where few tokens can follow a beam's, it computes them in the same pass, before they are asked
for: most nouns are told apart by their first tokens, and on a CPU a pass spends most of its time on reading weights.
The results are the same. This file chooses and scores nothing.
Shapes: B images, R beams, N positions of one pass, L positions of a path so far, V token vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from novic_ros.decoding.candidates import Beams, Scorer
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.tokens import END

__all__ = ["Positions"]

AHEAD_ROWS = 64  # positions of one pass at most, when any of them is not asked for yet
AHEAD_BELOW = 4  # all that follows a beam is computed if it is no more than this; a single next token always is


@dataclass(frozen=True)
class _Pass:
    """Readings of the slots from `first` on, one row for every `stride` of them.

    Readings are log-probabilities [N, V], or what else the scorer makes of logits.
    """

    first: int
    readings: torch.Tensor
    stride: int = 1
    looks_ahead: bool = False


class Positions:
    """Computed positions of one search over B images.

    rows: the most beams that are ever appended to in one call of `append`; alive: the most calls whose positions are
    needed at a time.
    """

    def __init__(self, model: ObjectDecoder, vectors: torch.Tensor, scorer: Scorer, rows: int, alive: int):
        self._model, self._scorer = model, scorer
        self._images, self._prefix = len(vectors), model.arch.prefix_length
        self._used = self._images * self._prefix
        self._cache = model.new_cache(self._used + alive * max(rows, AHEAD_ROWS))
        self._passes = [_Pass(0, scorer.readings(model.start(vectors, self._cache)), stride=self._prefix)]
        self._ahead: dict[tuple[int, int], int] = {}  # slot of a position and token after it -> slot of that token

    def roots(self) -> Beams:
        """One empty beam per image."""
        return Beams.roots(np.arange(self._images * self._prefix).reshape(self._images, self._prefix))

    @property
    def used(self) -> int:
        """Slots in use; give it to `rewind` to free all that come later."""
        return self._used

    def rewind(self, used: int) -> None:
        """Forget every position that was computed after `used` was read."""
        if used < self._used:
            self._used = used
            self._passes = [one for one in self._passes if one.first < used]
            self._ahead = {key: slot for key, slot in self._ahead.items() if slot < used}

    def append(self, beams: Beams, columns: int) -> Beams:
        """The same beams with their newest tokens computed, and up to `columns` - 1 tokens after these."""
        path = beams.path.copy()
        if self._ahead:
            path[:, -1] = [self._ahead.get((before, tokens[-1]), -1) if last < 0 else last
                           for (before, last), tokens in zip(path[:, -2:].tolist(), beams.tokens)]
        rows = (path[:, -1] < 0).nonzero()[0]
        if len(rows):
            path[rows, -1] = self._used + np.arange(len(rows))
            self._compute(path[rows], np.array([beams.tokens[row][-1] for row in rows]), beams.node[rows], columns - 1)
        return replace(beams, path=path)

    def at(self, slots: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Readings of tokens [n] at the positions in slots [n], float64 [n]."""
        found = np.empty(len(slots))
        ends = [one.first for one in self._passes[1:]] + [self._used]
        for one, end in zip(self._passes, ends):
            here = ((slots >= one.first) & (slots < end)).nonzero()[0]
            if len(here):
                found[here] = _elements(one.readings, (slots[here] - one.first) // one.stride, tokens[here])
        return found

    def newest(self) -> torch.Tensor:
        """Readings of the last pass, [N, V]."""
        return self._passes[-1].readings

    def _compute(self, paths: np.ndarray, tokens: np.ndarray, nodes: np.ndarray, more_columns: int) -> None:
        """Compute the last positions of paths [n, L], whose slots are the next free ones, and what lies ahead."""
        length = paths.shape[1]
        levels = [(paths, tokens), *self._ahead_of(paths, nodes, more_columns)]
        sizes = [len(tokens) for _, tokens in levels]
        all_paths = np.zeros((sum(sizes), length + len(levels) - 1), dtype=np.int64)
        all_tokens, lengths = np.empty((2, len(all_paths)), dtype=np.int64)
        begin = 0
        for depth, (paths, tokens) in enumerate(levels):
            end = begin + len(tokens)
            all_paths[begin:end, :length + depth] = paths
            all_tokens[begin:end], lengths[begin:end] = tokens, length + depth
            begin = end
        logits = self._model.advance(self._cache, *map(torch.from_numpy, (all_tokens, all_paths, lengths)))
        self._passes = [one for one in self._passes if one.looks_ahead]
        self._passes.append(_Pass(self._used, self._scorer.readings(logits), looks_ahead=len(levels) > 1))
        self._used += len(all_paths)

    def _ahead_of(self, paths: np.ndarray, nodes: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Level by level, at most so many, what is worth computing below paths [n, L] at guide nodes [n]."""
        guide, budget = self._scorer.guide, AHEAD_ROWS - len(nodes)
        for _ in range(most if guide is not None and len(nodes) <= budget else 0):
            parent, edge = guide.edges_of(nodes)
            token = guide.edge_token[edge]
            few = (guide.tokens_below[nodes] <= AHEAD_BELOW) | (guide.degree[nodes] == 1)
            kept = (few[parent] & (token != END)).nonzero()[0]
            budget -= len(kept)
            if budget < 0 or not len(kept):
                return
            slots = paths[-1, -1] + 1 + np.arange(len(kept))
            paths = np.concatenate([paths[parent[kept]], slots[:, None]], axis=1)
            tokens, nodes = token[kept].astype(np.int64), guide.edge_node[edge[kept]]
            self._ahead.update(zip(zip(paths[:, -2].tolist(), tokens.tolist()), slots.tolist()))
            yield paths, tokens


def _elements(readings: torch.Tensor, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """readings[row, column], on the CPU."""
    if readings.device.type == "cpu":
        return readings.numpy()[row, column]
    row, column = (torch.from_numpy(array).to(readings.device) for array in (row, column))
    return readings[row, column].cpu().numpy()
