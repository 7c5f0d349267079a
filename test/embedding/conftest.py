"""Small open_clip model folders with random weights, made on the spot: nothing is downloaded."""

import json

import numpy as np
import pytest
import torch

from novic_ros.embedding import conse_tower
from novic_ros.embedding.quiet import quietly

TEXT = {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}
CLIP = {
    "model_cfg": {
        "embed_dim": 24,
        "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "head_width": 32, "patch_size": 16},
        "text_cfg": TEXT,
    },
    "preprocess_cfg": {
        "mean": [0.48145466, 0.4578275, 0.40821073],
        "std": [0.26862954, 0.26130258, 0.27577711],
        "interpolation": "bicubic",
        "resize_mode": "shortest",
    },
}
SIGLIP = {
    "model_cfg": {
        "embed_dim": 64,
        "init_logit_bias": -10,
        "custom_text": True,
        "vision_cfg": {
            "image_size": 160,
            "timm_model_name": "test_vit",
            "timm_model_pretrained": False,
            "timm_pool": "avg",
            "timm_proj": "none",
        },
        "text_cfg": {**TEXT, "no_causal_mask": True, "pool_type": "last", "proj_bias": True},
    },
    "preprocess_cfg": {
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "interpolation": "bicubic",
        "resize_mode": "squash",
    },
}


def write_model(folder, config, half=False, change=None):
    """Write open_clip_config.json and random weights (seed 0) into a folder; `change` edits the built model first."""
    from safetensors.torch import save_file

    conse_tower.register()
    import open_clip

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    with quietly():
        model = open_clip.create_model(f"local-dir:{folder}", load_weights=False).eval()
    if change:
        change(model)
    tensors = {
        name: (tensor.half() if half and tensor.is_floating_point() else tensor).contiguous()
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, str(folder / "open_clip_model.safetensors"))
    return folder


def liven_norms(model):
    """Give batch normalisations other statistics than those of a new model, and the head a table of unit vectors."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 2, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.5, generator=generator)
    trunk = conse_tower.trunk_of(model)
    trunk.classifier.fc.weight.data.normal_(0, 0.2, generator=generator)
    table = torch.randn((1000, trunk.num_classes), generator=generator)
    conse_tower.set_class_table(model, torch.nn.functional.normalize(table, dim=1))


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory):
    """A tiny CLIP-style model: plain text tower, ViT, shortest side then centre crop."""
    return write_model(tmp_path_factory.mktemp("clip"), CLIP)


@pytest.fixture(scope="session")
def siglip_folder(tmp_path_factory):
    """A tiny SigLIP-like model: timm image tower, custom text tower, logit bias, squashed images."""
    return write_model(tmp_path_factory.mktemp("siglip"), SIGLIP)


@pytest.fixture(scope="session")
def conse_folder(tmp_path_factory):
    """The embedded model's architecture at 64 pixels, random fp16 weights with lively normalisations."""
    config = conse_tower.build_open_clip_config(48, 16, 1, 2, 12, image_size=64)
    return write_model(tmp_path_factory.mktemp("conse"), config, half=True, change=liven_norms)


@pytest.fixture
def images():
    """Five RGB images of different shapes, reproducible."""
    random = np.random.default_rng(0)
    shapes = [(48, 64), (64, 48), (32, 32), (200, 31), (7, 90)]
    return [random.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
