"""Nouns as words: canonical spelling, lists and dictionaries in files, WordNet's hierarchy. No tensors, no images."""

from novic_ros.vocabulary.ancestors import Ancestors
from novic_ros.vocabulary.dictionary import NounDictionary, ObjectNoun
from novic_ros.vocabulary.dictionary_build import build_dictionary
from novic_ros.vocabulary.nouns import VocabularyError, canonical, read_nouns
from novic_ros.vocabulary.site import SiteVocabulary

__all__ = ["Ancestors", "NounDictionary", "ObjectNoun", "SiteVocabulary", "VocabularyError", "build_dictionary",
           "canonical", "read_nouns"]
