"""Scores of tags, several true labels per picture: average precision of each label, their mean, and F1 of the top K.

Pure functions on arrays. Legend: N pictures, L labels. Ties in scores count as one step of the curve, as in
scikit-learn; where the top K are chosen, the label that comes first wins.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["TopK", "average_precision", "average_precisions", "mean_average_precision", "top_k_scores"]


@dataclass(frozen=True)
class TopK:
    """What naming the K best labels of every picture gives.

    right of `said` named labels are true, of `true` true ones in all (micro). class_precision and class_recall are the
    means over labels of their own precision and recall; a label that is never named has precision 0.
    """

    right: int
    said: int
    true: int
    class_precision: float
    class_recall: float

    @property
    def precision(self) -> float:
        return self.right / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.said + self.true) if self.said + self.true else 0.0

    @property
    def class_f1(self) -> float:
        both = self.class_precision + self.class_recall
        return 2 * self.class_precision * self.class_recall / both if both else 0.0


def average_precision(scores: np.ndarray, true: np.ndarray) -> float | None:
    """Area below the precision-recall curve in steps, of one label: scores [N] and whether it is true [N].

    The sum over thresholds of precision times the gain in recall. None where the label is true of no picture.
    """
    scores, true = np.asarray(scores, dtype=np.float64), np.asarray(true, dtype=bool)
    if scores.shape != true.shape or scores.ndim != 1:
        raise ValueError(f"average precision: expected scores and truth [N], got {scores.shape} and {true.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("average precision: expected finite scores")
    if not true.any():
        return None
    order = np.argsort(-scores, kind="stable")
    last = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)  # of each run of equal scores
    hits = np.cumsum(true[order])[last]
    gained = np.diff(hits, prepend=0)
    return float((hits / (last + 1) * gained).sum() / true.sum())


def average_precisions(scores: np.ndarray, true: np.ndarray) -> list[float | None]:
    """Of every label: scores [N, L] and truth [N, L] -> L values, None for labels that are true of no picture."""
    scores, true = _checked(scores, true)
    return [average_precision(scores[:, label], true[:, label]) for label in range(scores.shape[1])]


def mean_average_precision(scores: np.ndarray, true: np.ndarray, empty: str = "skip") -> float:
    """Mean of the labels' average precisions.

    empty: labels that are true of no picture are left out ("skip") or count 0 ("zero"), as in some papers on NUS-WIDE.
    Raises ValueError where no label is true of any picture.
    """
    if empty not in ("skip", "zero"):
        raise ValueError(f"empty: expected skip or zero, got {empty!r}")
    found = average_precisions(scores, true)
    known = [one for one in found if one is not None]
    if not known:
        raise ValueError("mean average precision: expected a label that is true of some picture, found none")
    return sum(known) / (len(known) if empty == "skip" else len(found))


def top_k_scores(scores: np.ndarray, true: np.ndarray, k: int) -> TopK:
    """Name the k best labels of every picture: scores [N, L], truth [N, L].

    A picture without true labels still costs k wrong names; leave such pictures out before, if that is not wanted.
    """
    scores, true = _checked(scores, true)
    if not 1 <= k <= scores.shape[1]:
        raise ValueError(f"top k: expected k from 1 to the number of labels, {scores.shape[1]}, got {k}")
    said = np.zeros(scores.shape, dtype=bool)
    np.put_along_axis(said, np.argsort(-scores, axis=1, kind="stable")[:, :k], True, axis=1)
    right = (said & true).sum(axis=0)
    precision = right / np.maximum(said.sum(axis=0), 1)
    recall = right / np.maximum(true.sum(axis=0), 1)
    seen = true.any(axis=0)
    return TopK(int(right.sum()), int(said.sum()), int(true.sum()),
                float(precision[seen].mean()) if seen.any() else 0.0, float(recall[seen].mean()) if seen.any() else 0.0)


def _checked(scores: np.ndarray, true: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    scores, true = np.asarray(scores, dtype=np.float64), np.asarray(true, dtype=bool)
    if scores.ndim != 2 or scores.shape != true.shape or not scores.size:
        raise ValueError(f"tags: expected scores and truth [N, L] with at least one of each, "
                         f"got {scores.shape} and {true.shape}")
    if not np.isfinite(scores).all():
        raise ValueError("tags: expected finite scores")
    return scores, true
