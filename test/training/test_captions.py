"""Short captions of one noun."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.training.captions import TEMPLATES, caption


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
