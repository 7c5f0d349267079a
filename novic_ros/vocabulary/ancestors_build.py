"""Makes the table of hypernyms (`ancestors.py`) for a list of nouns, from WordNet; needs WordNet, so not at run time.

Which hypernyms may be said is decided here, in plain sight: a word that people use, for a kind of thing that is narrow
enough to tell something. `NOT_SAID` lists what passes those rules and still says nothing about a picture.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Mapping, Sequence

import numpy as np

from novic_ros.vocabulary import selection
from novic_ros.vocabulary.ancestors import Ancestors
from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.nouns import VocabularyError, canonical

__all__ = ["build_ancestors", "meaning_in_wordnet"]

LARGEST_SHARE = 0.05  # a kind that holds more of the nouns than this is too broad to say ("device", "vertebrate")
RAREST_WORD = 2.0  # Zipf frequency; "teleost", "passerine" and "ungulate" are rarer
ALWAYS_SAID = {"00015388": "animal", "00017222": "plant", "00007846": "person"}  # broad, and yet what people would say
KINDS_NOT_SAID = ("person",)  # no guesses about what kind of person somebody is
NOT_SAID = frozenset("""
    animal tissue|apparatus|aquatic vertebrate|attire|barrier|block|body part|body structure|chemical|
    chemical element|cloth covering|commodity|complex body part|component|compound|connection|constraint|
    consumer goods|conveyance|covering|craft|creation|decoration|design|device|domestic animal|drug|durables|
    edge tool|egg-laying mammal|electrical device|electro-acoustic transducer|electronic device|element|energy|
    equipment|establishment|excavation|fabric|facility|fastening|fixings|flat solid|fluid|food product|framework|
    furnishing|game|game equipment|geological formation|gnawing mammal|heavier-than-air craft|home appliance|
    horizontal surface|implement|instrumentality|lighter-than-air craft|material|measuring instrument|
    mechanical device|mercantile establishment|mixture|molecule|movable barrier|natural elevation|
    natural phenomenon|nourishment|obstruction|organic compound|organism|paraphernalia|part|passage|
    physical phenomenon|piece|piece of cloth|place of business|placental|plant material|plant organ|plant part|
    produce|product|production|protective covering|representation|reproductive structure|seed plant|
    self-propelled vehicle|simple machine|snack food|solid|source of illumination|starches|structure|
    supporting structure|surface|system|tissue|transducer|tube-shaped structure|ware|white goods|woman's clothing|
    work
""".replace("\n    ", "").strip().split("|"))


def build_ancestors(wordnet: WordNet, nouns: Sequence[str], zipf: Callable[[str], float],
                    classes: Sequence[str] = (), largest_share: float = LARGEST_SHARE) -> Ancestors:
    """The table for a decoder's nouns.

    zipf: word or phrase -> Zipf frequency. classes: offsets of the synsets that the decoder's encoder knows.
    largest_share: kinds that hold more of the nouns are not said. Raises VocabularyError if WordNet knows none of the
    nouns.
    """
    known = Counter(above for offset in classes for above in wordnet.ancestors(offset))
    of_encoder = frozenset(classes)
    offsets = [meaning_in_wordnet(wordnet, noun, known, of_encoder) for noun in nouns]
    if not any(offsets):
        raise VocabularyError("hypernyms: expected nouns that WordNet knows, found none")
    own = {offset for offset in (*offsets, *classes) if offset in wordnet.synsets}
    kept = own | {above for above in ALWAYS_SAID if above in wordnet.synsets}
    index = {offset: m for m, offset in enumerate(sorted(kept))}
    rows = [sorted(index[above] for above in wordnet.ancestors(offset) if above != offset and above in index)
            for offset in index]
    begin = np.cumsum([0, *map(len, rows)]).astype(np.int32)
    above = np.array([m for row in rows for m in row], dtype=np.int32)
    meaning = np.array([index[offset] if offset else -1 for offset in offsets], dtype=np.int32)
    of_classes = np.array([index.get(offset, -1) for offset in classes], dtype=np.int32)
    table = Ancestors(tuple(nouns), {}, meaning, begin, above, of_classes)

    first = {}
    for noun, offset in zip(nouns, offsets):
        if offset:
            first.setdefault((offset, canonical(noun)), noun)
    said = {}
    parents = set(above.tolist())
    for offset, m in index.items():
        word = ALWAYS_SAID.get(offset) or _word(wordnet, offset, first)
        broad = table.specificity(m) < -np.log(largest_share)
        sayable = not broad and wordnet.synsets[offset].kind not in KINDS_NOT_SAID
        if m in parents and word and (offset in ALWAYS_SAID or sayable and zipf(word) >= RAREST_WORD
                                      and word not in NOT_SAID):
            said[m] = word
    return Ancestors(table.nouns, said, meaning, begin, above, of_classes)


def meaning_in_wordnet(wordnet: WordNet, noun: str, known: Mapping[str, int] | None = None,
                       classes: Container[str] = ()) -> str | None:
    """Offset of what a noun means when a picture is named; None if WordNet does not have it.

    Of the senses that `selection.py` would keep: one of the classes, else the one that holds most of them (`known`:
    synset -> number of classes at or below it), so that a "vessel" is a container and no vein; else the most frequent.
    """
    senses = wordnet.senses.get(noun.lower(), ())
    own = [offset for offset in senses if offset in classes]
    kept = [offset for offset in senses if _is_seen(wordnet.synsets[offset])] or list(senses)
    return next(iter(own or sorted(kept, key=lambda offset: -(known or {}).get(offset, 0))), None)


def _is_seen(synset: Synset) -> bool:
    unwanted = (selection.OFFENSIVE_GLOSS.search(synset.gloss) or selection.TAXON_GLOSS.search(synset.definition)
                or selection.INVISIBLE_GLOSS.search(synset.definition))
    return synset.kind in selection.LIMITS and not synset.is_instance and not unwanted


def _word(wordnet: WordNet, offset: str, first: dict[tuple[str, str], str]) -> str | None:
    """WordNet's first word for a synset among the nouns that mean it."""
    words = (first.get((offset, canonical(word))) for word in wordnet.synsets[offset].words)
    return next((word for word in words if word), None)
