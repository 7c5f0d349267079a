"""Specs, model folders and weights: what loads, how much of it is read, and what is said where it does not."""

import json
import logging
import shutil
import struct
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file

from novic_ros.embedding import EmbeddingError, load

CONFIG, WEIGHTS = "open_clip_config.json", "open_clip_model.safetensors"


@pytest.fixture
def folder(clip_folder, tmp_path):
    """A copy of the tiny CLIP model that a test may break."""
    return shutil.copytree(clip_folder, tmp_path / "model")


def edit(folder, change):
    """Change the configuration of a model folder."""
    config = json.loads((folder / CONFIG).read_text())
    change(config)
    (folder / CONFIG).write_text(json.dumps(config))


def test_importing_the_library_is_cheap():
    code = (
        "import sys, novic_ros.embedding; "
        "print([name for name in ('open_clip', 'timm', 'torchvision', 'transformers') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("which", ["clip_folder", "siglip_folder", "conse_folder"])
def test_same_embeddings_as_stock_open_clip(which, request, images):
    folder = request.getfixturevalue(which)
    embedder = load(f"local:{folder}", device="cpu")
    import open_clip
    from PIL import Image

    model, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}")
    model.eval()
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
    assert (embedder.preprocess(images) - pixels).abs().max() <= 1e-6
    texts = ["bird feeder", "a photo of a fire extinguisher"]
    with torch.inference_mode():
        expected = model.encode_image(pixels, normalize=True)
        expected_texts = model.encode_text(
            open_clip.get_tokenizer(f"local-dir:{folder}")(texts), normalize=True
        )
    assert torch.allclose(embedder.embed_images(images).vectors, expected, atol=1e-5)
    assert torch.allclose(embedder.embed_texts(texts), expected_texts, atol=1e-5)
    assert (
        expected.std(dim=0).max() > 1e-3
    )  # else all images would look the same, and the comparison be worth little


@pytest.mark.parametrize("which", ["clip_folder", "siglip_folder", "conse_folder"])
def test_only_the_wanted_half_is_read(which, request, images):
    folder = request.getfixturevalue(which)
    sizes = {name: tensor.nbytes for name, tensor in load_file(folder / WEIGHTS).items()}
    image_half = sum(size for name, size in sizes.items() if name.startswith("visual."))
    embedder = load(f"local:{folder}", device="cpu")
    embedder.embed_images(images)
    assert embedder.weight_bytes_read == image_half > 0
    embedder.embed_texts(["bird"])
    embedder.embed_texts(["bird"])
    assert embedder.weight_bytes_read == sum(sizes.values())


def test_text_half_may_even_be_damaged(folder, images):
    """The sharper proof that it is not read: broken text weights do not show before a text is embedded."""
    tensors = load_file(folder / WEIGHTS)
    tensors["text_projection"] = torch.full_like(tensors["text_projection"], float("nan"))
    save_file(tensors, folder / WEIGHTS)
    embedder = load(f"local:{folder}", device="cpu")
    assert len(embedder.embed_images(images)) == 5
    with pytest.raises(EmbeddingError, match="weights are damaged"):
        embedder.embed_texts(["bird"])


def test_weights_vanish_before_the_first_text(folder):
    embedder = load(f"local:{folder}", device="cpu")
    (folder / WEIGHTS).unlink()
    with pytest.raises(EmbeddingError, match=f"{WEIGHTS}, found no such file"):
        embedder.embed_texts(["bird"])


def test_pickled_weights_are_read_whole(folder, clip_folder, images):
    torch.save(load_file(folder / WEIGHTS), folder / "open_clip_pytorch_model.bin")
    (folder / WEIGHTS).unlink()
    embedder = load(f"local:{folder}", device="cpu")
    assert embedder.weight_bytes_read is None
    stock = load(f"local:{clip_folder}", device="cpu")
    assert torch.allclose(
        embedder.embed_images(images).vectors, stock.embed_images(images).vectors, atol=1e-6
    )
    assert torch.allclose(embedder.embed_texts(["a"]), stock.embed_texts(["a"]), atol=1e-6)


def test_pickle_with_code_is_refused(folder, tmp_path):
    import pickle

    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "touched"), "w"))

    (folder / WEIGHTS).unlink()
    (folder / "open_clip_pytorch_model.bin").write_bytes(pickle.dumps({"state_dict": Evil()}))
    with pytest.raises(EmbeddingError, match="cannot load the model described by"):
        load(f"local:{folder}", device="cpu")
    assert not (tmp_path / "touched").exists()


