"""Which nouns are chosen, rule by rule. Word frequencies are made up; WordNet's own data is not needed."""

import pytest

from novic_ros.vocabulary.hierarchy import Synset, WordNet
from novic_ros.vocabulary.selection import MAX_WORDS, select_nouns

COMMON = 4.0


def select(*synsets, zipf=None, required=(), senses=None):
    """synsets: (kind, words, gloss), offset is the place in the list -> {text: Noun}, dropped."""
    zipf = zipf or {}
    made = {str(i): Synset(str(i), kind, tuple(words), (), False, gloss)
            for i, (kind, words, gloss) in enumerate(synsets)}
    if senses is None:
        senses = {}
        for offset, synset in made.items():
            for word in synset.words:
                senses[word.lower()] = (*senses.get(word.lower(), ()), offset)
    nouns, dropped = select_nouns(WordNet(made, senses), lambda text: zipf.get(text, COMMON), tuple(required))
    assert len({noun.text for noun in nouns}) == len(nouns)
    return {noun.text: noun for noun in nouns}, dict(dropped)


RULES = [  # kind, word, gloss, reason to drop it, or None
    ("artifact", "teapot", "pot for brewing tea", None),
    ("animal", "great white shark", "a large shark", None),
    ("plant", "rose", "a shrub", None),
    ("artifact", "jack-o'-lantern", "lantern carved from a pumpkin", None),
    ("artifact", "A4 paper", "a sheet", "symbols or too short"),
    ("artifact", "G", "a letter", "symbols or too short"),
    ("artifact", "one two three four five", "a long name", "too many words"),
    ("animal", "genus Canis", "dogs and wolves", "taxonomic group"),
    ("animal", "family Canidae", "dogs and wolves", "taxonomic group"),
    ("animal", "canids", "a family of dogs", "taxonomic group"),
    ("animal", "dogfish", "a fish; some are in a family of sharks", None),  # only the definition counts
    ("person", "wretch", "(ethnic slur) offensive term", "offensive or sexual"),
    ("artifact", "thing", "a tool; vulgar when used of people", "offensive or sexual"),  # the whole gloss counts
    ("body", "aorta", "the large artery that leaves the heart", "cannot be seen"),
    ("substance", "aspirin", "a drug against pain", "cannot be seen"),
    ("animal", "Canis familiaris", "the dog", "Latin name"),
    ("plant", "Rosa canina", "the dog rose", "Latin name"),
    ("animal", "Persian cat", "a long-haired cat", None),
    ("artifact", "Winchester rifle", "a kind of rifle", None),
    ("artifact", "Maria", "a ship", None),  # only animals and plants have Latin names
]


@pytest.mark.parametrize(("kind", "word", "gloss", "reason"), RULES)
def test_rules(kind, word, gloss, reason):
    nouns, dropped = select((kind, [word], gloss))
    assert list(nouns) == ([] if reason else [word.lower()])
    assert dropped == ({reason: 1} if reason else {})


def test_longest_noun():
    words = " ".join(["big"] * MAX_WORDS)
    assert list(select(("artifact", [words], ""))[0]) == [words]


@pytest.mark.parametrize(("word", "is_latin"), [
    ("Homo sapiens", True), ("Ursus Maritimus", True), ("Lynx lynx", True), ("Lynx rex", True),
    ("Lynx ash", False),  # "ash" is a noun of its own, so this is a kind of ash
    ("Vixen brush", False)])
def test_a_genus_in_front_makes_a_latin_name(word, is_latin):
    senses = dict.fromkeys(("genus homo", "genus ursus", "genus lynx", "lynx", "ash", word.lower()), ("0",))
    nouns, dropped = select(("animal", [word], "an animal"), senses=senses)
    assert (list(nouns), dropped) == (([], {"Latin name": 1}) if is_latin else ([word.lower()], {}))


def test_one_word_latin_name_only_where_rare():
    assert select(("plant", ["Begonia"], ""), zipf={"Begonia": 2.1, "begonia": 2.1})[1] == {"Latin name": 1}
    assert list(select(("plant", ["Begonia"], ""), zipf={"Begonia": 2.3, "begonia": 2.3})[0]) == ["begonia"]


