"""The logarithmic frequency scale, and what happens without the package that has the counts."""

import math
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.vocabulary import VocabularyError
from novic_ros.vocabulary.word_frequency import (
    PHRASE_ZIPF,
    RARE_ZIPF,
    STEP,
    english_zipf,
    noun_frequency,
    noun_zipf,
)

ZIPFS = st.floats(0, 8)


@settings(deadline=None)
@given(ZIPFS)
def test_frequencies_are_whole_and_start_at_one(zipf):
    assert noun_frequency(zipf) >= 1
    assert isinstance(noun_frequency(zipf), int)
    assert (noun_frequency(zipf) == 1) == (zipf <= RARE_ZIPF + STEP / 2) or math.isclose(zipf, RARE_ZIPF + STEP / 2)


@settings(deadline=None)
@given(ZIPFS, ZIPFS)
def test_a_more_common_noun_has_no_lower_frequency(one, other):
    assert (noun_frequency(one) <= noun_frequency(other)) or one > other


def test_two_steps_are_a_doubling():
    for steps in range(10):
        assert noun_frequency(RARE_ZIPF + steps * math.log10(2)) == 1 + 2 * steps


def test_a_phrase_is_rarer_than_guessed_and_never_very_common():
    assert noun_zipf("fire engine", lambda text: 3.0) == 2.0
    assert noun_zipf("fire-engine red", lambda text: 3.0) == 1.0
    assert noun_zipf("fire engine", lambda text: 7.0) == PHRASE_ZIPF
    assert noun_zipf("engine", lambda text: 7.0) == 7.0
    assert noun_zipf("very long name of it", lambda text: 1.0) == 0.0


@settings(deadline=None)
@given(ZIPFS, st.integers(0, 20))
def test_meanings_share_a_word(zipf, rank):
    assert noun_zipf("mouse", lambda text: zipf, rank) == pytest.approx(max(zipf - math.log10(rank + 1), 0))


def test_english_words():
    pytest.importorskip("wordfreq")
    assert english_zipf("dog") > english_zipf("teapot") > english_zipf("zzgzzq") == 0


def test_a_missing_package_is_named_with_a_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "wordfreq", None)
    english_zipf.cache_clear()
    with pytest.raises(VocabularyError, match="pip install 'wordfreq"):
        english_zipf("dog")
