"""Which of WordNet's nouns enter the object noun dictionary: one readable table of rules, each with its reason.

A rule looks at one word of one synset. The first that applies drops the word, and the report says which. How common
a noun is plays a part only for kinds that are rarely visible objects; frequency thresholds come later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.nouns import canonical
from novic_ros.vocabulary.selection import looks_latin
from novic_ros.vocabulary.word_frequency import Zipf
from novic_ros.vocabulary.word_lists import word_list

__all__ = ["ABSTRACT", "RULES", "Candidate", "Context", "kind_of", "reason_to_drop"]

# Per kind: lowest Zipf frequency of a one-word noun, of the rarest word of a longer noun, and the highest rank of the
# meaning among the word's meanings (0 = the most frequent). Kinds that are rarely visible objects must be common.
LIMITS = {
    "animal": (0.0, 0.0, 3), "artifact": (0.0, 0.0, 3), "food": (0.0, 0.0, 3), "plant": (0.0, 0.0, 3),
    "body": (2.7, 3.6, 1), "object": (2.4, 2.8, 1), "phenomenon": (3.0, 4.0, 1), "substance": (2.8, 3.8, 1),
    "person": (2.4, 2.6, 1), "shape": (3.0, 3.6, 1), "location": (2.6, 2.8, 2), "group": (3.0, 3.6, 1),
    "communication": (2.8, 2.8, 2),
}
# Synsets at the very top, which WordNet files under no kind.
TOP = {"00007846": "person", "00015388": "animal", "00017222": "plant", "00021265": "food"}
# Of these kinds only what lies below one of these synsets can be seen. The name is there to be read.
VISIBLE_BELOW = {
    "location": {"08673395": "tract", "08626283": "municipality"},
    "group": {"08436759": "vegetation", "08182379": "crowd", "07993929": "animal group", "07961480": "pile"},
    "communication": {"06793231": "sign", "06873571": "visual signal", "06589574": "publication",
                      "06470073": "document"},
    "phenomenon": {"11425580": "atmospheric phenomenon", "11439690": "cloud", "11490638": "optical phenomenon",
                   "11473954": "light", "11501649": "raindrop", "11509066": "snowflake", "11509377": "ice crystal"},
    "person": {
        "09622049": "juvenile", "09624168": "male", "09619168": "female", "09632518": "worker",
        "09616922": "entertainer", "09613191": "contestant", "09629752": "traveler", "09615807": "engineer",
        "10560637": "scientist", "09505153": "spiritual leader", "10541229": "ruler", "09990415": "dancer",
        "09836160": "bullfighter", "09843602": "bather", "10582746": "serviceman", "10165109": "health professional",
        "09939313": "combatant", "10235549": "relative", "09812338": "artist", "09483738": "imaginary being",
        "09862845": "bodybuilder", "09860506": "blond", "09877856": "brunet", "10513823": "redhead",
        "10386618": "outdoorsman", "09899289": "cashier", "10763725": "waiter",
        "10480253": "professional", "10078806": "farmer", "10466918": "preserver", "09984659": "customer",
        "10034906": "driver",
    },
}
# What one says of a person's character, fate, faith or origin cannot be seen, and hurts where it is wrong.
PERSONS_NOT_NAMED = {
    "09831962": "bad person", "09630641": "unfortunate person", "09631129": "unwelcome person", "10599354": "simpleton",
    "09622302": "lover", "10609325": "slave", "10231087": "killer", "09610405": "commoner", "09626031": "nonworker",
    "09628382": "religious person", "09620078": "inhabitant", "09620794": "native", "09625401": "national",
    "09636106": "person of color", "10036266": "drug user", "09615465": "disputant", "09627462": "primitive person",
    "10503452": "radical", "10752480": "victim", "09632274": "unskilled person", "09621545": "intellectual",
    "09614047": "coward", "10162194": "hater", "10182913": "homosexual", "10386071": "ouster", "09505418": "deity",
    "10771636": "weakling", "10247044": "large person", "10613505": "small person", "10708797": "thin person",
    "10103485": "foreigner", "10314952": "migrant", "10071332": "exile", "09774783": "advocate",
    "09629246": "sensualist", "10109443": "freak", "09994943": "dead person", "10024362": "domestic partner",
}
SHORT_BUT_KNOWN = ("ox", "ax", "tv", "pc", "cd")
MAX_WORDS = 5

TAXON_WORD = re.compile(r"^(genus|family|order|class|phylum|division|suborder|superfamily|subfamily|subclass|tribe|"
                        r"kingdom|superclass|superorder|subphylum|infraorder) | (family|genus)$", re.I)
TAXON_GLOSS = re.compile(r"\b(genus|genera|family|order|class|phylum|suborder|subfamily|superfamily|superorder|"
                         r"subclass|kingdom|division) of\b|type genus|\btaxonomic|classification systems?\b", re.I)
LATIN_GROUP = re.compile(r"(formes|ores|acea|ata|ones|ineae)$")
INVISIBLE_GLOSS = re.compile(r"\b(artery|arteries|veins?|nerves?|drug|antibiotic|antidepressant|antihistamine|hormone|"
                             r"enzyme|molecule|trade names?|psychiatric|microorganisms?|bacteri\w+|\w*virus(es)?|"
                             r"protozoa\w*|"
                             r"inhibitor|sedative|analgesic|diuretic|anesthetic|tranquilizer|vaccine|vitamin|steroid|"
                             r"antiseptic|medicine used|medication|software|computer program|legal|law|unit of)\b")
OFFENSIVE_GLOSS = re.compile(
    r"ethnic slur|\bvulgar\b|\b(offensive|derogatory|disparaging|insulting|obscene|negative|abusive|contemptuous|"
    r"uncomplimentary|pejorative) (\w+ )?(and \w+ )?(terms?|names?|words?|nicknames?)\b|\bslang\b|"
    r"considered (offensive|obscene)|sometimes offensive|offensive British|contemptible|despicable", re.I)
SEXUAL_GLOSS = re.compile(
    r"\bsexual(ly)? (intercourse|relations?|attack|perver\w+|active|arous\w+|attract\w+|transmitted|relationship|"
    r"orientation|gratification)|\bprostitut|\bpenis\b|\bvagina|\bsemen\b|masturbat|fellatio|homosexual|lesbian|sodom|"
    r"erotic|pornograph|\bbrothel|libertine|sensual", re.I)
PRIVATE_GLOSS = re.compile(r"\bgenitals?\b|\bsexual organ|\btestic|\banus\b|\bf(a?)eces\b|\burin|\bsex organ", re.I)


@dataclass(frozen=True)
class Candidate:
    """One word of one synset; rank is the place of this meaning among the word's, 0 = the most frequent."""

    text: str
    synset: Synset
    kind: str
    rank: int


