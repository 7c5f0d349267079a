"""Spelling variants. Word frequencies are made up."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.vocabulary.nouns import canonical
from novic_ros.vocabulary.spelling import closed_spelling, spelling_key, spelling_variants
from novic_ros.vocabulary.word_lists import word_list

USED = {"gray", "grey", "color", "colour", "theater", "theatre", "teapot", "seabass", "tshirt", "wheelchair"}


def zipf(text):
    return 3.0 if text.lower() in USED else 0.0


@pytest.mark.parametrize(("noun", "variants"), [
    ("dog", []),
    ("grey wolf", ["gray wolf"]),
    ("gray wolf", ["grey wolf"]),
    ("theatre", ["theater"]),
    ("colour television", ["color television"]),
    ("sea bass", ["seabass"]),
    ("tea-pot", ["tea pot", "teapot"]),
    ("T-shirt", ["T shirt"]),  # a single letter is not joined
    ("washing machine", []),  # "washingmachine" is not in use
    ("jack-o'-lantern", ["jack o' lantern"]),
    ("moustache", []),  # the American word is not in use
])
def test_variants(noun, variants):
    assert spelling_variants(noun, zipf) == variants


def test_a_closed_spelling_that_is_a_noun_of_its_own_is_not_added():
    assert spelling_variants("wheel chair", zipf) == ["wheelchair"]
    assert spelling_variants("wheel chair", zipf, {"wheelchair"}) == []


@settings(deadline=None)
@given(st.lists(st.text(string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=4),
       st.sampled_from([" ", "-"]))
def test_variants_share_a_key_and_are_other_spellings(words, joint):
    noun = joint.join(words)
    variants = spelling_variants(noun, lambda text: 3.0)
    assert noun not in variants
    assert len(set(variants)) == len(variants)
    assert {spelling_key(variant) for variant in (*variants, noun.upper())} == {spelling_key(noun)}


@settings(deadline=None)
@given(st.sampled_from(sorted(word_list("spellings")["american"].items())))
def test_british_and_american_share_a_key(pair):
    assert spelling_key(f"old {pair[0]}") == spelling_key(f"Old-{pair[1]}")


@settings(deadline=None)
@given(st.text(string.ascii_letters + " -", max_size=12))
def test_a_closed_spelling_joins_two_words(noun):
    closed = closed_spelling(noun)
    assert closed in ("", noun.replace("-", "").replace(" ", ""))
    assert not closed or len(canonical(noun).split()) == 2
