"""Rates and means with their 95 % intervals, and how far scores can be trusted: pure functions on plain data.

A rate is k of n with its Wilson interval; any other mean has a bootstrap interval, from a fixed seed. This file scores
no labels (`hierarchy_scores.py`, `ovic.py`, `scores.py` do) and draws nothing (`reliability.py` does).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Bin", "Mean", "Rate", "bootstrap_mean", "bootstrap_ratio", "calibration_bins", "calibration_error",
           "paired_bootstrap"]

BINS = 10


@dataclass(frozen=True)
class Rate:
    """k of n, with the 95 % Wilson interval."""

    k: int
    n: int

    def __post_init__(self):
        if not 0 <= self.k <= self.n or self.n < 1:
            raise ValueError(f"rate: expected 0 <= k <= n and n >= 1, got k = {self.k}, n = {self.n}")

    @property
    def interval(self) -> tuple[float, float]:
        z, share = 1.959964, self.k / self.n
        centre = (share + z * z / (2 * self.n)) / (1 + z * z / self.n)
        half = z * math.sqrt(share * (1 - share) / self.n + z * z / (4 * self.n ** 2)) / (1 + z * z / self.n)
        return (max(0.0, centre - half) if self.k else 0.0), (min(1.0, centre + half) if self.k < self.n else 1.0)

    def bootstrap(self, seed: int = 0, rounds: int = 10_000) -> tuple[float, float]:
        """The 2.5 to 97.5 percentile over resamples. It has no width where k is 0 or n: there `interval` knows better.

        Resampling k ones and n - k zeros is drawing from the binomial distribution.
        """
        shares = np.random.default_rng(seed).binomial(self.n, self.k / self.n, rounds) / self.n
        low, high = np.percentile(shares, [2.5, 97.5])
        return float(low), float(high)

    def __str__(self) -> str:
        low, high = self.interval
        return f"{self.k} of {self.n} ({self.k / self.n:.3f}, 95 % interval {low:.3f} to {high:.3f})"


@dataclass(frozen=True)
class Mean:
    """A mean of n values with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float
    n: int

    def __str__(self) -> str:
        return f"{self.value:.3f} (n = {self.n}, 95 % interval {self.low:.3f} to {self.high:.3f})"


def bootstrap_mean(values: Sequence[float], seed: int = 0, rounds: int = 10_000) -> Mean:
    """Mean of the values; the interval is the 2.5 to 97.5 percentile over resamples. Raises ValueError for none."""
    data = np.asarray(values, dtype=np.float64)
    if not len(data):
        raise ValueError("bootstrap: expected at least one value, got none")
    random = np.random.default_rng(seed)
    means = np.empty(rounds)
    step = max(1, 1_000_000 // len(data))  # bounds the memory
    for begin in range(0, rounds, step):
        size = (min(step, rounds - begin), len(data))
        means[begin:begin + step] = data[random.integers(0, len(data), size=size)].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return Mean(float(data.mean()), float(low), float(high), len(data))


def bootstrap_ratio(above: Sequence[float], below: Sequence[float], seed: int = 0, rounds: int = 10_000) -> Mean:
    """Sum of `above` by sum of `below`, item by item resampled together: a precision or recall over all items.

    The interval is the 2.5 to 97.5 percentile over resamples; a resample with nothing below the line counts 0. Raises
    ValueError for none, unequal numbers, or nothing below the line.
    """
    upper, lower = np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)
    if len(upper) != len(lower) or not len(upper) or lower.sum() <= 0:
        raise ValueError(f"ratio: expected as many values above the line as below, and something below, got "
                         f"{len(upper)} and {len(lower)} with a sum of {lower.sum():g} below")
    random = np.random.default_rng(seed)
    ratios = np.empty(rounds)
    step = max(1, 1_000_000 // len(upper))
    for begin in range(0, rounds, step):
        rows = random.integers(0, len(upper), size=(min(step, rounds - begin), len(upper)))
        sums = lower[rows].sum(axis=1)
        ratios[begin:begin + step] = np.divide(upper[rows].sum(axis=1), sums, out=np.zeros(len(sums)), where=sums > 0)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return Mean(float(upper.sum() / lower.sum()), float(low), float(high), len(upper))


def paired_bootstrap(first: Sequence[float], second: Sequence[float], seed: int = 0, rounds: int = 10_000) -> Mean:
    """Mean of second - first over the same items, with its interval: two runs differ if that leaves out 0.

    Pairs are resampled together, so that pictures which are easy or hard for both do not blur the difference. Raises
    ValueError for none or unequal numbers.
    """
    if len(first) != len(second):
        raise ValueError(f"paired bootstrap: expected as many values of both, got {len(first)} and {len(second)}")
    return bootstrap_mean(np.subtract(second, first), seed, rounds)


@dataclass(frozen=True)
class Bin:
    """Labels with neighbouring scores: their mean score, and how many of them were right."""

    score: float
    right: Rate


def calibration_bins(scores: Sequence[float], right: Sequence[bool], bins: int = BINS,
                     equal: str = "size") -> list[Bin]:
    """The labels in order of their scores, cut into `bins` groups of equal size (to one), the lowest first.

    Groups of equal size, unlike groups of equal width, are none so small that chance alone fills them. equal="width":
    groups of equal width in score, as most papers and torchmetrics have them; empty ones are left out. Raises
    ValueError for no labels, or unequal numbers of scores and of right or wrong.
    """
    if len(scores) != len(right) or not len(scores):
        raise ValueError(f"calibration: expected as many scores as right or wrong labels, and at least one, got "
                         f"{len(scores)} and {len(right)}")
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    if equal == "width":
        place = np.clip(np.searchsorted(np.linspace(0, 1, bins + 1), values, side="right") - 1, 0, bins - 1)
        groups = [np.flatnonzero(place == one) for one in range(bins)]
    else:
        groups = np.array_split(np.argsort(values, kind="stable"), bins)
    return [Bin(float(values[part].mean()), Rate(int(hits[part].sum()), len(part))) for part in groups if len(part)]


def calibration_error(scores: Sequence[float], right: Sequence[bool], bins: int = BINS, seed: int = 0,
                      rounds: int = 1000, equal: str = "size") -> Mean:
    """Expected calibration error (Naeini et al., AAAI 2015): the mean distance between score and share of right labels.

    Over `calibration_bins`. The interval is the 2.5 to 97.5 percentile over resamples of the labels. Chance alone makes
    the error positive: a perfect calibrator shows about 0.06 with 200 labels and 0.04 with 500. Raises ValueError as
    `calibration_bins`.
    """
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)

    def error(rows) -> float:
        groups = calibration_bins(values[rows], hits[rows], bins, equal)
        return sum(one.right.n * abs(one.score - one.right.k / one.right.n) for one in groups) / len(rows)

    found = error(np.arange(len(values)))
    random = np.random.default_rng(seed)
    again = [error(random.integers(0, len(values), len(values))) for _ in range(rounds)]
    return Mean(found, *map(float, np.percentile(again, [2.5, 97.5])), len(values))
