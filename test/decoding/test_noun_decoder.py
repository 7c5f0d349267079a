"""The library's face: guide lists, atomic swaps, and errors for vectors that make no sense."""

import logging
import threading

import pytest
import torch

from novic_ros.decoding import DecodingError, NounDecoder
from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.tokens import TokenVocabulary

NOUNS = ("cat", "tea", "teapot", "tea-cup", "cat's tail")
TOKENS = ((1, 0), (2, 0), (3, 4, 0), (2, 5, 0), (6, 7, 0))
VOCABULARY = TokenVocabulary((900, 1, 2, 3, 4, 5, 6, 7),
                             ("", "cat ", "tea ", "tea", "pot ", "cup ", "cats ", "tail "))
TOKENIZER = {"cat": 1, "tea": 2, "pot": 4, "cup": 5, "cats": 6, "tail": 7}


class Words:
    """A tokenizer of whole words."""

    def content_tokens(self, texts):
        return [[TOKENIZER.get(word, 99) for word in text.split()] for text in texts]


def tiny_checkpoint():
    torch.manual_seed(0)
    model = ObjectDecoder(Architecture(embed_dim=6, vocab_size=8, max_tokens=4, hidden_dim=8, feedfwd_dim=8,
                                       num_layers=1, num_heads=2, prefix_length=2)).eval()
    return Checkpoint(model, "local:nowhere", NOUNS, TOKENS, VOCABULARY, NounTrie.build(TOKENS), {"made_by": "a test"})


@pytest.fixture
def decoder():
    return NounDecoder(tiny_checkpoint(), find_tokenizer=lambda spec, size, special_ids: Words())


def texts(decoder, seed=0):
    torch.manual_seed(seed)
    return [{found.text for found in row} for row in decoder.decode(torch.randn(4, 6))]


def test_says_all_nouns_and_only_nouns(decoder):
    assert texts(decoder) == [set(NOUNS)] * 4
    assert decoder.guide == decoder.nouns == NOUNS
    assert (decoder.width, decoder.embedder_spec) == (6, "local:nowhere")


def test_scores_fall(decoder):
    for row in decoder.decode(torch.randn(4, 6)):
        assert [found.score for found in row] == sorted((found.score for found in row), reverse=True)


def test_guide_restricts_and_keeps_the_spelling_given(decoder):
    decoder.set_guide(["Tea cup", "CATS TAIL"])
    assert texts(decoder) == [{"Tea cup", "CATS TAIL"}] * 4
    decoder.set_guide(None)
    assert texts(decoder) == [set(NOUNS)] * 4


def test_encodable_newcomer_is_allowed_with_a_warning(decoder, caplog):
    with caplog.at_level(logging.WARNING):
        decoder.set_guide(["cat", "cat cup"])
    assert "cat cup" in caplog.text
    assert texts(decoder) == [{"cat", "cat cup"}] * 4


def test_all_complaints_at_once_and_the_old_guide_stays(decoder):
    decoder.set_guide(["cat"])
    with pytest.raises(DecodingError) as error:
        decoder.set_guide(["tea", "TEA", "quark", "cat tea cup pot", ""])
    for part in ("'TEA' is there twice", "'quark'", "'cat tea cup pot' has 5 tokens, at most 4", "'' needs"):
        assert part in str(error.value)
    assert decoder.guide == ("cat",)


def test_a_compiled_guide_holds_for_the_calls_that_are_given_it(decoder):
    guide = decoder.compile_guide(["cat", "Cat cup"])
    assert (guide.nouns, guide.newcomers) == (("cat", "Cat cup"), ("Cat cup",))
    torch.manual_seed(0)
    vectors = torch.randn(4, 6)
    assert [{found.text for found in row} for row in decoder.decode(vectors, guide=guide)] == [{"cat", "Cat cup"}] * 4
    assert decoder.guide == NOUNS and texts(decoder) == [set(NOUNS)] * 4
    decoder.set_guide(["tea"])
    assert decoder.compile_guide(None).nouns == NOUNS
    everything = decoder.decode(vectors, guide=decoder.compile_guide(None))
    assert [{found.text for found in row} for row in everything] == [set(NOUNS)] * 4
    decoder.set_guide(["cat", "Cat cup"])
    assert decoder.decode(vectors) == decoder.decode(vectors, guide=guide)


def test_knows_its_nouns_however_they_are_spelled(decoder):
    assert decoder.knows("tea-cup") and decoder.knows("Tea Cup") and decoder.knows("cats tail")
    decoder.set_guide(["cat cup"])
    assert not decoder.knows("cat cup") and not decoder.knows("") and decoder.knows("cat")


def test_empty_guide_is_refused(decoder):
    with pytest.raises(DecodingError, match="at least one noun"):
        decoder.set_guide([])


def test_newcomer_without_tokenizer_says_so():
    with pytest.raises(DecodingError, match="the tokenizer of its nouns is not at hand: .*nowhere"):
        NounDecoder(tiny_checkpoint()).set_guide(["unicorn"])


@pytest.mark.parametrize("vectors, complaint", [
    (torch.zeros(6), r"\[B, 6\]"), (torch.zeros(2, 5), r"\[2, 5\]"), (torch.full((1, 6), torch.nan), "NaN"),
])
def test_bad_vectors(decoder, vectors, complaint):
    with pytest.raises(DecodingError, match=complaint):
        decoder.decode(vectors)


def test_swaps_while_decoding_are_never_mixed(decoder):
    """Each call answers from one guide list, whole, whatever another thread does meanwhile."""
    lists = [["cat", "tea"], ["teapot", "tea-cup", "cat's tail"]]
    stop = threading.Event()

    def swap():
        while not stop.is_set():
            for nouns in lists:
                decoder.set_guide(nouns)

    decoder.set_guide(lists[0])
    swapper = threading.Thread(target=swap)
    swapper.start()
    try:
        seen = [frozenset(found.text for found in row) for _ in range(150) for row in decoder.decode(torch.randn(1, 6))]
    finally:
        stop.set()
        swapper.join()
    assert set(seen) <= {frozenset(nouns) for nouns in lists}
    assert len(seen) == 150
