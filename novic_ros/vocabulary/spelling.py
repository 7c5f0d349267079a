"""Spelling variants of one noun: hyphen, space or closed, and British beside American. Knows nothing of plurals.

The pairs of British and American words are in `word_lists/spellings.json`.
"""

from __future__ import annotations

import functools
from collections.abc import Container

from novic_ros.vocabulary.nouns import canonical
from novic_ros.vocabulary.word_frequency import Zipf
from novic_ros.vocabulary.word_lists import word_list

__all__ = ["closed_spelling", "spelling_key", "spelling_variants"]

CLOSED_ZIPF = 1.5  # how common a closed spelling has to be so that it is added beside an open one


@functools.cache
def _british() -> dict[str, tuple[str, ...]]:
    """American word -> its British spellings."""
    turned: dict[str, tuple[str, ...]] = {}
    for british, american in word_list("spellings")["american"].items():
        turned[american] = (*turned.get(american, ()), british)
    return turned


def spelling_key(noun: str) -> str:
    """What all spellings of a noun share: American words, lower case, joined. "Grey wolf" -> "graywolf"."""
    american = word_list("spellings")["american"]
    return "".join(american.get(word, word) for word in canonical(noun).split())


def closed_spelling(noun: str) -> str:
    """Two words as one: "tea-pot" -> "teapot"; "" for other nouns and where a word is a single letter ("T-shirt")."""
    parts = noun.replace("-", " ").split()
    return "".join(parts) if len(parts) == 2 and min(map(len, parts)) > 1 else ""


def spelling_variants(noun: str, zipf: Zipf, other_nouns: Container[str] = ()) -> list[str]:
    """Other spellings of a noun in singular or plural, in a fixed order, without the noun itself.

    A British or American word is exchanged where the other spelling is in use, a hyphen becomes a space, and two words
    become one where that word is in use and not itself in `other_nouns` (lower case).
    """
    american = word_list("spellings")["american"]
    found = []
    words = noun.split(" ")
    for place, word in enumerate(words):
        for other in (american.get(word), *_british().get(word, ())):
            if other and zipf(other) > 0:
                found.append(" ".join([*words[:place], other, *words[place + 1:]]))
    for spelled in [noun, *found]:
        if "-" in spelled:
            found.append(spelled.replace("-", " "))
        closed = closed_spelling(spelled)
        if closed and closed.lower() not in other_nouns and zipf(closed) >= CLOSED_ZIPF:
            found.append(closed)
    return [other for other in dict.fromkeys(found) if other != noun]
