"""Captions and their articles."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.training.captions import TEMPLATES, caption, with_article


def nouns_of(text):
    """The nouns of the tables below: separated by commas."""
    return [noun.strip() for noun in text.replace("\n", " ").split(",")]


WITH_A = nouns_of("""cat, dog, teapot, fire engine, hat, hose, horse, honey badger, herb, heron, T-shirt, yacht, year,
    university, unicorn, uniform, unit, union jack, unicycle, utensil, user, urinal, uterus, ukulele, uke, UFO,
    USB stick, UV lamp, US president, Ugandan, Ukrainian, U-boat, U-turn, European, Eurasian otter, eucalyptus,
    euphonium, ewe, ewer, one-way street, one-armed bandit, onesie, ouija board, TV set, DVD, PC, GPS, CD player,
    B battery, K ration, St Bernard, Mr Universe, snake, rhythm section, lynx, nymph, sphinx, ray, ledge, rum""")
WITH_AN = nouns_of("""apple, ear, iron, owl, umbrella, uncle, urn, usher, udder, upright piano, umpire, uneven floor,
    unidentified object, ungulate, uninvited guest, unimportant person, onion, orange, ounce, ouzo, outlet, hour,
    hourglass, honest person, honor guard, honour, heir, heirloom, hors d'oeuvre, X-ray, x ray machine, H-bomb, L-plate,
    S-hook, SUV, LED, LCD screen, MRI scanner, RNA, MVP, A-line skirt, o ring, i-beam, ATM""")


@pytest.mark.parametrize("noun", WITH_A)
def test_a(noun):
    assert with_article(noun) == f"a {noun}"
    assert with_article(noun.lower()) == f"a {noun.lower()}"


@pytest.mark.parametrize("noun", WITH_AN)
def test_an(noun):
    assert with_article(noun) == f"an {noun}"
    assert with_article(noun.lower()) == f"an {noun.lower()}"


def test_caption_fills_its_template():
    assert caption("{noun}", "hour hand") == "hour hand"
    assert caption("a photo of {article_noun}", "hour hand") == "a photo of an hour hand"
    assert caption("{article_noun} beside the {noun}", "cat") == "a cat beside the cat"


@pytest.mark.parametrize("template", ["a photo", "", "{nouns}", "{noun} and {other}", "{}"])
def test_caption_refuses_other_templates(template):
    with pytest.raises(ValueError, match="expected {noun} or {article_noun}"):
        caption(template, "cat")


def test_templates_are_distinct_and_the_first_is_the_bare_noun():
    filled = [caption(template, "x-ray film") for template in TEMPLATES]
    assert filled[0] == "x-ray film"
    assert len(set(filled)) == len(TEMPLATES)
    assert all(filled[i].count("x-ray film") == 1 for i in range(len(TEMPLATES)))
    assert not [text for text in filled if " a x-ray" in f" {text}"]


@given(st.text(string.ascii_letters + " '-", min_size=1), st.sampled_from(TEMPLATES))
def test_every_noun_stands_in_every_caption(noun, template):
    assert noun in caption(template, noun)
