"""The embedded model as it ships: complete, small, licensed, and able to say what it was trained on."""

import json

import pytest

from novic_ros import decoding, embedding
from novic_ros.calibration import Calibrator
from novic_ros.vocabulary import Ancestors

MB = 1_000_000


@pytest.fixture(scope="module")
def folder(root):
    return root / "models" / "novic_mini"


def test_it_is_complete_and_small(folder):
    names = {path.name for path in folder.iterdir()}
    assert {"README.md", "open_clip_config.json", "open_clip_model.safetensors", "decoder.json",
            "decoder.safetensors", "LICENSE.wordnet", "hypernyms.safetensors", "calibration.json"} <= names
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 60 * MB


def test_labelling_reads_at_most_30_mb_of_weights(folder):
    embedder = embedding.load(f"local:{folder}", "cpu")
    assert 0 < embedder.weight_bytes_read + (folder / "decoder.safetensors").stat().st_size <= 30 * MB


def test_the_calibrator_was_fitted_for_this_decoder_and_its_hypernyms_can_be_said(folder):
    calibrator = Calibrator.load(folder)  # refuses one that was fitted for another decoder
    assert calibrator.prominence > 0 > calibrator.specificity
    assert calibrator.fitted["photos"] >= 500
    nouns = decoding.load(folder, "cpu").nouns
    ancestors = Ancestors.load(folder, nouns)
    assert (folder / "hypernyms.safetensors").stat().st_size < 1 * MB
    assert len(ancestors.classes) == 1000 and (ancestors.classes >= 0).all()
    assert not {"artifact", "whole", "entity", "object", "device", "organism", "unit"} & set(ancestors.said.values())
    above = {ancestors.said[m] for m in ancestors.above_of(ancestors.meaning_of("tabby")) if m in ancestors.said}
    assert {"cat", "feline", "mammal", "animal"} <= above


def test_the_decoder_is_novic_s_over_compact_tokens_and_many_nouns(folder):
    decoder = decoding.load(folder, "cpu")
    description = json.loads((folder / "decoder.json").read_text())
    assert len(decoder.nouns) >= 20_000
    assert description["token_ids"][0] == 49407 and description["token_ids"][1:] == sorted(description["token_ids"][1:])
    assert len(description["token_ids"]) == description["architecture"]["vocab_size"] < 20_000
    assert decoder.embedder_spec == "novic_mini"


def test_most_nouns_come_back_from_their_own_captions(folder):
    """Through both text halves: the text tower's vector of "a photo of a N", decoded, has N among ten labels."""
    embedder, decoder = embedding.load(f"local:{folder}", "cpu"), decoding.load(folder, "cpu")
    nouns = decoder.nouns[:2000:20]
    vectors = embedder.embed_texts([f"a photo of a {noun}" for noun in nouns])
    in_list = sum(noun in [found.text for found in row] for noun, row in zip(nouns, decoder.decode(vectors)))
    assert in_list >= 60, f"{in_list} of {len(nouns)} nouns are among the ten labels of their own caption"
