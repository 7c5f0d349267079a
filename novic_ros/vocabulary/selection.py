"""Choose the object nouns of a general decoder from WordNet: visible kinds of things that people really name.

The rules stand here in one readable table so that they can be reviewed; what they drop is counted by reason.
This is not the object noun dictionary with its spellings and plurals, which `dictionary_build.py` makes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Container
from dataclasses import dataclass

from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.nouns import canonical

__all__ = ["Noun", "looks_latin", "select_nouns"]

# Per kind: lowest Zipf frequency of a one-word noun, of the rarest word of a longer noun, and the highest sense rank
# (0 = the word's most frequent meaning). Kinds that are rarely visible objects must be common words in a main sense.
LIMITS = {
    "animal": (1.6, 2.5, 3), "artifact": (1.8, 2.7, 3), "food": (1.7, 2.6, 3), "plant": (1.7, 2.7, 3),
    "body": (2.7, 3.6, 1), "object": (2.4, 2.8, 1), "phenomenon": (3.0, 4.0, 1), "substance": (2.8, 3.8, 1),
    "person": (3.1, 3.9, 1),
}
MAX_WORDS = 4
TAXON_WORD = re.compile(r"^(genus|family|order|class|phylum|division|suborder|superfamily|subfamily) ", re.I)
TAXON_GLOSS = re.compile(r"\b(genus|genera|family|order|class|phylum|suborder|subfamily|superfamily|superorder|"
                         r"subclass|kingdom|division) of\b|type genus", re.I)
LATIN_ENDING = re.compile(r"(dae|ceae|ales|ia|us|is|um|oidea|ida|ina|era|a)$")
INVISIBLE_GLOSS = re.compile(r"\b(artery|arteries|vein|veins|nerve|drug|antibiotic|hormone|enzyme|molecule|"
                             r"trade names?|psychiatric|microorganism|bacteri\w+)\b")
OFFENSIVE_GLOSS = re.compile(r"offensive|obscene|vulgar|disparaging|derogatory|ethnic slur|contemptuous|"
                             r"\bslang\b|sexual|genital|prostitut", re.I)


@dataclass(frozen=True)
class Noun:
    """One noun of the vocabulary: lower-case spelling, the synset that it stands for, and how common it is."""

    text: str
    synset: str
    kind: str
    zipf: float  # log10 occurrences per billion words; 0 = never seen
    required: bool = False


def select_nouns(wordnet: WordNet, zipf: Callable[[str], float],
                 required: tuple[str, ...] = ()) -> tuple[list[Noun], Counter]:
    """Nouns in falling frequency, and a count of what was dropped by reason.

    zipf: word or phrase -> Zipf frequency (the `wordfreq` package's `zipf_frequency`).
    required: synset offsets whose words are kept whatever their frequency (an encoder's own classes).
    A noun appears once; its meaning is the most frequent of its visible senses (a required one wins).
    """
    dropped: Counter = Counter()
    meanings: dict[str, list[str]] = {}
    required_set = set(required)
    genera = {lemma.removeprefix("genus ") for lemma in wordnet.senses if lemma.startswith("genus ")}
    for offset, synset in wordnet.synsets.items():
        if offset not in required_set and (synset.kind not in LIMITS or synset.is_instance):
            continue
        for word in synset.words:
            reason = _word_fault(word, synset, zipf, offset in required_set, wordnet.senses, genera)
            if reason:
                dropped[reason] += 1
            else:
                meanings.setdefault(word.lower(), []).append(offset)

    chosen: dict[str, Noun] = {}
    for text, offsets in meanings.items():
        senses = wordnet.senses.get(text, ())
        ranked = sorted((senses.index(o) if o in senses else 99, o) for o in offsets)
        must = next((o for _, o in ranked if o in required_set), None)
        rank, offset = (0, must) if must else ranked[0]
        kind = wordnet.synsets[offset].kind
        if kind not in LIMITS:  # only where it is required
            kind = ""
        words = text.split()
        frequency = zipf(text)
        if not must:
            one_word, rarest_word, worst_rank = LIMITS[kind]
            enough = frequency >= one_word if len(words) == 1 else min(map(zipf, words)) >= rarest_word
            if rank > worst_rank or not enough:
                dropped["too rare" if not enough else "rare sense"] += 1
                continue
        key = canonical(text)
        noun = Noun(text, offset, kind, round(frequency, 2), bool(must))
        if key in chosen:
            dropped["other spelling of a kept noun"] += 1
        if key not in chosen or (noun.required, noun.zipf) > (chosen[key].required, chosen[key].zipf):
            chosen[key] = noun
    return sorted(chosen.values(), key=lambda noun: (-noun.zipf, noun.text)), dropped


def _word_fault(word: str, synset: Synset, zipf: Callable[[str], float], required: bool,
                lemmas: Container[str], genera: Container[str]) -> str | None:
    """Why this word of this synset is no everyday noun for an object, or None.

    lemmas: all of WordNet's nouns; genera: the names that it knows as a genus; both in lower case.
    A required synset keeps every word that can be spelled, except a Latin name beside an English one.
    """
    if re.search(r"[^A-Za-z \-']", word) or len(canonical(word)) < 3:
        return "symbols or too short"
    if not required:
        if len(word.split()) > MAX_WORDS:
            return "too many words"
        if TAXON_WORD.match(word) or TAXON_GLOSS.search(synset.definition):
            return "taxonomic group"
        if OFFENSIVE_GLOSS.search(synset.gloss):
            return "offensive or sexual"
        if INVISIBLE_GLOSS.search(synset.definition):
            return "cannot be seen"
    if synset.kind in ("animal", "plant") and looks_latin(word, lemmas, genera) \
            and (" " in word or zipf(word) < 2.2) and not (required and len(synset.words) == 1):
        return "Latin name"
    return None


def looks_latin(word: str, lemmas: Container[str], genera: Container[str]) -> bool:
    """A capital, at most one word after it, and a known genus in front or (in lower case) a Latin ending.

    A genus followed by another English noun is none: "Arizona ash" is a tree, though a snake's genus is Arizona.
    """
    first, *rest = word.split()
    if not first[0].isupper() or len(rest) > 1:
        return False
    genus, species = first.lower(), rest[0].lower() if rest else None
    if genus in genera and (species == genus or species not in lemmas):
        return True
    return all(w.islower() for w in rest) and bool(LATIN_ENDING.search(word))
