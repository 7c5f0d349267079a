"""What an embedder returns, in which shape, and what it refuses."""

import threading

import numpy as np
import pytest
import torch

from novic_ros.embedding import EmbeddingError, Embeddings, load


@pytest.fixture(scope="module")
def clip(clip_folder):
    return load(f"local:{clip_folder}", device="cpu")


@pytest.fixture(scope="module")
def conse(conse_folder):
    return load(f"local:{conse_folder}", device="cpu")


def test_images_to_unit_vectors(clip, images):
    result = clip.embed_images(images)
    assert result.vectors.shape == (5, clip.width) == (len(result), 24)
    assert result.vectors.dtype == torch.float32
    assert torch.allclose(result.vectors.norm(dim=1), torch.ones(5), atol=1e-5)
    assert result.evidence is None


def test_evidence_is_the_length_of_the_mixture(conse, conse_folder, images):
    result = conse.embed_images(images)
    assert result.evidence.shape == (5,) and result.evidence.dtype == torch.float32
    assert ((result.evidence > 0) & (result.evidence <= 1)).all()
    import open_clip

    model = open_clip.create_model(f"local-dir:{conse_folder}").eval()
    with torch.inference_mode():
        mixture = model.encode_image(conse.preprocess(images))
    assert torch.allclose(result.evidence, mixture.norm(dim=1), atol=1e-5)


@pytest.mark.parametrize("which", ["clip", "conse"])
def test_nothing_in_nothing_out(which, request):
    embedder = request.getfixturevalue(which)
    empty = embedder.embed_images([])
    assert empty.vectors.shape == (0, embedder.width)
    assert (empty.evidence is None) == (which == "clip")
    assert which == "clip" or empty.evidence.shape == (0,)
    assert embedder.embed_texts([]).shape == (0, embedder.width)
    assert embedder.tokenize([]).shape == (0, 12)
    assert embedder.tokenize([]).dtype == torch.int64


def test_batches_do_not_change_results(conse, images, monkeypatch):
    from novic_ros.embedding import embedder

    many = images * 3
    whole = conse.embed_images(many)
    monkeypatch.setattr(embedder, "_IMAGES_AT_ONCE", {"cpu": 4})
    parts = conse.embed_images(many)
    assert torch.allclose(whole.vectors, parts.vectors, atol=1e-5)
    assert torch.allclose(whole.evidence, parts.evidence, atol=1e-5)
    assert torch.allclose(parts.vectors[:5], parts.vectors[10:], atol=1e-5)


def test_two_steps_equal_one(clip, images):
    pixels = clip.preprocess(images)
    assert pixels.shape == (5, 3, 32, 32)
    assert torch.equal(clip.embed_pixels(pixels).vectors, clip.embed_images(images).vectors)


def test_texts_in_batches(clip, monkeypatch):
    from novic_ros.embedding import embedder

    texts = [f"a photo of the number {number}" for number in range(11)]
    whole = clip.embed_texts(texts)
    assert whole.shape == (11, 24) and whole.dtype == torch.float32
    assert torch.allclose(whole.norm(dim=1), torch.ones(11), atol=1e-5)
    monkeypatch.setattr(embedder, "_TEXTS_AT_ONCE", 4)
    assert torch.allclose(clip.embed_texts(tuple(texts)), whole, atol=1e-5)
    assert not torch.allclose(whole[0], whole[1], atol=1e-3)


def test_tokens_are_open_clips(clip, clip_folder):
    import open_clip

    texts = ["bird feeder", "", "a very long text " * 20]
    expected = open_clip.get_tokenizer(f"local-dir:{clip_folder}")(texts)
    assert torch.equal(clip.tokenize(texts), expected)


def test_results_can_be_trained_on(clip, images):
    layer = torch.nn.Linear(24, 3)
    (layer(clip.embed_texts(["bird"])).sum() + layer(clip.embed_images(images).vectors).sum()).backward()
    assert layer.weight.grad.abs().sum() > 0


def test_first_texts_from_many_threads(clip_folder):
    embedder = load(f"local:{clip_folder}", device="cpu")
    before = embedder.weight_bytes_read
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(embedder.embed_texts(["dog"]))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    text_bytes = embedder.weight_bytes_read - before
    assert len(results) == 4 and all(torch.allclose(results[0], result) for result in results)
    embedder.embed_texts(["cat"])
    assert embedder.weight_bytes_read - before == text_bytes > 0  # read once


@pytest.mark.parametrize(
    "wrong, message", [("dog", "single string"), ([1], "int at place 0"), (["a", None], "place 1")]
)
def test_what_is_no_list_of_texts(clip, wrong, message):
    for method in (clip.embed_texts, clip.tokenize):
        with pytest.raises(EmbeddingError, match=message):
            method(wrong)


@pytest.mark.parametrize("shape", [(1, 3, 16, 16), (3, 32, 32), (1, 1, 32, 32)])
def test_wrong_pixels(clip, shape):
    with pytest.raises(EmbeddingError, match=r"expected pixels \[B, 3, 32, 32\]"):
        clip.embed_pixels(torch.zeros(shape))


def test_damaged_weights_do_not_become_labels(clip):
    pixels = torch.full((1, 3, 32, 32), float("nan"))
    with pytest.raises(EmbeddingError, match="weights are damaged"):
        clip.embed_pixels(pixels)


