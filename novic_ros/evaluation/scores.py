"""Scores of single labels against hierarchical truth, and rates with intervals: pure functions on plain data.

The truth of a picture names the words that are right, the words one or more steps above it in WordNet, and those up
to two steps below. A right word scores 1, a word at most two steps off scores 0.5, anything else 0. A label is
*truthful* if it says something true of the picture, however broad; *generic* if all it says is true and nearly empty
("organism"). This file reads no files and draws nothing (`reliability.py` does).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Bin", "Mean", "Rate", "Truth", "bootstrap_mean", "calibration_bins", "calibration_error",
           "hierarchical_score", "is_generic", "is_over_generic", "is_truthful"]

GENERIC_STEPS = 6  # hypernyms[6] is seven steps up
BINS = 10


@dataclass(frozen=True)
class Truth:
    """What a picture shows: its words, hypernyms[d] the words d + 1 steps above, hyponyms up to two steps below."""

    synonyms: frozenset[str]
    hypernyms: tuple[frozenset[str], ...]
    hyponyms: frozenset[str]

    @classmethod
    def of(cls, record: Mapping) -> Truth:
        """From a JSON record with `synonyms`, `hypernyms` and `hyponyms`. Raises ValueError if one cannot be used."""
        missing = {"synonyms", "hypernyms", "hyponyms"} - set(record)
        if missing:
            raise ValueError(f"truth record {record.get('file', '?')}: expected {', '.join(sorted(missing))} too")
        steps = record["hypernyms"]
        if not isinstance(steps, (list, tuple)) \
                or not all(map(_are_words, (record["synonyms"], record["hyponyms"], *steps))):
            raise ValueError(f"truth record {record.get('file', '?')}: expected synonyms and hyponyms as lists of "
                             "words, hypernyms as a list of such lists")
        return cls(frozenset(map(_folded, record["synonyms"])),
                   tuple(frozenset(map(_folded, step)) for step in record["hypernyms"]),
                   frozenset(map(_folded, record["hyponyms"])))


def hierarchical_score(label: str, truth: Truth) -> float:
    """1 for a right word, 0.5 for one at most two steps above or below, else 0. The empty label scores 0."""
    word = _folded(label)
    if word in truth.synonyms:
        return 1.0
    near = word in truth.hyponyms or any(word in step for step in truth.hypernyms[:2])
    return 0.5 if near else 0.0


def is_over_generic(label: str, truth: Truth) -> bool:
    """Whether the label is a true but much broader word: three or more steps above, and nothing nearer."""
    return hierarchical_score(label, truth) == 0 and any(_folded(label) in step for step in truth.hypernyms[2:])


def is_truthful(label: str, truth: Truth) -> bool:
    """Whether the label is true: a right word, a word anywhere above it, or one at most two steps below."""
    word = _folded(label)
    return bool(word) and (hierarchical_score(word, truth) > 0 or any(word in step for step in truth.hypernyms))


def is_generic(label: str, truth: Truth) -> bool:
    """Whether the label is true, but only from seven or more steps above ("artifact", "organism")."""
    return is_truthful(label, truth) and hierarchical_score(label, truth) == 0 \
        and not any(_folded(label) in step for step in truth.hypernyms[:GENERIC_STEPS])


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


@dataclass(frozen=True)
class Bin:
    """Labels with neighbouring scores: their mean score, and how many of them were right."""

    score: float
    right: Rate


def calibration_bins(scores: Sequence[float], right: Sequence[bool], bins: int = BINS) -> list[Bin]:
    """The labels in order of their scores, cut into `bins` groups of equal size (to one), the lowest first.

    Groups of equal size, unlike groups of equal width, are none so small that chance alone fills them. Raises
    ValueError for no labels, or unequal numbers of scores and of right or wrong.
    """
    if len(scores) != len(right) or not len(scores):
        raise ValueError(f"calibration: expected as many scores as right or wrong labels, and at least one, got "
                         f"{len(scores)} and {len(right)}")
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)
    order = np.argsort(values, kind="stable")
    groups = [part for part in np.array_split(order, bins) if len(part)]
    return [Bin(float(values[part].mean()), Rate(int(hits[part].sum()), len(part))) for part in groups]


def calibration_error(scores: Sequence[float], right: Sequence[bool], bins: int = BINS, seed: int = 0,
                      rounds: int = 1000) -> Mean:
    """Expected calibration error (Naeini et al., AAAI 2015): the mean distance between score and share of right labels.

    Over `calibration_bins`. The interval is the 2.5 to 97.5 percentile over resamples of the labels. Chance alone makes
    the error positive: a perfect calibrator shows about 0.06 with 200 labels and 0.04 with 500. Raises ValueError as
    `calibration_bins`.
    """
    values, hits = np.asarray(scores, dtype=np.float64), np.asarray(right, dtype=bool)

    def error(rows) -> float:
        groups = calibration_bins(values[rows], hits[rows], bins)
        return sum(one.right.n * abs(one.score - one.right.k / one.right.n) for one in groups) / len(rows)

    found = error(np.arange(len(values)))
    random = np.random.default_rng(seed)
    again = [error(random.integers(0, len(values), len(values))) for _ in range(rounds)]
    return Mean(found, *map(float, np.percentile(again, [2.5, 97.5])), len(values))


def _are_words(value) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(word, str) for word in value)


def _folded(text: str) -> str:
    return " ".join(text.lower().split())