class Context:
    """What rules look things up in."""

    def __init__(self, wordnet: WordNet, zipf: Zipf):
        self.wordnet, self.zipf = wordnet, zipf
        self.genera = {lemma.removeprefix("genus ") for lemma in wordnet.senses if lemma.startswith("genus ")}
        stop = word_list("stop_terms")
        self.stop_terms, self.stop_words = set(stop["terms"]), set(stop["words"])

    def is_thing(self, word: str) -> bool:
        """Whether a lower-case word, or what it may be the plural of, is an English noun for a kind of thing."""
        return any(not self.wordnet.synsets[offset].is_instance and spelled in self.wordnet.synsets[offset].words
                   for spelled in (word, word.removesuffix("s"), word.removesuffix("es"))
                   for offset in self.wordnet.senses.get(spelled, ()))

    def is_below(self, synset: Synset, tops: Iterable[str]) -> bool:
        """Whether a synset is one of `tops` or lies under one."""
        above = self.wordnet.ancestors(synset.offset)
        return any(top in above for top in tops)


def kind_of(synset: Synset) -> str:
    """A synset's kind, also for the few at the top; "" where nothing of the kind is a visible object."""
    kind = TOP.get(synset.offset, synset.kind)
    return kind if kind in LIMITS else ""


def _odd_spelling(term: Candidate, context: Context) -> bool:
    text = term.text
    if text.lower() in SHORT_BUT_KNOWN:
        return False
    return bool(re.search(r"[^A-Za-z0-9 \-'.]", text)) or len(re.sub(r"[^a-z]", "", canonical(text))) < 3 \
        or bool(re.fullmatch(r"([A-Za-z]\.)+[A-Za-z]?\.?", text)) or text.isupper() and context.zipf(text) < 3