def test_wrong_image_names_its_place(clip, images):
    with pytest.raises(EmbeddingError, match="at place 1"):
        clip.embed_images([images[0], np.zeros((3, 3), np.uint8)])


@pytest.mark.parametrize(
    "vectors, evidence, message",
    [
        (torch.ones(2, 4), None, "unit vectors"),
        (torch.zeros(1, 4), None, "unit vectors"),
        (torch.eye(4).double(), None, "float32"),
        (torch.ones(4), None, r"\[B, F\]"),
        (torch.eye(4), torch.ones(3), "evidence float32"),
        (torch.eye(4), torch.ones(4).double(), "evidence float32"),
        (torch.eye(4), torch.full((4,), 1.5), r"in \[0, 1\]"),
        (torch.eye(4), torch.full((4,), float("nan")), r"in \[0, 1\]"),
    ],
)
def test_embeddings_check_themselves(vectors, evidence, message):
    with pytest.raises(EmbeddingError, match=message):
        Embeddings(vectors, evidence)


def test_repr_says_what_it_is(clip, clip_folder):
    assert repr(clip) == f"Embedder('local:{clip_folder}', width=24, device='cpu')"


# ---- classes: what a calibrator reads -----------------------------------------------------------------------------


def test_an_encoder_with_classes_tells_them(conse, conse_folder, images):
    from novic_ros.embedding import conse_tower

    result = conse.embed_images(images)
    import open_clip

    model = open_clip.create_model(f"local-dir:{conse_folder}").eval()
    with torch.inference_mode():
        logits = conse_tower.class_logits(model, conse.preprocess(images))
    assert torch.allclose(result.classes, (logits / 0.7).softmax(-1), atol=1e-4)
    expected = (logits.amax(1) - logits.mean(1)) / logits.std(1, correction=0)
    assert torch.allclose(result.prominence, expected, atol=1e-3)
    assert (result.prominence > 1).all()


def test_prominence_does_not_change_when_logits_are_scaled():
    from novic_ros.embedding.conse_tower import ConSEHead

    torch.manual_seed(0)
    head = ConSEHead(8, 5, 3)
    head.with_classes = True
    features = torch.randn(2, 8)
    before = head(features)
    assert before.shape == (2, 3 + 1 + 5)
    with torch.no_grad():
        head.fc.weight.mul_(4)
        head.fc.bias.mul_(4)
    after = head(features)
    assert torch.allclose(before[:, 3], after[:, 3], atol=1e-5)
    assert not torch.allclose(before[:, 4:], after[:, 4:], atol=1e-2)
    with torch.no_grad():
        head.fc.weight.zero_()
        head.fc.bias.zero_()
    assert torch.equal(head(features)[:, 3], torch.zeros(2))  # nothing stands out, and nothing is NaN


def test_other_encoders_have_none(clip, images):
    result = clip.embed_images(images)
    assert (result.prominence, result.classes) == (None, None)


def test_batches_do_not_change_classes(conse, images, monkeypatch):
    from novic_ros.embedding import embedder

    whole = conse.embed_images(images * 2)
    monkeypatch.setattr(embedder, "_IMAGES_AT_ONCE", {"cpu": 4})
    parts = conse.embed_images(images * 2)
    assert torch.allclose(whole.prominence, parts.prominence, atol=1e-4)
    assert torch.allclose(whole.classes, parts.classes, atol=1e-5)


def test_the_whole_image_is_squeezed_in(conse):
    """A wide image, black but for its left edge: the middle square does not show the edge, the whole does."""
    wide = np.zeros((40, 120, 3), np.uint8)
    wide[:, :10] = 255
    middle, whole = conse.preprocess([wide]), conse.preprocess([wide], whole=True)
    assert middle.shape == whole.shape
    assert middle.unique().numel() == 1
    assert whole[..., 0].mean() > 0.9 > whole[..., -1].mean()
    square = wide[:, :40]
    assert torch.equal(conse.preprocess([square]), conse.preprocess([square], whole=True))


def test_two_looks_are_averaged(conse, clip, images):
    for embedder in (conse, clip):
        one, other = embedder.embed_images(images), embedder.embed_images(images[::-1])
        mean = one.averaged_with(other)
        assert torch.allclose(mean.vectors, other.averaged_with(one).vectors, atol=1e-6)
        again = one.averaged_with(one)
        assert torch.allclose(again.vectors, one.vectors, atol=1e-5)
    one, other = conse.embed_images(images), conse.embed_images(images[::-1])
    mean = one.averaged_with(other)
    assert torch.allclose(mean.classes, (one.classes + other.classes) / 2)
    assert torch.allclose(mean.prominence, (one.prominence + other.prominence) / 2)
    mixture = (one.vectors * one.evidence[:, None] + other.vectors * other.evidence[:, None]) / 2
    assert torch.allclose(mean.evidence, mixture.norm(dim=1), atol=1e-6)
    assert torch.allclose(mean.vectors, mixture / mixture.norm(dim=1, keepdim=True), atol=1e-5)


@pytest.mark.parametrize("extra, message", [
    ({"prominence": torch.ones(3)}, "prominence float32"),
    ({"prominence": torch.ones(4).double()}, "prominence float32"),
    ({"classes": torch.ones(3, 7)}, r"classes \[4, C\]"), ({"classes": torch.ones(4)}, r"classes \[4, C\]")])
def test_classes_check_themselves(extra, message):
    with pytest.raises(EmbeddingError, match=message):
        Embeddings(torch.eye(4), **extra)
