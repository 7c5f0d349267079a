"""What to say about a picture: the best guess, or something broader and true, or nothing.

`answer` scores the decoder's guesses and, where the best one is not sure enough, climbs from it to the nearest word
above it that is. It says what the site vocabulary lets it say, by the names that are used there; guesses that may not
be said still count as evidence for what lies above them. It searches nothing and knows no pictures.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from novic_ros.calibration.calibrator import Calibrator
from novic_ros.labels import Label
from novic_ros.vocabulary import Ancestors, SiteVocabulary, canonical

__all__ = ["ON_UNSURE", "Candidate", "Guess", "Sight", "answer", "candidates", "joined"]

ON_UNSURE = ("best", "hypernym", "empty")
EVERYTHING = SiteVocabulary()
FAINT = 1e-3  # classes with a lower probability are not looked up


@dataclass(frozen=True)
class Guess:
    """A noun with the natural logarithm of its probability. found: the decoder's noun, where `text` is a new name."""

    text: str
    log_probability: float
    found: str = ""


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
    meanings = [_meaning(guess, ancestors) for guess in guesses]
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


def joined(guesses: Sequence[Guess], site: SiteVocabulary) -> list[Guess]:
    """The guesses by the names that the site uses, those of one name as one: their probabilities are added up.

    The likeliest comes first.
    """
    if not site.remap:
        return list(guesses)
    groups: dict[str, list[Guess]] = {}
    for guess in sorted(guesses, key=lambda guess: -guess.log_probability):
        name = site.renamed(guess.text)
        guess = guess if name == guess.text else Guess(name, guess.log_probability, guess.text)
        groups.setdefault(canonical(name), []).append(guess)
    together = []
    for group in groups.values():
        best = next((guess for guess in group if guess.found), group[0])  # the site's spelling wins
        together.append(Guess(best.text, _log_sum([guess.log_probability for guess in group]), best.found))
    return sorted(together, key=lambda guess: -guess.log_probability)


def answer(sight: Sight, calibrator: Calibrator, ancestors: Ancestors, on_unsure: str = "best",
           site: SiteVocabulary = EVERYTHING, min_score: float = 0.0) -> list[Label]:
    """Labels to publish, best first, with calibrated scores; words that `site` does not let be said are left out.

    A guess is sure if it scores at least the calibrator's threshold, and at least `min_score`. Where the best guess
    that may be said is not, "best" says it all the same; "hypernym" puts the nearest word above the best guess that is
    sure in front of the guesses, and says nothing where there is none; "empty" says nothing.
    """
    sight = Sight(joined(sight.guesses, site), sight.prominence, sight.classes)
    if not sight.guesses:
        return []
    own, broader = candidates(sight, ancestors)
    threshold = max(calibrator.threshold, min_score)

    def score(one: Candidate) -> float:
        return calibrator.score(sight.prominence or 0.0, one.specificity, one.support)

    labels, most = [], 1.0
    for one in own:  # the decoder's order stands, so no guess may score above the one before it
        most = min(most, score(one))
        if site.may_say(one.text):
            labels.append(Label(one.text, most))
    if on_unsure == "best" or (labels and labels[0].score >= threshold):
        return labels
    if on_unsure == "empty":
        return []
    for one in broader:
        name = site.renamed(one.text)
        if site.may_broaden_to(one.text) and site.may_say(name) and score(one) >= threshold:
            key = canonical(name)
            return [Label(name, score(one)), *(label for label in labels if canonical(label.text) != key)]
    return []


def _meaning(guess: Guess, ancestors: Ancestors) -> int | None:
    """What a guess means: its name if that is a noun of the decoder, else the noun that was found."""
    meaning = ancestors.meaning_of(guess.text)
    return ancestors.meaning_of(guess.found) if meaning is None and guess.found else meaning


def _log_sum(logs: Sequence[float]) -> float:
    """ln of the sum of exp(logs), at most 0; logs fall."""
    return min(0.0, logs[0] + math.log(sum(math.exp(one - logs[0]) for one in logs)))


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
