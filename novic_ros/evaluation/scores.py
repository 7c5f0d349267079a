"""Scores of labels against a closed set of classes, and how varied labels are: pure functions on plain data.

Accuracy among the first k labels, precision and recall of every class, and diversity. Open-vocabulary truth is graded
in `hierarchy_scores.py` and `ovic.py`, several true labels at once in `multilabel_scores.py`, intervals in `rates.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass

from novic_ros.evaluation.rates import Rate

__all__ = ["ClassScore", "Diversity", "diversity", "mean_class_recall", "per_class", "top_k_accuracy"]


@dataclass(frozen=True)
class ClassScore:
    """How well one class is told: `right` of `true` pictures were named so, and `said` pictures in all.

    A ratio with nothing below the line is 0, as scikit-learn has it with zero_division=0.
    """

    right: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        return self.right / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.said + self.true) if self.said + self.true else 0.0


@dataclass(frozen=True)
class Diversity:
    """distinct: how many different labels. frequent: how many labels are one of the most frequent few."""

    distinct: int
    frequent: Rate


def top_k_accuracy(labels: Sequence[Sequence[str]], right: Sequence[Container[str]], k: int) -> Rate:
    """In how many rows one of the first k labels is among the right ones. Raises ValueError for no or unequal rows."""
    if len(labels) != len(right) or not len(labels):
        raise ValueError(f"accuracy: expected as many rows of labels as of right ones, and at least one, got "
                         f"{len(labels)} and {len(right)}")
    if k < 1:
        raise ValueError(f"accuracy: expected k of at least 1, got {k}")
    return Rate(sum(any(label in good for label in row[:k]) for row, good in zip(labels, right)), len(labels))


def per_class(said: Sequence[str | None], true: Sequence[str]) -> dict[str, ClassScore]:
    """Every class that is true or said somewhere, in alphabetical order -> its scores. None: nothing was said.

    Raises ValueError for unequal numbers.
    """
    if len(said) != len(true):
        raise ValueError(f"per class: expected as many said as true classes, got {len(said)} and {len(true)}")
    right = Counter(one for one, other in zip(said, true) if one == other)
    of_said, of_true = Counter(one for one in said if one is not None), Counter(true)
    return {name: ClassScore(right[name], of_said[name], of_true[name]) for name in sorted({*of_said, *of_true})}


def mean_class_recall(scores: dict[str, ClassScore]) -> float:
    """Balanced accuracy: the mean recall of the classes that are true somewhere. Raises ValueError if none is."""
    recalls = [one.recall for one in scores.values() if one.true]
    if not recalls:
        raise ValueError("per class: expected at least one class that is true somewhere, got none")
    return sum(recalls) / len(recalls)


def diversity(labels: Sequence[str], frequent: int = 20) -> Diversity:
    """How many labels differ, and the share of the `frequent` most frequent ones. Raises ValueError for none."""
    if not len(labels):
        raise ValueError("diversity: expected at least one label, got none")
    counted = Counter(labels)
    return Diversity(len(counted), Rate(sum(n for _, n in counted.most_common(frequent)), len(labels)))
