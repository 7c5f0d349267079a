"""Fits a calibrator (`calibration/calibrator.py`) on labelled photos: four numbers, by weighted logistic regression.

Learnt from each photo: whether the best guess is true, whether the words above it are (together as much as the
guess), and whether the next guesses are (half as much). The photos must not be those that the result is judged by;
among themselves they are judged across categories, `cross_fitted`. This file reads no photos and knows no truth but a
function.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from novic_ros.calibration import CalibrationError, Calibrator, Sight, candidates
from novic_ros.calibration.calibrator import LEAST
from novic_ros.vocabulary import Ancestors

__all__ = ["LabelledPhoto", "cross_fitted", "fit_calibrator", "logistic_regression"]

NEXT_GUESSES = 4  # guesses after the best one that are learnt from
LEAST_SUPPORT = 0.02  # of these; weaker ones are never looked at
NEXT_WEIGHT = 0.5
RIDGE = 1e-3  # keeps the numbers finite where the photos are separable


@dataclass(frozen=True)
class LabelledPhoto:
    """What the model makes of a photo, and whether a word is true of it."""

    sight: Sight
    is_true: Callable[[str], bool]
    category: str


def fit_calibrator(photos: Sequence[LabelledPhoto], ancestors: Ancestors, *, threshold: float = 0.5, views: int = 1,
                   fitted: dict | None = None) -> Calibrator:
    """The calibrator of these photos; `fitted` goes into its file.

    Raises CalibrationError: too few photos, or all guesses right or all wrong.
    """
    rows, right, weights = [], [], []
    for photo in photos:
        for features, is_true, weight in _examples(photo, ancestors):
            rows.append(features)
            right.append(is_true)
            weights.append(weight)
    if len(photos) < 20 or len(set(right)) < 2:
        raise CalibrationError(f"expected at least 20 labelled photos with true and false guesses, got {len(photos)} "
                               f"photos with {sum(right)} true of {len(right)} guesses")
    features = np.array(rows)
    used = np.array([features[:, 0].any(), True, True])  # an encoder without classes has no prominence
    found = np.zeros(4)
    found[np.append(True, used)] = logistic_regression(features[:, used], right, weights)
    if found[3] < 0:  # by chance, in few photos: more support cannot make a label less likely
        used[2] = False
        found[3] = 0.0
        found[np.append(True, used)] = logistic_regression(features[:, used], right, weights)
    return Calibrator(*(round(float(value), 4) for value in found), threshold=threshold, views=views,
                      fitted=fitted or {})


def cross_fitted(photos: Sequence[LabelledPhoto], ancestors: Ancestors, folds: int = 5
                 ) -> list[tuple[LabelledPhoto, Calibrator]]:
    """Each photo with a calibrator that was fitted without any photo of its category."""
    fold_of = {photo.category: zlib.crc32(photo.category.encode()) % folds for photo in photos}
    pairs = []
    for fold in sorted(set(fold_of.values())):
        others = [photo for photo in photos if fold_of[photo.category] != fold]
        calibrator = fit_calibrator(others, ancestors)
        pairs += [(photo, calibrator) for photo in photos if fold_of[photo.category] == fold]
    return pairs


def logistic_regression(features: np.ndarray, right: Sequence[bool], weights: Sequence[float]) -> np.ndarray:
    """Intercept and coefficients [1 + D] for features [N, D], by Newton's method, with a very small ridge."""
    x = np.column_stack([np.ones(len(features)), features]).astype(np.float64)
    y, w = np.asarray(right, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    ridge = RIDGE * np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    found = np.zeros(x.shape[1])
    for _ in range(100):
        p = 1 / (1 + np.exp(-np.clip(x @ found, -30, 30)))
        gradient = x.T @ (w * (y - p)) - ridge @ found
        hessian = (x * (w * p * (1 - p))[:, None]).T @ x + ridge + 1e-12 * np.eye(x.shape[1])
        step = np.linalg.solve(hessian, gradient)
        found += step * min(1.0, 5 / max(np.abs(step).max(), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return found


def _examples(photo: LabelledPhoto, ancestors: Ancestors):
    """(prominence, specificity and logit of the support), whether it is true, and its weight; for each candidate."""
    if not photo.sight.guesses:
        return
    own, above = candidates(photo.sight, ancestors)
    following = [one for one in own[1:1 + NEXT_GUESSES] if one.support >= LEAST_SUPPORT]
    for group, weight in (([own[0]], 1.0), (following, NEXT_WEIGHT), (above, 1.0)):
        for one in group:
            support = min(max(one.support, LEAST), 1 - LEAST)
            features = (photo.sight.prominence or 0.0, one.specificity, np.log(support / (1 - support)))
            yield features, photo.is_true(one.text), weight / len(group)
