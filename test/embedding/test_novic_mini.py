"""The embedded model itself, where its weights are in the checkout."""

import numpy as np
import pytest
import torch

from novic_ros.embedding import load

MODEL = "models/novic_mini/open_clip_model.safetensors"


@pytest.fixture(scope="module")
def folder(root):
    if not (root / MODEL).is_file():
        pytest.skip(f"{MODEL} is not here: make train-mini builds it")
    return (root / MODEL).parent


@pytest.fixture(scope="module")
def mini(folder):
    return load(f"local:{folder}", device="cpu")


@pytest.fixture(scope="module")
def pictures():
    random = np.random.default_rng(0)
    smooth = random.integers(0, 256, (6, 8, 3), np.uint8).repeat(60, axis=0).repeat(80, axis=1)
    return [smooth, random.integers(0, 256, (480, 640, 3), np.uint8), np.zeros((480, 640, 3), np.uint8)]


def test_found_by_name(folder):
    assert load("novic_mini", device="cpu").spec == "novic_mini"


def test_reads_little(folder):
    embedder = load(f"local:{folder}", device="cpu")
    assert 10e6 < embedder.weight_bytes_read < 20e6


def test_embeds_as_stock_open_clip(mini, folder, pictures):
    import open_clip

    model = open_clip.create_model(f"local-dir:{folder}").eval()
    texts = ["dog", "a photo of a fire engine"]
    with torch.inference_mode():
        expected = model.encode_image(mini.preprocess(pictures), normalize=True)
        expected_texts = model.encode_text(mini.tokenize(texts), normalize=True)
    assert (mini.embed_images(pictures).vectors * expected).sum(dim=1).min() > 0.9999
    assert (mini.embed_texts(texts) * expected_texts).sum(dim=1).min() > 0.9999


def test_has_evidence(mini, pictures):
    evidence = mini.embed_images(pictures).evidence
    assert ((evidence > 0) & (evidence <= 1)).all()


def test_kindred_nouns_are_close(mini):
    dog, wolf, teapot = mini.embed_texts(["dog", "wolf", "teapot"])
    assert dog @ wolf > dog @ teapot
