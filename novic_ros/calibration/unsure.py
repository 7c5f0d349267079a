"""What to say about a picture: the best guess, or something broader and true, or nothing.

`answer` scores the decoder's guesses and, where the best one is not sure enough, climbs from it to the nearest word
above it that is. It searches nothing and knows no pictures.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from novic_ros.calibration.calibrator import Calibrator
from novic_ros.labels import Label
from novic_ros.vocabulary import Ancestors, canonical

__all__ = ["ON_UNSURE", "Candidate", "Guess", "Sight", "answer", "candidates"]

ON_UNSURE = ("best", "hypernym", "empty")
FAINT = 1e-3  # classes with a lower probability are not looked up


@dataclass(frozen=True)
class Guess:
    """A noun of the decoder with the natural logarithm of its probability."""

    text: str
    log_probability: float


@dataclass(frozen=True)
class Sight:
    """What a model makes of one picture: the decoder's guesses, best first, and what its encoder says about classes.

    prominence: how far the best class stands out. classes: float [C], probabilities of the encoder's classes, in the
    order of the table of hypernyms. Both None for an encoder without classes.
    """

    guesses: Sequence[Guess]
    prominence: float | None = None
    classes: np.ndarray | None = None


@dataclass(frozen=True)
class Candidate:
    """A word that may be said, with what the calibrator needs to know about it."""

    text: str
    specificity: float
    support: float


def candidates(sight: Sight, ancestors: Ancestors) -> tuple[list[Candidate], list[Candidate]]:
    """(the guesses in their order, the sayable words above the best guess, from the nearest, most specific one up)."""
    guesses = sight.guesses
    meanings = [ancestors.meaning_of(guess.text) for guess in guesses]
    held = [frozenset() if m is None else ancestors.above_of(m) | {m} for m in meanings]
    shares = [math.exp(min(0.0, guess.log_probability)) for guess in guesses]

    by_classes = _class_support(sight, ancestors)

    def support(meaning: int | None, own: float) -> float:
        if meaning is None:
            return own
        by_nouns = min(1.0, sum(share for share, up in zip(shares, held) if meaning in up))
        return by_nouns if by_classes is None else (by_nouns + min(1.0, by_classes.get(meaning, 0.0))) / 2

    own = [Candidate(guess.text, ancestors.specificity(meaning), support(meaning, share))
           for guess, meaning, share in zip(guesses, meanings, shares)]
    above = held[0] - {meanings[0]} if guesses else frozenset()
    broader = [Candidate(ancestors.said[m], ancestors.specificity(m), support(m, 0.0))
               for m in above if m in ancestors.said]
    return own, sorted(broader, key=lambda one: (-one.specificity, one.text))


def answer(sight: Sight, calibrator: Calibrator, ancestors: Ancestors, on_unsure: str = "best",
           allowed: Collection[str] | None = None) -> list[Label]:
    """Labels to publish, best first, with calibrated scores.

    Where the best guess scores below the calibrator's threshold, "best" says it all the same; "hypernym" puts the
    nearest word above it that reaches the threshold in front of the guesses, and says nothing where there is none;
    "empty" says nothing. allowed: canonical spellings of the only words that may be said; None: all.
    """
    if not sight.guesses:
        return []
    own, broader = candidates(sight, ancestors)

    def score(one: Candidate) -> float:
        return calibrator.score(sight.prominence or 0.0, one.specificity, one.support)

    labels, most = [], 1.0
    for one in own:  # the decoder's order stands, so no guess may score above the one before it
        most = min(most, score(one))
        labels.append(Label(one.text, most))
    if on_unsure == "best" or labels[0].score >= calibrator.threshold:
        return labels
    if on_unsure == "empty":
        return []
    for one in broader:
        if score(one) >= calibrator.threshold and (allowed is None or canonical(one.text) in allowed):
            said = {canonical(one.text)}
            return [Label(one.text, score(one)), *(label for label in labels if canonical(label.text) not in said)]
    return []


def _class_support(sight: Sight, ancestors: Ancestors) -> dict[int, float] | None:
    """Meaning -> summed probability of the classes at or below it; None where the encoder has no classes."""
    if sight.classes is None or len(sight.classes) != len(ancestors.classes):
        return None
    support: dict[int, float] = {}
    for one in np.flatnonzero(sight.classes >= FAINT).tolist():
        meaning = int(ancestors.classes[one])
        for up in () if meaning < 0 else (meaning, *ancestors.above_of(meaning)):
            support[up] = support.get(up, 0.0) + float(sight.classes[one])
    return support