@pytest.mark.parametrize(("kind", "zipf", "kept"), [
    ("artifact", 1.8, True), ("artifact", 1.79, False), ("animal", 1.6, True), ("animal", 1.59, False),
    ("person", 3.0, False), ("person", 3.1, True)])
def test_rare_words(kind, zipf, kept):
    nouns, dropped = select((kind, ["thing"], ""), zipf={"thing": zipf})
    assert list(nouns) == (["thing"] if kept else [])
    assert dropped == ({} if kept else {"too rare": 1})


def test_a_longer_noun_is_as_rare_as_its_rarest_word():
    zipf = {"fire engine": 0.0, "fire": 5.0, "engine": 2.7}
    assert list(select(("artifact", ["fire engine"], ""), zipf=zipf)[0]) == ["fire engine"]
    assert select(("artifact", ["fire engine"], ""), zipf=zipf | {"engine": 2.6})[1] == {"too rare": 1}


def test_kinds_that_are_not_listed_and_named_individuals_are_left_out():
    tower = Synset("7", "artifact", ("Eiffel Tower",), ("0",), True, "")
    thought = Synset("8", "", ("thought",), (), False, "")
    nouns, dropped = select_nouns(WordNet({"7": tower, "8": thought}, {}), lambda text: COMMON)
    assert nouns == []
    assert not dropped


def test_rare_sense():
    """"Mouse" as a person is that word's third meaning: people count in their first two only."""
    person = ("person", ["mouse"], "a quiet person")
    assert select(person, senses={"mouse": ("a", "b", "0")})[1] == {"rare sense": 1}
    assert list(select(person, senses={"mouse": ("a", "0")})[0]) == ["mouse"]


def test_meaning_is_the_most_frequent_visible_one():
    nouns, dropped = select(("artifact", ["mouse"], "a pointer"), ("animal", ["mouse"], "a rodent"),
                            senses={"mouse": ("1", "0")})
    assert (nouns["mouse"].synset, nouns["mouse"].kind) == ("1", "animal")
    assert dropped == {}


def test_required_is_kept_however_rare_and_wins_the_meaning():
    nouns, _ = select(("animal", ["crane"], "a bird"), ("artifact", ["crane", "derrick"], "a machine"),
                      ("", ["thought"], "not visible"), senses={"crane": ("0", "1"), "derrick": ("1",)},
                      zipf={"crane": 0.1, "derrick": 0.0, "thought": 0.0}, required=("1", "2"))
    assert set(nouns) == {"crane", "derrick", "thought"}
    assert (nouns["crane"].synset, nouns["crane"].required) == ("1", True)


def test_required_ignores_the_rules_but_drops_a_latin_name_beside_an_english_one():
    nouns, dropped = select(("animal", ["polar bear", "Ursus maritimus"], "a family of bears"), required=("0",))
    assert list(nouns) == ["polar bear"]
    assert dropped == {"Latin name": 1}
    assert list(select(("animal", ["Ursus maritimus"], ""), required=("0",))[0]) == ["ursus maritimus"]


def test_two_spellings_of_one_noun():
    spellings = (("artifact", ["t-shirt"], ""), ("artifact", ["t shirt"], ""))
    for order in (spellings, spellings[::-1]):
        nouns, dropped = select(*order, zipf={"t-shirt": 4.2, "t shirt": 3.0})
        assert list(nouns) == ["t-shirt"]
        assert dropped == {"other spelling of a kept noun": 1}
        required = str(order.index(spellings[1]))
        assert list(select(*order, zipf={"t-shirt": 4.2, "t shirt": 3.0}, required=(required,))[0]) == ["t shirt"]


def test_capitals_are_one_noun():
    nouns, dropped = select(("artifact", ["Lamp", "lamp"], ""))
    assert list(nouns) == ["lamp"]
    assert dropped == {}


def test_order_is_by_falling_frequency_then_spelling():
    nouns, _ = select(("artifact", ["saw", "axe", "lamp"], ""), zipf={"saw": 3.0, "axe": 3.0, "lamp": 4.0})
    assert list(nouns) == ["lamp", "axe", "saw"]
    assert [noun.zipf for noun in nouns.values()] == [4.0, 3.0, 3.0]
