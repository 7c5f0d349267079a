"""Which terms are dropped, rule by rule. Words, glosses and frequencies are made up."""

import pytest

from novic_ros.vocabulary.dictionary_rules import (
    PERSONS_NOT_NAMED,
    RULES,
    TOP,
    VISIBLE_BELOW,
    Candidate,
    Context,
    kind_of,
    reason_to_drop,
)
from novic_ros.vocabulary.hierarchy import Synset, WordNet

WORKER, BAD_PERSON, TRACT, CROWD = "09632518", "09831962", "08673395", "08182379"


def synset(offset, kind, words, gloss="a thing", above=(), is_instance=False):
    return Synset(offset, kind, tuple(words), tuple(above), is_instance, gloss)


def context_of(*synsets, zipf=4.0):
    made = {one.offset: one for one in synsets}
    senses = {}
    for one in synsets:
        for word in one.words:
            senses[word.lower()] = (*senses.get(word.lower(), ()), one.offset)
    return Context(WordNet(made, senses), lambda text: zipf)


def reason(kind, word, gloss="a thing", above=(), rank=0, zipf=4.0, is_instance=False, others=()):
    one = synset("1", kind, [word], gloss, above, is_instance)
    tops = [synset(offset, "", [offset]) for offset in (WORKER, BAD_PERSON, TRACT, CROWD)]
    context = context_of(one, *tops, *others, zipf=zipf)
    return reason_to_drop(Candidate(word, one, kind, rank), context)


CASES = [
    (None, ("artifact", "teapot", "pot for brewing tea")),
    (None, ("artifact", "M-1 rifle")),
    (None, ("artifact", "Frisbee", "(trademark) a light, plastic disk")),
    (None, ("animal", "tapir", "large inoffensive chiefly nocturnal ungulate")),
    (None, ("artifact", "condominium", "one of the dwelling units in a condominium")),
    (None, ("artifact", "bidet", "a basin for washing genitals and anal area")),
    (None, ("plant", "scarlet runner", "tropical bean; sometimes placed in Phaseolus vulgaris")),
    ("offensive", ("artifact", "hoosegow", "slang for a jail")),
    ("offensive", ("person", "wretch", "(ethnic slur) offensive term for a person")),
    ("offensive", ("artifact", "bedlam", "pejorative terms for an insane asylum")),
    ("sexual", ("artifact", "bordello", "a building where prostitutes are available")),
    ("sexual", ("body", "urethra", "duct through which urine is discharged")),
    ("stop term", ("animal", "coon", "North American raccoon")),
    ("stop term", ("animal", "coons", "North American raccoons")),
    ("stop term", ("plant", "chink berry", "a shrub")),  # a word of it
    ("odd spelling", ("artifact", "read/write head")),
    (None, ("artifact", "tv")),
    ("odd spelling", ("artifact", "ad")),
    ("odd spelling", ("artifact", "W.M.D.")),
    ("too many words", ("artifact", "one two three four five six")),
    ("taxonomic group", ("animal", "genus Canis")),
    ("taxonomic group", ("plant", "sweetleaf family")),
    ("taxonomic group", ("animal", "canids", "a family of dogs")),
    ("Latin name", ("animal", "Canis familiaris", "the dog")),
    ("Latin name", ("plant", "Crocanthemum canadense")),
    ("Latin name", ("animal", "Argonauta argo argo")),
    ("cannot be seen", ("substance", "aspirin", "a drug against pain")),
    ("cannot be seen", ("artifact", "compiler", "a computer program that translates")),
    ("rare meaning", ("artifact", "run", "a row of unravelled stitches", (), 4)),
    ("too rare", ("substance", "vanadate", "a salt", (), 0, 2.0)),
    (None, ("artifact", "vanadate vat", "a vat", (), 0, 0.0)),  # rare artifacts stay; thresholds are for later
    (None, ("person", "welder", "joins metal", (WORKER,))),
    ("not a visible kind", ("person", "optimist", "looks on the bright side")),
    ("person not to be named", ("person", "thug", "an aggressive worker", (WORKER, BAD_PERSON))),
    ("proper name", ("person", "Welsh welder", "joins metal", (WORKER,))),
    (None, ("location", "minefield", "a field with mines", (TRACT,))),
    ("not a visible kind", ("location", "line of latitude", "an imaginary line")),
    (None, ("group", "throng", "many people", (CROWD,))),
    ("proper name", ("object", "Milky Way", "a galaxy")),
]


@pytest.mark.parametrize(("expected", "arguments"), CASES, ids=[arguments[1] for _, arguments in CASES])
def test_rules(expected, arguments):
    assert reason(*arguments) == expected


def test_named_individuals():
    assert reason("artifact", "Eiffel Tower", is_instance=True) == "named individual"


def test_an_english_noun_at_the_end_is_no_latin():
    ash = synset("2", "plant", ["ash"])
    assert reason("plant", "Arizona ash", others=[ash]) is None
    assert reason("plant", "Arizona ashes", others=[ash]) is None
    argo = synset("3", "", ["Argo"], is_instance=True)
    assert reason("animal", "Argonauta argo", others=[argo]) == "Latin name"


def test_food_with_a_genus_in_front():
    genus = synset("2", "plant", ["genus Capsicum"])
    assert reason("food", "Capsicum annuum conoides", others=[genus]) == "Latin name"
    assert reason("food", "Worcester sauce", others=[genus]) is None


def test_every_rule_has_a_case():
    assert {name for name, _, _ in RULES} == {expected for expected, _ in CASES if expected} | {"named individual"}
    assert len({name for name, _, _ in RULES}) == len(RULES)


def test_kinds():
    assert kind_of(synset("1", "animal", ["dog"])) == "animal"
    assert kind_of(synset("1", "", ["thought"])) == ""
    assert kind_of(synset("00007846", "", ["person"])) == "person"


def test_offsets_in_the_tables_are_what_their_names_say():
    folder = "/usr/share/wordnet"
    try:
        wordnet = WordNet.read(folder)
    except ValueError:
        pytest.skip(f"WordNet's database is not in {folder}")
    tables = [*VISIBLE_BELOW.values(), PERSONS_NOT_NAMED, TOP]
    wrong = [(offset, name) for table in tables for offset, name in table.items()
             if name not in wordnet.synsets[offset].words]
    assert wrong == []
