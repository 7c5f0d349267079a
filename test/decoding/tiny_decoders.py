"""A tiny tokenizer, and decoders that speak its nouns, for the tests of this folder. Their weights mean nothing."""

import torch
from variants import random_model

from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.tokens import TokenVocabulary

NOUNS = ("cat", "tea", "teapot", "tea cup", "cats tail", "pot of tea", "dog", "hot dog stand")
SPEC = "openclip:nobody/nothing"
SIZE, END_ID, PAD_ID = 1000, 900, 901


class TinyTokenizer:
    """Splits words into pieces that are spelled out here; "pot" continues the word before it."""

    size, end_id = SIZE, END_ID
    words = {"cat": [31], "tea": [7], "teapot": [8, 32], "cup": [500], "cats": [30], "tail": [29], "pot": [11],
             "of": [4], "dog": [33], "hot": [12], "stand": [13, 14]}
    spelled = {4: "of ", 7: "tea ", 8: "tea", 11: "pot ", 12: "hot ", 13: "sta", 14: "nd ", 29: "tail ", 30: "cats ",
               31: "cat ", 32: "pot ", 33: "dog ", 500: "cup ", 601: "a ", 602: "b ", 603: "c "}

    def content_tokens(self, texts):
        """Words that are not known become the id 999."""
        return [[token for word in text.split() for token in self.words.get(word, [999])] for text in texts]

    def pieces(self, ids):
        """Texts of ids."""
        return {one: self.spelled[one] for one in ids}


def find_tiny_tokenizer(spec, size, special_ids):
    """What `read_authors` calls."""
    return TinyTokenizer()


def tiny_checkpoint(arch, nouns=NOUNS, spec=SPEC, provenance=None):
    """A decoder of an architecture (with 17 tokens, of which the nouns use 14) that speaks `nouns`."""
    tokenizer = TinyTokenizer()
    full_ids = (PAD_ID, *sorted(tokenizer.spelled))
    pieces = ("", *(tokenizer.spelled[one] for one in full_ids[1:]))
    vocabulary = TokenVocabulary(full_ids, pieces, (END_ID, PAD_ID), SIZE)
    rows = tuple(tuple(vocabulary.compact(ids)) for ids in tokenizer.content_tokens(nouns))
    return Checkpoint(random_model(arch), spec, tuple(nouns), rows, vocabulary, NounTrie.build(rows), provenance or {})


def content_of(path):
    """What an authors' file holds."""
    return torch.load(path, weights_only=True)
