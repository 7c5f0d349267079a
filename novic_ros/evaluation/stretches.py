"""Means and rates over frames that are alike in stretches, with intervals that know it: pure functions on plain data.

Thirty frames of one cup tell little more than one. Drawing single frames again would promise far too much, so whole
stretches are drawn again, with replacement (the cluster bootstrap: Davison and Hinkley, Bootstrap Methods and their
Application, 1997, section 3.8). With a single stretch there is no interval. Independent pictures: `rates.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from novic_ros.evaluation.rates import Rate, calibration_bins
from novic_ros.evaluation.results import Figure

__all__ = ["Stretches"]

ROUNDS = 2000
CELLS = 4_000_000  # of a table of drawings at once, which bounds the memory


class Stretches:
    """names: for each value that is given later, the stretch that it belongs to."""

    def __init__(self, names: Sequence[str], seed: int = 0, rounds: int = ROUNDS):
        """Raises ValueError for no names."""
        if not len(names):
            raise ValueError("stretches: expected at least one value, got none")
        found, self._of = np.unique(np.asarray(names, dtype=object).astype(str), return_inverse=True)
        self.count = len(found)
        self._seed, self._rounds = seed, rounds

    def mean(self, name: str, values: Sequence[float], note: str = "") -> Figure:
        """The mean of all values, and where it would lie if other stretches had come."""
        data = np.asarray(values, dtype=np.float64)
        interval = self._interval(data[:, None], lambda sums, sizes: sums[:, 0] / sizes)
        return Figure(name, float(data.mean()), interval, None, len(data), note, interval)

    def rate(self, name: str, hits: Sequence[bool], note: str = "") -> Figure:
        """The share of hits, likewise. Where all or none hit, drawing again shows nothing: Wilson's interval stands in.

        It takes each stretch for one look.
        """
        found, count = self.mean(name, hits, note), sum(map(bool, hits))
        interval = found.interval
        if count in (0, len(hits)):
            interval = Rate(self.count if count else 0, self.count).interval
        return Figure(name, found.value, interval, count, len(hits), note, found.interval)

    def calibration_error(self, name: str, scores: Sequence[float], right: Sequence[bool], note: str = "") -> Figure:
        """The mean distance of score and share of right labels in groups of equal size, as `rates.calibration_error`.

        The groups are those of the values given, also where stretches are drawn again.
        """
        values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=np.float64)
        sizes = [group.right.n for group in calibration_bins(scores, right)]
        group_of = np.empty(len(values), dtype=np.int64)
        group_of[np.argsort(values, kind="stable")] = np.repeat(np.arange(len(sizes)), sizes)
        distances = np.zeros((len(values), len(sizes)))  # [N, groups]; score minus right, in the column of its group
        distances[np.arange(len(values)), group_of] = values - hits

        def error(sums: np.ndarray, count: np.ndarray) -> np.ndarray:
            return np.abs(sums).sum(axis=1) / count

        found = error(distances.sum(axis=0)[None], np.array([len(values)]))[0]
        interval = self._interval(distances, error)
        return Figure(name, float(found), interval, None, len(values), note, interval)

    def _interval(self, columns: np.ndarray, statistic) -> tuple[float, float] | None:
        """columns [N, C]; statistic(sums [R, C], number of values [R]) -> [R], of R drawings."""
        if self.count < 2:
            return None
        sums = np.zeros((self.count, columns.shape[1]))
        np.add.at(sums, self._of, columns)
        sizes = np.bincount(self._of, minlength=self.count).astype(np.float64)
        random = np.random.default_rng(self._seed)
        step = max(1, CELLS // self.count)
        found = []
        for begin in range(0, self._rounds, step):
            drawn = random.multinomial(self.count, np.full(self.count, 1 / self.count),
                                       size=min(step, self._rounds - begin))  # [R, stretches], how often each came
            found.append(statistic(drawn @ sums, drawn @ sizes))
        low, high = np.percentile(np.concatenate(found), [2.5, 97.5])
        return float(low), float(high)