def test_older_tensor_names_go_through_open_clip(folder, clip_folder, images):
    """A custom-text model saved under the plain names: open_clip knows how to read it."""
    edit(folder, lambda config: config["model_cfg"].update(custom_text=True))
    embedder = load(f"local:{folder}", device="cpu")
    stock = load(f"local:{clip_folder}", device="cpu")
    assert torch.allclose(
        embedder.embed_images(images).vectors, stock.embed_images(images).vectors, atol=1e-6
    )
    assert torch.allclose(embedder.embed_texts(["a"]), stock.embed_texts(["a"]), atol=1e-6)


def test_preferred_file_is_open_clips_choice(folder):
    shutil.copy(folder / WEIGHTS, folder / "a.safetensors")
    (folder / "a.safetensors").write_bytes(b"not this one")
    assert load(f"local:{folder}", device="cpu").weight_bytes_read > 0
    (folder / WEIGHTS).unlink()
    with pytest.raises(EmbeddingError, match="a.safetensors"):
        load(f"local:{folder}", device="cpu")


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "novic",
        "ViT-B-32",
        "clip:x/y",
        "openclip:",
        "local:",
        "local: ",
        "openclip:ViT-B-32",
        "openclip:a/b/c",
        None,
        3,
    ],
)
def test_spec_grammar(spec):
    with pytest.raises(EmbeddingError, match="openclip:ORG/NAME") as caught:
        load(spec, device="cpu")
    assert repr(spec) in str(caught.value)


def test_hub_names_cannot_leave_the_hub():
    with pytest.raises(EmbeddingError, match="openclip:ORG/NAME"):
        load("openclip:../../etc", device="cpu")


def test_no_such_folder(tmp_path):
    with pytest.raises(EmbeddingError, match="expected a model folder at .*nowhere"):
        load(f"local:{tmp_path / 'nowhere'}", device="cpu")


def test_embedded_model_missing(monkeypatch):
    from novic_ros import model_store

    def find_model(name):
        raise model_store.ModelNotFound(f"no {name} anywhere")

    monkeypatch.setattr(model_store, "find_model", find_model)
    with pytest.raises(EmbeddingError, match="no novic_mini anywhere"):
        load("novic_mini", device="cpu")


def test_embedded_model_is_found_by_the_store(monkeypatch, conse_folder, images):
    from novic_ros import model_store

    monkeypatch.setattr(model_store, "find_model", lambda name: {"novic_mini": conse_folder}[name])
    embedder = load("novic_mini", device="cpu")
    assert embedder.spec == "novic_mini" and embedder.width == 48
    assert embedder.embed_images(images).evidence is not None


def test_no_config(folder):
    (folder / CONFIG).unlink()
    with pytest.raises(EmbeddingError, match=f"expected .*{CONFIG}, found no such file"):
        load(f"local:{folder}", device="cpu")


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"model_cfg": {"embed_dim": 3}}', "\xff"])
def test_config_is_no_config(folder, text):
    (folder / CONFIG).write_bytes(text.encode("latin-1"))
    with pytest.raises(EmbeddingError, match=f"expected .*{CONFIG}"):
        load(f"local:{folder}", device="cpu")


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda config: config["model_cfg"].update(embed_dim=0), "positive embed_dim"),
        (lambda config: config["model_cfg"].update(embed_dim="24"), "positive embed_dim"),
        (lambda config: config.update(novic={"evidence": "maybe"}), "evidence"),
        (lambda config: config.update(novic="norm"), "evidence"),
        (lambda config: config["model_cfg"].update(surprise=1), "TypeError"),
        (
            lambda config: config["model_cfg"]["vision_cfg"].update(timm_model_name="no_such_net"),
            "no_such_net",
        ),
        (lambda config: config["preprocess_cfg"].update(resize_mode="crop"), "resize_mode"),
    ],
)
def test_config_that_cannot_be_used(folder, change, message):
    edit(folder, change)
    with pytest.raises(EmbeddingError, match=message):
        load(f"local:{folder}", device="cpu")


