"""Captions from the grammar: counts, kinds, articles, and that every phrase of its file can be used."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_dictionary import object_noun, tiny_dictionary

from novic_ros.training.articles import with_article
from novic_ros.training.caption_grammar import Grammar, grammar_blocks
from novic_ros.training.caption_stream import CaptionStream
from novic_ros.vocabulary import NounDictionary

GRAMMAR = Grammar.read()
FIELDS = {"thing", "the_thing", "is", "action", "place", "view", "other"}
KINDS = {"", "animal", "artifact", "plant", "food", "person", "body", "object", "substance", "location", "shape",
         "communication", "phenomenon", "group"}


def stream(captions=1, seed=0, dictionary=None):
    return CaptionStream(grammar_blocks(dictionary or tiny_dictionary(), captions, seed))


@settings(deadline=None)
@given(st.integers(0, 4), st.integers(0, 9))
def test_counts_and_targets(captions, seed):
    made = stream(captions, seed)
    records = list(made)
    assert len(records) == len(made) == captions * sum(noun.frequency for noun in tiny_dictionary())
    for noun in tiny_dictionary():
        mine = [record for record in records if record["nouns"] == [noun.target_noun]]
        assert len(mine) == captions * noun.frequency
        for record in mine:
            assert record["weights"] == [1.0]
            assert any(form in record["text"] for form in (*noun.singulars, *noun.plurals))
            assert record["text"].endswith(".") and not set("{}") & set(record["text"])
            assert record["text"] == " ".join(record["text"].split())


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_sentences_of_every_kind_are_english(kind):
    """Every noun in front of a verb agrees with it, and articles fit what follows them."""
    dictionary = NounDictionary((object_noun(0, "hour hand", {"hour hand": 100}, {"hour hands": 100}, kind),))
    for record in stream(3, dictionary=dictionary):
        text, plural = record["text"], "hour hands" in record["text"]
        assert not re.search(r"\b(two|three|several|many|some) (\w+ ){0,2}hour hand\b", text)
        assert not re.search(r"\bhour hands is\b|\bhour hand are\b", text)
        for article, word in re.findall(r"\b(a|an) ([\w'-]+)", text):
            assert with_article(word).split()[0] == article, text
            assert not (plural and word == "hour"), text


def test_every_kind_has_sentences_and_phrases_of_its_own():
    for kind in KINDS:
        assert len(GRAMMAR.patterns_for(kind)) >= 20
        for slot in GRAMMAR.slots:
            assert len(GRAMMAR.phrases(slot, kind)) >= 4
    for kind in KINDS - {""}:
        assert set(GRAMMAR.phrases("place", kind)) > set(GRAMMAR.phrases("place", ""))


def test_the_file_names_known_fields_and_kinds_only():
    assert {field for text, _ in GRAMMAR.patterns for field in re.findall(r"{(.*?)}", text)} <= FIELDS
    assert all("{thing}" in text or "{the_thing}" in text for text, _ in GRAMMAR.patterns)
    named = {kind for _, kinds in GRAMMAR.patterns for kind in kinds}
    assert named | {kind for phrases in GRAMMAR.slots.values() for kind in phrases} <= KINDS | {"any"}
    assert all(phrases.get("any") for phrases in GRAMMAR.slots.values())
    every = [phrase for slot in GRAMMAR.slots.values() for phrases in slot.values() for phrase in phrases]
    assert [phrase for phrase in every if phrase != " ".join(phrase.split()) or set("{}.") & set(phrase)] == []


def test_the_noun_does_not_stand_beside_itself():
    dictionary = NounDictionary((object_noun(0, "dog", {"dog": 200}, {}, "animal"),))
    assert [record["text"] for record in stream(dictionary=dictionary) if record["text"].count("dog") != 1] == []


def test_captions_vary():
    dictionary = NounDictionary((object_noun(0, "teapot", {"teapot": 500}, {}),))
    assert len({record["text"] for record in stream(dictionary=dictionary)}) > 400


def test_a_seed_is_one_choice_whatever_stands_beside():
    assert list(stream(2, 1)) == list(stream(2, 1)) != list(stream(2, 2))

    def texts(dictionary):
        return sorted(record["text"] for record in stream(2, dictionary=dictionary))

    assert texts(tiny_dictionary()) == texts(tiny_dictionary(reverse=True))
