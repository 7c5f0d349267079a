"""Plurals. Irregular ones and word frequencies are made up where the lists of the package do not decide."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.vocabulary.surface_forms import Inflector, read_irregular_plurals

IRREGULAR = {"leaf": ("leaves",), "knife": ("knives",), "diva": ("dive",), "sol": ("soles",), "bijou": ("bijoux",),
             "mother-in-law": ("mothers-in-law",), "matrix": ("matrices",), "wolf": ("wolves",)}
NOUNS = {"dive", "sole", "dog", "leaf"}
ZIPF = {"leaves": 4.6, "leafs": 3.0, "divas": 3.0, "dive": 4.0, "soles": 3.2, "sols": 2.0, "stomachs": 3.0,
        "coaches": 4.0, "potatoes": 4.0, "potatos": 1.5, "pianos": 3.5, "matrices": 3.0, "matrixes": 2.5, "milk": 4.9,
        "milks": 2.4, "can": 6.4, "cans": 3.7, "satin": 3.4, "furniture": 4.2, "rice": 4.4, "teapot": 2.9,
        "stone": 4.6, "stones": 4.3, "ottomans": 2.0, "bread": 4.5, "breads": 3.0}


@pytest.fixture
def inflector():
    return Inflector(lambda text: ZIPF.get(text.lower(), 0.0), IRREGULAR, NOUNS)


@pytest.mark.parametrize(("noun", "plurals"), [
    ("dog", "dogs"), ("box", "boxes"), ("dish", "dishes"), ("lady", "ladies"), ("boy", "boys"), ("glass", "glasses"),
    ("leaf", "leaves"), ("maple leaf", "maple leaves"), ("knife", "knives"), ("soliloquy", "soliloquies"),
    ("coach", "coaches"), ("stomach", "stomachs"), ("piano", "pianos"), ("potato", "potatoes"),
    ("fireman", "firemen"), ("human", "humans"), ("Ottoman", "Ottomans"), ("woman", "women"),
    ("policewoman", "policewomen"),
    ("diva", "divas"), ("sol", "sols"),  # "dive" and "soles" are other nouns
    ("mouse", "mice"), ("Mouse", "Mice"), ("field mouse", "field mice"), ("tooth", "teeth"), ("child", "children"),
    ("sheep", "sheep"), ("goldfish", "goldfish"), ("flying fish", "flying fish"), ("aircraft", "aircraft"),
    ("mother-in-law", "mothers-in-law"), ("Mother-in-law", "Mothers-in-law"), ("bird of paradise", "birds of paradise"),
    ("head of cattle", "heads of cattle"), ("lady-in-waiting", "ladies-in-waiting"), ("stand-in", "stand-ins"),
    ("check-in counter", "check-in counters"), ("T-shirt", "T-shirts"), ("wolf", "wolves"),
    ("LED", "LEDs"), ("McIntosh", "McIntoshes"), ("Winesap", "Winesaps"), ("New Yorker", "New Yorkers"),
    ("octopus", "octopuses, octopi"),
    ("matrix", "matrices, matrixes"), ("person", "people, persons"), ("can", "cans"), ("stone", "stones"),
    ("milk", ""), ("furniture", ""), ("garden furniture", ""), ("hollow-ware", ""), ("rice", ""), ("silverware", ""),
])
def test_plurals(inflector, noun, plurals):
    assert list(inflector.plurals(noun)) == [plural for plural in plurals.split(", ") if plural]


def test_stuff_is_counted_only_where_people_do(inflector):
    assert inflector.plurals("bread", is_stuff=True) == ("breads",)
    assert inflector.plurals("treacle", is_stuff=True) == ()
    assert inflector.plurals("treacle") == ("treacles",)
    assert inflector.plurals("satin") == ()  # common, and its plural is never seen


@pytest.mark.parametrize(("noun", "expected"), [
    ("trousers", True), ("swimming trunks", True), ("stairs", True), ("teeth", True), ("people", True),
    ("dog", False), ("glass", False), ("bus", False), ("iris", False), ("lens", False), ("gas", False),
    ("canvas", False),
    ("ballistics", False), ("gallows", False), ("cat-o'-nine-tails", False), ("string of beads", False),
    ("lamb's", False), ("pairs of stairs", True)])
def test_what_is_plural_already(inflector, noun, expected):
    assert inflector.is_plural(noun) is expected


@settings(deadline=None)
@given(st.from_regex(r"[a-z]{2,9}[bdfgklmnprtw]( [a-z]{2,9}[bdfgklmnprtw])?", fullmatch=True))
def test_a_regular_plural_is_plural_and_leads_back(noun):
    inflector = Inflector(lambda text: 0.0, {}, ())
    for plural in inflector.plurals(noun):
        if plural != noun and plural.endswith("s"):
            assert noun in inflector.singulars(plural)
            assert inflector.is_plural(plural) or len(plural.split()[-1]) <= 3 \
                or plural.split()[-1] in ("works", "gas", "pons")


def test_pairs(inflector):
    assert inflector.is_pair("nail scissors")
    assert not inflector.is_pair("stairs")


def test_wordnet_exceptions(tmp_path):
    (tmp_path / "noun.exc").write_text(
        "mice mouse\nalto-relievos alto-relievo alto-rilievo\namici_curiae amicus_curiae\noctopi octopus\n"
        "octopodes octopus\nsheep sheep\n", encoding="latin-1")
    assert read_irregular_plurals(tmp_path) == {
        "mouse": ("mice",), "alto-relievo": ("alto-relievos",), "alto-rilievo": ("alto-relievos",),
        "amicus curiae": ("amici curiae",), "octopus": ("octopi", "octopodes")}
    assert read_irregular_plurals(tmp_path / "nowhere") == {}