def _stop_term(term: Candidate, context: Context) -> bool:
    text = canonical(term.text)
    return text in context.stop_terms or text.removesuffix("s") in context.stop_terms \
        or any(word in context.stop_words for word in text.split())


def _hidden(term: Candidate, context: Context) -> bool:
    below = VISIBLE_BELOW.get(term.kind)
    return below is not None and term.synset.offset not in TOP and not context.is_below(term.synset, below)


def _proper(term: Candidate, context: Context) -> bool:
    return term.kind in ("person", "group", "location", "object", "phenomenon") and bool(re.search(r"[A-Z]", term.text))


def _latin(term: Candidate, context: Context) -> bool:
    first, *rest = term.text.split()
    if term.kind not in ("animal", "plant"):
        return term.kind == "food" and bool(rest) and first[0].isupper() and first.lower() in context.genera \
            and not context.is_thing(rest[-1])
    if rest and first[0].isupper() and all(word.islower() for word in rest) and not context.is_thing(rest[-1]):
        return True  # "Argonauta argo", "Crocanthemum canadense"; but "Arizona ash" is a kind of ash
    if not rest and first[0].isupper() and LATIN_GROUP.search(first) and context.zipf(first) < 2.2:
        return True
    return looks_latin(term.text, context.wordnet.senses, context.genera) \
        and (bool(rest) or context.zipf(term.text) < 2.2)


def _rare(term: Candidate, context: Context) -> bool:
    words = term.text.replace("-", " ").split()
    one_word, rarest_word, _ = LIMITS[term.kind]
    return context.zipf(term.text) < one_word if len(words) == 1 else min(map(context.zipf, words)) < rarest_word


# (reason, what it means, rule), tried in this order.
ABSTRACT = ("abstract", "acts, feelings, times, quantities: all that WordNet files under no kind with visible things")
RULES: tuple[tuple[str, str, Callable[[Candidate, Context], bool]], ...] = (
    ("named individual", "one person, place or thing with a name: Eiffel Tower",
     lambda term, context: term.synset.is_instance),
    ("offensive", "WordNet's gloss marks the meaning as a slur, an insult or slang",
     lambda term, context: bool(OFFENSIVE_GLOSS.search(term.synset.gloss))),
    ("sexual", "WordNet's gloss is about sex or what belongs to it",
     lambda term, context: bool(SEXUAL_GLOSS.search(term.synset.gloss))
     or term.kind in ("body", "substance", "person") and bool(PRIVATE_GLOSS.search(term.synset.gloss))),
    ("stop term", "listed in word_lists/stop_terms.json", _stop_term),
    ("odd spelling", "signs beside letters, digits, hyphens and apostrophes; fewer than three letters; initials",
     _odd_spelling),
    ("too many words", f"more than {MAX_WORDS}", lambda term, context: len(term.text.split()) > MAX_WORDS),
    ("taxonomic group", "a genus, family or other group of living things, not a thing",
     lambda term, context: bool(TAXON_WORD.search(term.text) or TAXON_GLOSS.search(term.synset.definition))
     or term.text[:1].isupper() and any(map(TAXON_WORD.match, term.synset.words))),
    ("Latin name", "a living thing's Latin name", _latin),
    ("person not to be named", "says a person's character, fate, faith, origin or body",
     lambda term, context: term.kind == "person" and context.is_below(term.synset, PERSONS_NOT_NAMED)),
    ("proper name", "a capital in the name of a person, group, place or natural thing: nations, faiths", _proper),
    ("not a visible kind", "a person, place, group, text or natural event that is not below VISIBLE_BELOW", _hidden),
    ("cannot be seen", "by its gloss a drug, a microbe, a vessel inside the body, a program",
     lambda term, context: bool(INVISIBLE_GLOSS.search(term.synset.definition))),
    ("rare meaning", "the word is mostly used for something else",
     lambda term, context: term.rank > LIMITS[term.kind][2]),
    ("too rare", "for a kind that is seldom a visible object", _rare),
)


def reason_to_drop(term: Candidate, context: Context) -> str | None:
    """The reason of the first rule that drops this word of this synset, or None."""
    return next((reason for reason, _, applies in RULES if applies(term, context)), None)