def test_no_weights(folder):
    (folder / WEIGHTS).unlink()
    with pytest.raises(EmbeddingError, match=f"expected the weights in .*{WEIGHTS}, found none"):
        load(f"local:{folder}", device="cpu")


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_truncated_weights(folder, keep):
    data = (folder / WEIGHTS).read_bytes()
    cut = data[: int(len(data) * keep) if isinstance(keep, float) else keep]
    (folder / WEIGHTS).write_bytes(cut)
    with pytest.raises(
        EmbeddingError, match=rf"{WEIGHTS}, found {len(cut)} bytes that cannot be read.*copy the model"
    ):
        load(f"local:{folder}", device="cpu")


def test_not_safetensors(folder):
    (folder / WEIGHTS).write_bytes(struct.pack("<Q", 2**60) + b"x" * 100)
    with pytest.raises(EmbeddingError, match="complete safetensors file"):
        load(f"local:{folder}", device="cpu")


def test_weights_of_another_model(folder, siglip_folder):
    shutil.copy(siglip_folder / WEIGHTS, folder / WEIGHTS)
    with pytest.raises(
        EmbeddingError, match=rf"{WEIGHTS} does not fit .*{CONFIG}.*missing such as.*unknown such as"
    ):
        load(f"local:{folder}", device="cpu")


def test_weights_of_another_width(folder):
    edit(folder, lambda config: config["model_cfg"].update(embed_dim=30))
    with pytest.raises(EmbeddingError, match=r"of another shape such as .*24.* for .*30"):
        load(f"local:{folder}", device="cpu")


def test_one_tensor_is_missing(folder):
    tensors = load_file(folder / WEIGHTS)
    del tensors["visual.proj"]
    save_file(tensors, folder / WEIGHTS)
    with pytest.raises(EmbeddingError, match="1 missing such as visual.proj"):
        load(f"local:{folder}", device="cpu")


@pytest.mark.parametrize("device", ["gpu", "cuda:99", "meta", "", 1.5])
def test_device_that_is_not_there(clip_folder, device):
    with pytest.raises(EmbeddingError, match="expected device auto, cpu, cuda"):
        load(f"local:{clip_folder}", device=device)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_wrong_threads(clip_folder, threads):
    with pytest.raises(EmbeddingError, match="whole number of at least 1"):
        load(f"local:{clip_folder}", device="cpu", threads=threads)


def test_threads(clip_folder):
    before = torch.get_num_threads()
    try:
        load(f"local:{clip_folder}", device="cpu", threads=1)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_device_auto(clip_folder):
    assert load(f"local:{clip_folder}").device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.gpu
def test_gpu_agrees_with_cpu(conse_folder, images):
    spec = f"local:{conse_folder}"
    on_cpu, on_gpu = (
        load(spec, device=device).embed_images(images).vectors.cpu() for device in ("cpu", "cuda")
    )
    assert (on_cpu * on_gpu).sum(dim=1).min() > 0.999


def test_loading_says_nothing(clip_folder, caplog, capfd):
    with caplog.at_level(logging.INFO):
        load(f"local:{clip_folder}", device="cpu").embed_texts(["bird"])
    assert [record.getMessage() for record in caplog.records] == []
    assert capfd.readouterr() == ("", "")


def test_missing_tokenizer_files(folder):
    edit(folder, lambda config: config["model_cfg"]["text_cfg"].update(hf_tokenizer_name="org/tokenizer"))
    embedder = load(f"local:{folder}", device="cpu")
    with pytest.raises(EmbeddingError, match="tokenizer of local:.* cannot be loaded"):
        embedder.tokenize(["bird"])


def test_tokenizer_of_the_folder(folder):
    """A model with a tokenizer of its own, as SigLIP has one: its files lie in the folder."""
    transformers = pytest.importorskip("transformers", reason="such tokenizers need transformers")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "bird": 2, "feeder": 3}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", unk_token="[UNK]")
    fast.save_pretrained(folder)
    edit(folder, lambda config: config["model_cfg"]["text_cfg"].update(hf_tokenizer_name="org/tokenizer"))
    embedder = load(f"local:{folder}", device="cpu")
    assert embedder.tokenize(["bird feeder", "cat"])[:, :3].tolist() == [[2, 3, 0], [1, 0, 0]]
    assert embedder.tokenize([]).shape == (0, 12)
    assert embedder.embed_texts(["bird feeder"]).shape == (1, 24)
