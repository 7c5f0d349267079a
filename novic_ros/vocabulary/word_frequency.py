"""How common nouns are, on the logarithmic scale of the noun dictionary: 1 is rare, 12 and more is frequent.

The counts behind it come from the `wordfreq` package, which knows words but no phrases. This file chooses no nouns.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

from novic_ros.vocabulary.nouns import VocabularyError

__all__ = ["FREQUENCY_FORMULA", "Zipf", "english_zipf", "noun_frequency", "noun_zipf"]

Zipf = Callable[[str], float]  # word or phrase -> log10 of its occurrences per billion words; 0 = never seen

RARE_ZIPF = 2.75  # what has frequency 1: up to 0.56 occurrences per million words
STEP = math.log10(2) / 2  # one step of frequency: a factor of the square root of 2, so two steps are a doubling
PHRASE_PENALTY = 1.0  # per further word: wordfreq guesses a phrase from its words; a tenth per guessed boundary
PHRASE_ZIPF = 3.5  # what is guessed is never taken to be more common than this
FREQUENCY_FORMULA = (
    f"z = Zipf frequency - log10(rank of the meaning among the word's, from 1); for a phrase at most {PHRASE_ZIPF:g}, "
    f"after taking off {PHRASE_PENALTY:g} for each word but one; frequency = 1 for z up to {RARE_ZIPF:g}, then two "
    f"more for each doubling: 1 + round(2 x (z - {RARE_ZIPF:g}) / log10(2))")


@functools.cache
def english_zipf(text: str) -> float:
    """Zipf frequency in English as `wordfreq` has it. Raises VocabularyError where that package is missing."""
    try:
        from wordfreq import zipf_frequency
    except ImportError:
        raise VocabularyError("noun frequencies need the package wordfreq, which is not installed; "
                              "run: pip install 'wordfreq>=3.1'") from None
    return zipf_frequency(text, "en")


def noun_zipf(text: str, zipf: Zipf, rank: int = 0) -> float:
    """Zipf frequency of a noun in one of its meanings; rank 0 is the most frequent one.

    The r-th meaning of a word is taken to have a share of 1 / r, as ranked things often do.
    """
    joints = len(text.replace("-", " ").split()) - 1
    frequency = min(zipf(text) - PHRASE_PENALTY * joints, PHRASE_ZIPF) if joints else zipf(text)
    return max(frequency - math.log10(rank + 1), 0.0)


def noun_frequency(zipf_frequency: float) -> int:
    """The dictionary's frequency: at least 1, and two more for each doubling of how often the noun occurs."""
    return 1 + max(0, round((zipf_frequency - RARE_ZIPF) / STEP))
