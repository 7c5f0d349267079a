"""Make the object noun dictionary from WordNet: choose a meaning for each noun, join spellings, link what lies above.

WordNet is from 2006; things that are younger come from `word_lists/more_nouns.json`. What is dropped is decided in
`dictionary_rules.py`, an entry's spellings and frequencies in `dictionary_entry.py`. The result depends on WordNet, the
word lists and word frequencies alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from novic_ros.vocabulary.dictionary import NounDictionary
from novic_ros.vocabulary.dictionary_entry import entry_key, object_noun
from novic_ros.vocabulary.dictionary_format import ObjectNoun
from novic_ros.vocabulary.dictionary_rules import ABSTRACT, RULES, Candidate, Context, kind_of, reason_to_drop
from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.nouns import canonical
from novic_ros.vocabulary.surface_forms import Inflector, read_irregular_plurals
from novic_ros.vocabulary.word_frequency import FREQUENCY_FORMULA, Zipf, english_zipf
from novic_ros.vocabulary.word_lists import word_list

__all__ = ["Built", "build_dictionary", "dictionary_of"]

# Between two meanings of a word the more frequent one counts, unless the other is one rank below and more of an object:
# a lobster is an animal before it is food, a glass stands on a table.
LESS_OF_AN_OBJECT = {"food": 1.1, "body": 1.1, "object": 1.1, "substance": 1.6, "location": 1.6, "communication": 1.6,
                     "phenomenon": 2.1, "shape": 2.1, "group": 2.1}
BELOW_THRESHOLD = "below the threshold"


@dataclass(frozen=True)
class Built:
    """A dictionary, and every term that did not get in: reason -> terms in alphabetical order."""

    dictionary: NounDictionary
    dropped: dict[str, tuple[str, ...]]
    reasons: dict[str, str]  # reason -> what it means, in the order in which rules are tried
    formula: str = FREQUENCY_FORMULA  # how frequencies were made, in words


def build_dictionary(wordnet_folder: str | Path = "/usr/share/wordnet", threshold: int = 0,
                     zipf: Zipf = english_zipf, on_synset: Callable[[int, int], None] | None = None) -> Built:
    """The dictionary of a WordNet 3.0 folder, without nouns whose frequencies sum up to at most `threshold`.

    on_synset: told how many synsets are done, and of how many. Raises VocabularyError where WordNet's files or the
    word frequencies are missing.
    """
    wordnet = WordNet.read(wordnet_folder)
    return dictionary_of(wordnet, read_irregular_plurals(wordnet_folder), threshold, zipf, on_synset)


def dictionary_of(wordnet: WordNet, irregular_plurals: dict[str, tuple[str, ...]], threshold: int = 0,
                  zipf: Zipf = english_zipf, on_synset: Callable[[int, int], None] | None = None) -> Built:
    """`build_dictionary` for a WordNet that is read already."""
    wordnet = with_more_nouns(wordnet)
    context = Context(wordnet, zipf)
    chosen, dropped = _choose_meanings(wordnet, context, on_synset)
    inflector = Inflector(zipf, irregular_plurals, wordnet.senses)
    entries: dict[str, list[Candidate]] = {}
    for term in sorted(chosen, key=lambda term: _preference(term, zipf)):
        entries.setdefault(entry_key(term, inflector, zipf), []).append(term)
    nouns = [object_noun(terms, inflector, zipf, wordnet.senses) for terms in entries.values()]
    nouns.sort(key=lambda noun: (-noun.frequency, noun.target_noun))
    nouns = [replace(noun, id=place) for place, noun in enumerate(nouns)]
    dictionary = NounDictionary(_linked(nouns, wordnet))
    if threshold:
        everything, dictionary = dictionary, dictionary.threshold(threshold)
        kept = {noun.id for noun in dictionary}
        dropped[BELOW_THRESHOLD] = {noun.pretty_noun for noun in everything if noun.id not in kept}
    reasons = dict([ABSTRACT, *((reason, meaning) for reason, meaning, _ in RULES)])
    reasons[BELOW_THRESHOLD] = f"frequencies sum up to at most {threshold}"
    listed = {reason: tuple(sorted(dropped[reason])) for reason in reasons if reason in dropped}
    return Built(dictionary, listed, reasons)


def with_more_nouns(wordnet: WordNet) -> WordNet:
    """WordNet with the nouns of `word_lists/more_nouns.json`, each a synset of its own under an offset like "+12".

    A noun that WordNet has under that kind already is left alone.
    """
    synsets, senses = dict(wordnet.synsets), dict(wordnet.senses)
    for kind, nouns in word_list("more_nouns").items():
        for noun, broader in nouns.items():
            known = senses.get(noun.lower(), ())
            if any(synsets[offset].kind == kind for offset in known):
                continue
            above = [offset for offset in wordnet.senses.get(broader, ()) if wordnet.synsets[offset].kind == kind][:1]
            offset = f"+{len(synsets)}"
            synsets[offset] = Synset(offset, kind, (noun,), tuple(above), False, "")
            senses[noun.lower()] = (offset, *known)
    return WordNet(synsets, senses)


def _choose_meanings(wordnet: WordNet, context: Context,
                     on_synset: Callable[[int, int], None] | None) -> tuple[list[Candidate], dict[str, set[str]]]:
    """One candidate per canonical noun, in the meaning that is preferred among those that no rule drops.

    Also the terms that have no such meaning, each under the reason that dropped its last visible one.
    """
    best: dict[str, Candidate] = {}
    faults: dict[str, tuple[str, str]] = {}  # canonical noun -> (term, reason)
    for done, (offset, synset) in enumerate(wordnet.synsets.items(), start=1):
        kind = kind_of(synset)
        for word in synset.words:
            key = canonical(word)
            if not kind:
                faults.setdefault(key, (word, ABSTRACT[0]))
                continue
            senses = wordnet.senses.get(word.lower(), ())
            term = Candidate(word, synset, kind, senses.index(offset) if offset in senses else len(senses))
            reason = reason_to_drop(term, context)
            if reason:
                faults[key] = (word, reason)
            elif key not in best or _preference(term, context.zipf) < _preference(best[key], context.zipf):
                best[key] = term
        if on_synset and (done % 1000 == 0 or done == len(wordnet.synsets)):
            on_synset(done, len(wordnet.synsets))
    dropped: dict[str, set[str]] = {}
    for key, (word, reason) in faults.items():
        if key not in best:
            dropped.setdefault(reason, set()).add(word)
    return list(best.values()), dropped


def _preference(term: Candidate, zipf: Zipf) -> tuple:
    return term.rank + LESS_OF_AN_OBJECT.get(term.kind, 0), -zipf(term.text), term.synset.offset, term.text


def _linked(nouns: list[ObjectNoun], wordnet: WordNet) -> tuple[ObjectNoun, ...]:
    """The nouns with the ids of the nearest entries above each; a synset is represented by its most common entry."""
    entry: dict[str, int] = {}
    for noun in nouns:
        entry.setdefault(noun.synset, noun.id)

    def nearest(synset: str) -> tuple[int, ...]:
        found: dict[int, None] = {}
        waiting = list(wordnet.synsets[synset].hypernyms)
        seen = set(waiting)
        while waiting:
            offset = waiting.pop(0)
            if offset in entry:
                found[entry[offset]] = None
                continue
            above = [above for above in wordnet.synsets[offset].hypernyms if above not in seen]
            seen.update(above)
            waiting += above
        return tuple(found)

    return tuple(replace(noun, hypernyms=nearest(noun.synset), synset=noun.synset * noun.synset.isdigit())
                 for noun in nouns)
