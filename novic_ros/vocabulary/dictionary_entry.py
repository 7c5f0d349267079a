"""One entry of the object noun dictionary from the words that WordNet has for it: all forms, each with its frequency.

Which words belong together is decided by `entry_key`; which words there are, elsewhere (`dictionary_build.py`).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from novic_ros.vocabulary.dictionary_format import ObjectNoun
from novic_ros.vocabulary.dictionary_rules import Candidate
from novic_ros.vocabulary.nouns import canonical
from novic_ros.vocabulary.spelling import closed_spelling, spelling_key, spelling_variants
from novic_ros.vocabulary.surface_forms import Inflector
from novic_ros.vocabulary.word_frequency import Zipf, noun_frequency, noun_zipf

__all__ = ["entry_key", "object_noun"]

STUFF = ("substance", "food")  # kinds that are often not counted
PAIR = "pair of "
PAIR_RARER = 1.0  # "pair of scissors" is taken to be so much rarer (Zipf) than "scissors"
# A word that is also something else than a noun ("can", "well") is far more common than its plural; as a noun it is
# taken to be at most so much more common (Zipf). The same bound keeps a guessed plural from exceeding its singular.
ABOVE_PLURAL = 1.2


def entry_key(term: Candidate, inflector: Inflector, zipf: Zipf) -> str:
    """Equal for spellings of one noun, and for singular and plural where WordNet lists both for one synset."""
    text = term.text.removeprefix(PAIR)
    usual = _usual_plural(term, inflector, zipf)
    if usual:
        return spelling_key(usual)
    if inflector.is_plural(text):
        listed = {word.lower() for word in term.synset.words}
        for singular in inflector.singulars(text):
            if singular.lower() in listed:
                return entry_key(replace(term, text=singular), inflector, zipf)
    return spelling_key(text)


def object_noun(terms: Sequence[Candidate], inflector: Inflector, zipf: Zipf, nouns: Container[str]) -> ObjectNoun:
    """The entry, still with id 0 and no hypernyms, of words with the same `entry_key`; the first gives the meaning.

    nouns: all nouns that are known, in lower case; a closed spelling that is one of them is not added.
    """
    first = terms[0]
    singulars: dict[str, float] = {}
    plurals: dict[str, float] = {}
    names: dict[str, int] = {}  # text that may name the entry -> its place in the order of preference
    for term in terms:
        text = term.text.removeprefix(PAIR)
        if inflector.is_plural(text):
            plurals.setdefault(text, _zipf_of(text, zipf, term.rank))
            names.setdefault(text, len(names))
            if text != term.text or inflector.is_pair(text):
                singulars.setdefault(PAIR + text, plurals[text] - PAIR_RARER)
            continue
        own = _zipf_of(text, zipf, term.rank)
        regular = {plural: _zipf_of(plural, zipf, term.rank) for plural in inflector.plurals(text, first.kind in STUFF)}
        best = max(regular.values(), default=0.0)
        if best > 0:
            own = min(own, best + ABOVE_PLURAL)
        for plural, frequency in regular.items():
            plurals.setdefault(plural, min(frequency, own) if " " in text else frequency)
        singulars.setdefault(text, own)
        names.setdefault(text, len(names))
        usual = _usual_plural(term, inflector, zipf)
        if usual:
            names.setdefault(usual, -1)
            if inflector.is_pair(usual):
                singulars.setdefault(PAIR + usual, plurals[usual] - PAIR_RARER)
    for forms in (singulars, plurals):
        for text, frequency in list(forms.items()):
            for spelled in spelling_variants(text, zipf, nouns):
                forms.setdefault(spelled, min(_zipf_of(spelled, zipf, first.rank), frequency))
    pretty = min(names, key=lambda text: (min(names[text], 0), -max(singulars.get(text, 0), plurals.get(text, 0)),
                                          len(text.replace("-", " ").split()), names[text]))
    return ObjectNoun(0, canonical(pretty), pretty, *_ordered(singulars, plurals), (), first.synset.offset, first.kind)


def _usual_plural(term: Candidate, inflector: Inflector, zipf: Zipf) -> str:
    """The plural that names what WordNet lists in the singular: "trousers" for "trouser"; "" for most nouns."""
    text, gloss = term.text, term.synset.gloss
    if inflector.is_plural(text) or text.startswith(PAIR):
        return ""
    said_so = "usually" in gloss and "plural" in gloss
    for plural in inflector.plurals(text):
        if zipf(plural) > zipf(text) and (said_so or PAIR + plural in term.synset.words):
            return plural
    return ""


def _zipf_of(text: str, zipf: Zipf, rank: int) -> float:
    """A noun's Zipf frequency; an open compound, which is guessed, is no more common than its closed spelling."""
    closed = closed_spelling(text)
    closed_zipf = noun_zipf(closed, zipf, rank) if closed else 0.0
    own = noun_zipf(text, zipf, rank)
    return min(own, closed_zipf) if closed_zipf > 0 else own


def _ordered(singulars: dict[str, float], plurals: dict[str, float]) -> tuple:
    """(singulars, plurals, their frequencies) with the most common form first, as ObjectNoun has them."""
    forms, counts = [], []
    for number in (singulars, plurals):
        texts = sorted(number, key=lambda text: (-number[text], text))
        forms.append(tuple(texts))
        counts.append(tuple(noun_frequency(number[text]) for text in texts))
    return (*forms, *counts)
