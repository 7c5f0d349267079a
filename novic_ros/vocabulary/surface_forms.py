"""English number: the plurals of a noun, and which nouns are plural already or are never counted.

Irregular plurals come from WordNet's own list of exceptions (`noun.exc`), the rest from spelling rules; where several
forms are possible, word frequencies decide. What neither gets right is in `word_lists/number.json`. This is not a
lemmatiser for running text.
"""

from __future__ import annotations

import re
from collections.abc import Container, Mapping
from pathlib import Path

from novic_ros.vocabulary.word_frequency import Zipf
from novic_ros.vocabulary.word_lists import word_list

__all__ = ["Inflector", "read_irregular_plurals"]

BESIDE = 0.7  # a second plural counts when it is at most so much rarer (Zipf) than the first
MASS_GAP = 1.9  # a noun is not counted when its plural is so much rarer (Zipf) than itself ...
MASS_ZIPF = 2.5  # ... and rarer than this
UNSEEN_ZIPF = 1.0  # the rarest that word frequencies know; what is not seen may be as common as that
# "mother-in-law", "bird of paradise": the word before is the one that is counted
HEAD_FIRST = re.compile(r"^(?P<head>.+?)(?P<rest>([ -])(of|in|at|on|for|to|with|by|under|from|de|du|des)\3.+)$")


def read_irregular_plurals(wordnet_folder: str | Path) -> dict[str, tuple[str, ...]]:
    """Singular -> irregular plurals, from WordNet's `noun.exc`; empty where the folder has no such file."""
    path = Path(wordnet_folder) / "noun.exc"
    plurals: dict[str, tuple[str, ...]] = {}
    for line in path.read_text(encoding="latin-1").splitlines() if path.is_file() else ():
        plural, *singulars = (word.replace("_", " ") for word in line.split())
        for singular in singulars:
            if singular != plural:
                plurals[singular] = (*plurals.get(singular, ()), plural)
    return plurals


class Inflector:
    """Plurals by spelling, exceptions and frequency.

    irregular: singular -> plurals that no rule gives. nouns: all nouns that are known, in lower case.
    """

    def __init__(self, zipf: Zipf, irregular: Mapping[str, tuple[str, ...]], nouns: Container[str]):
        lists = word_list("number")
        self._zipf, self._irregular, self._nouns = zipf, irregular, nouns
        self._fixed = {singular: tuple(plurals) for singular, plurals in lists["irregular"].items()}
        self._invariant, self._invariant_endings = set(lists["invariant"]), tuple(lists["invariant_endings"])
        self._mass, self._mass_endings = set(lists["mass"]), tuple(lists["mass_endings"])
        self._singular_in_s, self._plural = set(lists["singular_in_s"]), set(lists["plural"])
        self._pairs = set(lists["pairs"])

    def plurals(self, noun: str, is_stuff: bool = False) -> tuple[str, ...]:
        """The plurals of a singular noun, most usual first; none for what is never counted.

        is_stuff: the noun names a substance or food, which is counted only where people are seen to do so.
        """
        whole = self._fixed.get(noun.lower()) or self._irregular.get(noun.lower())
        if whole and (" " in noun or "-" in noun):
            return tuple(_like(noun, plural) for plural in whole)
        found = HEAD_FIRST.match(noun)
        if found:
            return tuple(plural + found["rest"] for plural in self.plurals(found["head"], is_stuff))
        before, word = _split_last(noun)
        return tuple(before + _like(word, plural) for plural in self._word_plurals(word.lower(), is_stuff))

    def is_plural(self, noun: str) -> bool:
        """Whether a dictionary form is a plural, such as "trousers": by its ending, or by the lists."""
        found = HEAD_FIRST.match(noun)
        if found:
            return self.is_plural(found["head"])
        if noun.count("-") > 1:  # "cat-o'-nine-tails"
            return False
        word = _split_last(noun)[1].lower()
        return word in self._plural or (
            word.endswith("s") and not word.endswith(("ss", "us", "is", "ics", "'s")) and len(word) > 3
            and word not in self._singular_in_s)

    def is_pair(self, plural: str) -> bool:
        """Whether one such thing is called a pair: "scissors"."""
        return _split_last(plural)[1].lower() in self._pairs

    def singulars(self, plural: str) -> tuple[str, ...]:
        """What a plural's singular may look like by spelling rules alone, most likely first."""
        before, word = _split_last(plural)
        found = []
        if word.endswith("ies"):
            found.append(word[:-3] + "y")
        if word.endswith("ves"):
            found += [word[:-3] + "f", word[:-3] + "fe"]
        if word.endswith("s"):
            found.append(word[:-1])
        if word.endswith("es"):
            found.append(word[:-2])
        return tuple(before + singular for singular in found if singular)

    def _word_plurals(self, word: str, is_stuff: bool) -> tuple[str, ...]:
        if word in self._mass or word.endswith(self._mass_endings):
            return ()
        if word in self._fixed:
            return self._fixed[word]
        if word in self._invariant or word.endswith(self._invariant_endings):
            return (word,)
        regular = _regular_plurals(word)
        irregular = self._irregular.get(word, ())
        if any(self._zipf(plural) > 0 for plural in regular):  # "dive" is no plural of "diva", "soles" none of "sol"
            irregular = tuple(plural for plural in irregular if plural not in self._nouns
                              and plural.removesuffix("s") not in self._nouns)
        ranked = sorted(dict.fromkeys((*irregular, *regular)), key=self._zipf, reverse=True)  # stable: irregular first
        best = self._zipf(ranked[0])
        if self._zipf(word) - max(best, UNSEEN_ZIPF) > MASS_GAP and best < MASS_ZIPF or is_stuff and best == 0:
            return ()
        return tuple(plural for i, plural in enumerate(ranked)
                     if i == 0 or i == 1 and 0 < best <= self._zipf(plural) + BESIDE)


def _regular_plurals(word: str) -> tuple[str, ...]:
    """By spelling, likeliest first; more than one where spelling does not tell."""
    if word.endswith("man"):
        return word[:-3] + "men", word + "s"
    if re.search(r"[^aeiou]y$|quy$", word):
        return (word[:-1] + "ies",)
    if word.endswith("ch"):  # "coach", "stomach"
        return word + "es", word + "s"
    if re.search(r"(s|x|z|sh)$", word):
        return (word + "es",)
    if word.endswith("o"):  # "piano", "potato"
        return word + "s", word + "es"
    return (word + "s",)


def _split_last(noun: str) -> tuple[str, str]:
    """("polar ", "bear"), ("", "dog"), ("T-", "shirt")."""
    place = max(noun.rfind(" "), noun.rfind("-")) + 1
    return noun[:place], noun[place:]


def _like(singular: str, plural: str) -> str:
    """A lower-case plural with the capitals of its singular: "LEDs", "Mice"."""
    if plural.startswith(singular.lower()):
        return singular + plural[len(singular):]
    return plural[:1].upper() + plural[1:] if singular[:1].isupper() else plural
