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


def test_blanks_at_either_border_of_a_word():
    """CLIP marks where words end, SentencePiece where they begin; both spell the same text."""
    clip = TokenVocabulary.of([[1, 2]], {1: "tea", 2: "pot</w>", 3: "fire</w>"}, 9)
    sentence = TokenVocabulary.of([[1, 2, 3]], {1: "▁tea", 2: "pot", 3: "▁fire"}, 9)
    assert clip.text([1, 2, 0]) == sentence.text([1, 2, 0]) == "teapot"
    assert sentence.text([1, 2, 3, 1, 0, 2]) == "teapot fire tea"


def test_end_and_size_are_kept(vocabulary):
    assert (vocabulary.end_ids, vocabulary.tokenizer_size) == ((49407,), 0)
    assert TokenVocabulary.of([[5]], PIECES, 49407, 49408).tokenizer_size == 49408
    assert TokenVocabulary((5, 6), ("", "x"), (4, 5)).end_ids == (4, 5)
