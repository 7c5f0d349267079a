"""Nouns as words: canonical spelling, noun lists in files, WordNet's hierarchy. Knows no tensors, tokens or images."""

from novic_ros.vocabulary.nouns import VocabularyError, canonical, read_nouns

__all__ = ["VocabularyError", "canonical", "read_nouns"]
