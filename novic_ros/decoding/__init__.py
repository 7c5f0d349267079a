"""Embedding vectors in, nouns out: NOVIC's object decoder with its search. Knows no images and no encoder."""

from novic_ros.decoding.conversion import export_checkpoint, import_checkpoint
from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.noun_decoder import Guide, Hypothesis, NounDecoder, load

__all__ = ["DecodingError", "Guide", "Hypothesis", "NounDecoder", "export_checkpoint", "import_checkpoint", "load"]
