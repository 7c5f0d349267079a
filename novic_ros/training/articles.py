"""The indefinite article of a noun, by how it sounds: "a unicorn", "an hour hand". Rules of spelling, no dictionary."""

from __future__ import annotations

import re

__all__ = ["with_article"]

# Spelling decides by the first letters; these sound otherwise.
_SOUNDS_CONSONANT = re.compile(
    r"^(eu|ew|one(s|\b)|once\b|ouija|uni(?!n|m|den)|u[bcfhjkqrst][aeiou]|ukr|ugand|u[ksv]?\b|usb\b)", re.I)
_SOUNDS_VOWEL = re.compile(
    r"^(hour|honest|honou?r\b|heir|hors d|[fhlmnrsx]\b|"
    r"(?!mrs?\b|st\b)[fhlmnrsx][b-df-hj-np-tv-xz]+\b|(led|mri|rna|suv)\b)", re.I)  # spelled out, letter by letter


def with_article(noun: str) -> str:
    """The noun with its indefinite article: "cat" -> "a cat", "hour hand" -> "an hour hand"."""
    vowel = noun[:1].lower() in "aeiou" and noun[:1]
    if _SOUNDS_CONSONANT.search(noun):
        vowel = False
    elif _SOUNDS_VOWEL.search(noun):
        vowel = True
    return f"an {noun}" if vowel else f"a {noun}"
