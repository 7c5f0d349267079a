"""Captions of templates, alone and in sets: counts, weights, articles, shuffles."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_dictionary import object_noun, tiny_dictionary

from novic_ros.training.articles import with_article
from novic_ros.training.caption_stream import CaptionStream, surface_forms
from novic_ros.training.noun_multisets import MULTI, multiset_blocks
from novic_ros.training.templates import CaptionError, parse_template
from novic_ros.vocabulary import NounDictionary, canonical

TEMPLATES = (parse_template("{article_noun}"), parse_template("a photo of the {noun}", 2),
             parse_template("one {singular} here", 3), parse_template("an image of many {plural}"))
SINGULAR, PLURAL = 11, 8  # sums of frequencies in the tiny dictionary


def stream(templates=TEMPLATES, multi=MULTI, seed=0, dictionary=None):
    return CaptionStream(multiset_blocks(dictionary or tiny_dictionary(), templates, multi, seed))


@st.composite
def small_dictionaries(draw):
    nouns = []
    for number in range(draw(st.integers(1, 5))):
        singulars = {f"s{number}{letter}": draw(st.integers(1, 4)) for letter in "ab"[:draw(st.integers(0, 2))]}
        plurals = {f"p{number}{letter}": draw(st.integers(1, 4))
                   for letter in "ab"[:draw(st.integers(0 if singulars else 1, 2))]}
        nouns.append(object_noun(number, f"n{number}", singulars, plurals))
    return NounDictionary(tuple(nouns))


@settings(deadline=None)
@given(small_dictionaries(), st.lists(st.integers(1, 3), min_size=4, max_size=4),
       st.lists(st.integers(0, 2), min_size=1, max_size=4), st.integers(0, 3))
def test_counts_weights_and_fields_of_any_dictionary(dictionary, frequencies, multi, seed):
    templates = [parse_template(template.text, frequency) for template, frequency in zip(TEMPLATES, frequencies)]
    made = stream(templates, multi, seed, dictionary)
    one, two, three, four = frequencies
    singular = sum(form.frequency for form in surface_forms(dictionary, False))
    plural = sum(form.frequency for form in surface_forms(dictionary, True))
    per_set = (one + two + three) * singular + (one + two + four) * plural
    assert made.counts() == {f"M{size}": per_set * times for size, times in enumerate(multi, 1) if per_set * times}
    records = list(made)
    assert len(records) == len(made) == per_set * sum(multi)
    targets = {noun.target_noun for noun in dictionary}
    for record in records:
        assert set(record) == {"text", "nouns", "weights"}
        assert sum(record["weights"]) == pytest.approx(1)
        assert record["weights"] == [1 / len(record["nouns"])] * len(record["nouns"])
        assert set(record["nouns"]) <= targets
        assert not set("{}") & set(record["text"])
        assert record["text"].endswith(".")


@settings(deadline=None)
@given(small_dictionaries(), st.integers(0, 3))
def test_every_form_once_per_template_and_frequency_in_every_place_of_every_set(dictionary, seed):
    """The shuffles are shuffles: each place of a set runs through the whole list of forms."""
    template = parse_template("{singular}")
    for size in (1, 2, 3):
        records = stream([template], [0] * (size - 1) + [1], seed, dictionary)
        expected = Counter({(form.text, form.target): form.frequency for form in surface_forms(dictionary, False)})
        for place in range(size):
            assert Counter((record["text"][:-1].split(" and ")[place], record["nouns"][place])
                           for record in records) == expected


def test_every_form_once_per_template_and_frequency():
    texts = Counter(record["text"] for record in stream(multi=[1]))
    assert texts["a photo of the dog."] == 2 * 3
    assert texts["one T shirt here."] == 3 * 1
    assert texts["an image of many scissors."] == 3
    assert texts["a rice."] == 2
    assert texts["an X-ray film."] == 1
    assert texts["scissors."] == 3
    assert sum(texts.values()) == len(stream(multi=[1])) == (1 + 2 + 3) * SINGULAR + (1 + 2 + 1) * PLURAL


def test_the_released_mixture_is_three_times_the_single_captions():
    assert MULTI == (1, 1, 1)
    assert len(stream()) == 3 * len(stream(multi=[1]))


def test_singular_and_plural_do_not_mix():
    singular = {form.text for form in surface_forms(tiny_dictionary(), False)}
    plural = {form.text for form in surface_forms(tiny_dictionary(), True)}
    for record in stream([parse_template("{noun}")], [0, 1, 1, 1]):
        forms = set(record["text"][:-1].split(" and "))
        assert forms <= singular or forms <= plural


def test_every_singular_noun_has_its_own_article():
    for record in stream([parse_template("{article_singular}")], [0, 0, 1]):
        assert record["text"][:-1].split(" and ") == [
            with_article(part.split(" ", 1)[1]) for part in record["text"][:-1].split(" and ")]
    assert not [record for record in stream([TEMPLATES[0]], [0, 1]) if record["text"].startswith(("a dogs", "a sc"))]


def test_targets_follow_the_nouns_in_the_text():
    targets = {form.text: form.target for plural in (False, True) for form in surface_forms(tiny_dictionary(), plural)}
    for record in stream([parse_template("{noun}")], [0, 0, 1]):
        assert [targets[text] for text in record["text"][:-1].split(" and ")] == record["nouns"]
        assert all(canonical(noun) == noun for noun in record["nouns"])


def test_a_seed_is_one_order():
    assert list(stream(seed=1)) == list(stream(seed=1))
    assert list(stream(seed=1)) != list(stream(seed=2))
    assert Counter(record["text"] for record in stream(multi=[1], seed=1)) == Counter(
        record["text"] for record in stream(multi=[1], seed=2))


def test_repetitions_and_copies_of_a_template_are_shuffled_anew():
    assert len({tuple(record["text"] for record in block)
                for block in multiset_blocks(tiny_dictionary(), [parse_template("{singular}", 2)], [0, 2])}) == 4


def test_neither_the_order_of_nouns_nor_other_templates_matter():
    def texts(**changes):
        return sorted((record["text"], record["nouns"]) for record in stream(**changes))

    assert texts() == texts(dictionary=tiny_dictionary(reverse=True)) == texts(templates=TEMPLATES[::-1])
    alone = texts(templates=[TEMPLATES[2]])
    assert [text for text in texts() if text[0].endswith("here.")] == alone


@pytest.mark.parametrize("multi", [[-1], [1, 0.5], ["1"], [True]])
def test_other_numbers_of_times_are_refused(multi):
    with pytest.raises(CaptionError, match="multisets: expected whole numbers from 0"):
        list(multiset_blocks(tiny_dictionary(), TEMPLATES, multi))


def test_a_dictionary_without_plurals():
    only = NounDictionary((object_noun(0, "rice", {"rice": 2}, {}),))
    assert [record["text"] for record in stream([parse_template("{noun}")], [1], dictionary=only)] == ["rice.", "rice."]
