"""The probe of a training: a fixed set of nouns, each with a clean vector from the cache, decoded now and then.

The share of them that comes back first says whether the decoder learns to spell at all; it says nothing about images,
which no training here ever sees. It chooses vectors and counts; searching is the decoding library's work.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.noun_decoder import NounDecoder
from novic_ros.training.training_data import TrainingData

__all__ = ["Probe"]

SEARCH = "greedy_k1_vnone_gp_t1_a0"
ROWS = 65_536  # targets looked through at once
AT_ONCE = 64  # vectors decoded at once


@dataclass(frozen=True, eq=False)
class Probe:
    """Vectors float32 [n, F], clean, and for each the only noun that it stands for."""

    vectors: torch.Tensor
    nouns: tuple[str, ...]

    @classmethod
    def of(cls, data: TrainingData, count: int, most_rows: int = 2_000_000) -> Probe:
        """Nouns at even distances through the list, each with the first row that has it alone among `most_rows`.

        Nouns without such a row are left out, so there may be fewer than `count`.
        """
        wanted = np.unique(np.linspace(0, len(data.nouns) - 1, min(count, len(data.nouns))).astype(np.int64))
        open_ = np.zeros(len(data.nouns) + 1, dtype=bool)
        open_[wanted] = True
        found: dict[int, np.ndarray] = {}
        for cache, numbers in zip(data.caches, data.numbers):
            for begin in range(0, min(len(cache.targets), most_rows), ROWS):
                if len(found) == len(wanted):
                    break
                part = slice(begin, min(begin + ROWS, most_rows))
                used = np.asarray(cache.weights[part]) > 0
                noun = numbers[np.asarray(cache.targets[part])[:, 0]]
                for row in np.flatnonzero(open_[noun] & (used.sum(1) == 1) & used[:, 0]):
                    if open_[noun[row]]:
                        open_[noun[row]] = False
                        found[int(noun[row])] = np.array(cache.vectors[begin + row], dtype=np.float32)
        chosen = sorted(found)
        vectors = np.stack([found[noun] for noun in chosen]) if chosen else np.empty((0, data.width), np.float32)
        return cls(torch.from_numpy(vectors), tuple(data.nouns[noun] for noun in chosen))

    def __len__(self) -> int:
        return len(self.nouns)

    def right(self, checkpoint: Checkpoint, device: torch.device) -> int:
        """How many nouns come back first from their vectors, with greedy search among all nouns."""
        decoder = NounDecoder(checkpoint, str(device))
        found = [best for part in self.vectors.split(AT_ONCE) for best in decoder.decode(part, SEARCH)]
        return sum(bool(best) and best[0].text == noun for best, noun in zip(found, self.nouns))
