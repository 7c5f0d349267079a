"""The indefinite article."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.articles import with_article


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


@settings(deadline=None)
@given(st.text(string.ascii_letters + " '-", min_size=1))
def test_one_of_two_articles_and_the_noun(noun):
    assert with_article(noun) in (f"a {noun}", f"an {noun}")
