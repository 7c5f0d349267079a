"""The compact token vocabulary."""

import pytest

from novic_ros.decoding import DecodingError
from novic_ros.decoding.tokens import TokenVocabulary

PIECES = {5: "tea", 9: "pot</w>", 7: "cup</w>", 30: "tea</w>"}


@pytest.fixture
def vocabulary():
    return TokenVocabulary.of([[5, 9], [30, 7]], PIECES, end_id=49407)


def test_used_ids_rise_after_the_end_token(vocabulary):
    assert vocabulary.full_ids == (49407, 5, 7, 9, 30)
    assert len(vocabulary) == 5


def test_there_and_back(vocabulary):
    assert vocabulary.compact([5, 9]) == [1, 3, 0]
    assert vocabulary.text([1, 3, 0]) == "teapot"
    assert vocabulary.text([4, 2, 0, 1, 1]) == "tea cup"


@pytest.mark.parametrize("tokens", [[], [5, 8], [49407]])
def test_what_cannot_be_written_is_none(vocabulary, tokens):
    assert vocabulary.compact(tokens) is None


def test_texts_and_ids_must_match():
    with pytest.raises(DecodingError, match="as many texts as ids"):
        TokenVocabulary((1, 2), ("",))
