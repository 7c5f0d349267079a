"""The image tower of the embedded model: EfficientNet-Lite2 with a ConSE head, as a timm model that open_clip
can build.

ConSE (Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings", ICLR 2014, section
3) embeds an image as the mean of the unit text vectors of the classes that a classifier knows, weighted with
its class probabilities. The direction of that mean says what the image shows; its length, in [0, 1], says how
much the classes that share the mass agree, and serves as the evidence behind a label. A third thing is read off the
classifier: how far its best class stands out from the other 999, the prominence (`ConSEHead`).

This file defines the tower, its open_clip configuration and how the trained trunk gets into it. It is NOT a
loader of model folders (embedder.py), nor does it train or choose the class table (training/). timm is
imported on first use only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

TOWER_NAME = "novic_conse_lite2"
TRUNK_NAME = "tf_efficientnet_lite2"
CLASSES = 1000  # ImageNet-1k, in the order of its sorted WordNet ids, as in timm
TEMPERATURE = 0.7
CONFIG_KEY = "novic"  # our own top-level key in open_clip_config.json, which open_clip does not read


class ConSEHead(nn.Module):
    """Class features to a convex combination of class vectors (Norouzi et al. 2014, equation 2, over all
    classes).

    Args:
        in_features: width of the trunk's pooled features.
        classes: number of classes the trunk was trained on.
        width: F, width of the class vectors.
        temperature: divides the logits before the softmax; below 1 sharpens.

    Attributes:
        with_classes: also give the prominence and the class probabilities. The prominence says how many standard
            deviations (over the classes) the largest logit lies above their mean: about 3 where none stands out,
            more than 10 where one surely does. It tells known things from unknown ones better than probabilities
            do, as it does not change when all logits are scaled. False as open_clip builds the head, so that its
            result has the width that open_clip expects.
    """

    def __init__(self, in_features: int, classes: int, width: int, temperature: float = TEMPERATURE) -> None:
        super().__init__()
        self.fc = nn.Linear(in_features, classes)
        self.register_buffer("tau", torch.tensor(float(temperature)))
        self.proj = nn.Linear(classes, width, bias=False)
        self.with_classes = False

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Pooled features [B, in_features] to the trained classifier's raw logits [B, classes]."""
        return self.fc(features)

    def probabilities(self, features: torch.Tensor) -> torch.Tensor:
        """Pooled features [B, in_features] to class probabilities [B, classes] at the head's temperature."""
        return (self.logits(features) / self.tau).softmax(-1)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Pooled features [B, in_features] to un-normalised embeddings [B, F], of length 0 to 1.

        Where `with_classes` is set, prominence and class probabilities follow: [B, F + 1 + classes].
        """
        logits = self.logits(features)
        probabilities = (logits / self.tau).softmax(-1)
        vectors = self.proj(probabilities)
        if not self.with_classes:
            return vectors
        spread, mean = torch.std_mean(logits, dim=-1, correction=0)
        prominence = (logits.amax(dim=-1) - mean) / spread.clamp_min(1e-12)
        return torch.cat([vectors, prominence[:, None], probabilities], dim=-1)


def register() -> None:
    """Make `novic_conse_lite2` known to timm, so that open_clip can build it by name. Safe to call again.

    Raises:
        ImportError: timm or torchvision is not installed.
    """
    from novic_ros.embedding.torchvision_compat import ensure_importable

    ensure_importable()
    import timm
    from timm.models import register_model

    if not timm.is_model(TOWER_NAME):
        register_model(novic_conse_lite2)


def novic_conse_lite2(pretrained: bool = False, num_classes: int = CLASSES, **kwargs: Any) -> nn.Module:
    """timm entry point: the EfficientNet-Lite2 trunk with a `ConSEHead` of width `num_classes` as its
    classifier.

    Args:
        pretrained: must be False; the weights come with the model folder.
        num_classes: F, the embedding width (open_clip passes its embed_dim here where `timm_proj` is empty).
        kwargs: further arguments of timm's `tf_efficientnet_lite2`.

    Raises:
        ValueError: `pretrained` is set, or the width is not positive.
    """
    from timm.models.efficientnet import tf_efficientnet_lite2

    if pretrained:
        raise ValueError(
            f"{TOWER_NAME} has no downloadable weights: build it with pretrained=False and load a folder"
        )
    if num_classes < 1:
        raise ValueError(
            f"{TOWER_NAME} needs an embedding width of at least 1, got {num_classes}: set embed_dim"
        )
    trunk = tf_efficientnet_lite2(pretrained=False, num_classes=0, **kwargs)
    trunk.classifier = ConSEHead(trunk.num_features, CLASSES, num_classes)
    trunk.num_classes = num_classes
    return trunk


def build_open_clip_config(
    embed_dim: int,
    text_width: int,
    text_layers: int,
    text_heads: int,
    context_length: int,
    image_size: int = 260,
    vocab_size: int = 49408,
) -> dict[str, Any]:
    """The content of open_clip_config.json for a model with this image tower.

    Args:
        embed_dim: F, width of the shared space.
        text_width, text_layers, text_heads, context_length, vocab_size: open_clip's text transformer over
            CLIP's tokens.
        image_size: side of the square input in pixels; 260 is what the trunk was trained for.

    Returns:
        dict with `model_cfg` and `preprocess_cfg` (open_clip's) and `novic` (ours; open_clip ignores it).
    """
    return {
        "model_cfg": {
            "embed_dim": embed_dim,
            "custom_text": True,
            "vision_cfg": {
                "timm_model_name": TOWER_NAME,
                "timm_model_pretrained": False,
                "timm_pool": "avg",
                "timm_proj": "",
                "image_size": image_size,
            },
            "text_cfg": {
                "context_length": context_length,
                "vocab_size": vocab_size,
                "width": text_width,
                "heads": text_heads,
                "layers": text_layers,
            },
        },
        "preprocess_cfg": {
            "mean": [0.5, 0.5, 0.5],
            "std": [0.5, 0.5, 0.5],
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
        CONFIG_KEY: {"evidence": "norm", "embedder": "novic_mini"},
    }


def load_lite2_weights(model: nn.Module, state_dict: Mapping[str, torch.Tensor]) -> None:
    """Copy trained EfficientNet-Lite2 weights, class layer included, into a model with this tower, in place.

    The published weights name their tensors otherwise than timm, but hold them in the same order: they are
    matched by position, and every shape and every last name part (weight, bias, running_mean, ...) is
    compared first.

    Args:
        model: what open_clip built (its `visual.trunk` is filled), or the bare trunk.
        state_dict: the 1000-class model's tensors, class weight and bias last.

    Raises:
        ValueError: the number of tensors, a shape or a kind differs.
    """
    trunk = trunk_of(model)
    body = [name for name in trunk.state_dict() if not name.startswith("classifier.")]
    target_names = [*body, "classifier.fc.weight", "classifier.fc.bias"]
    if len(target_names) != len(state_dict):
        raise ValueError(
            f"expected the {len(target_names)} tensors of EfficientNet-Lite2 with its {CLASSES}-class layer, "
            f"got {len(state_dict)}: pass that model's whole state dict"
        )
    target = trunk.state_dict()
    matched = {}
    for name, (source_name, source) in zip(target_names, state_dict.items()):
        same_kind = name.rpartition(".")[2] == source_name.rpartition(".")[2]
        if not same_kind or target[name].shape != source.shape:
            raise ValueError(
                f"expected {name} with shape {tuple(target[name].shape)} in this place, got {source_name} with shape "
                f"{tuple(source.shape)}: the weights are not EfficientNet-Lite2's, or are not in their own order"
            )
        matched[name] = source
    left = trunk.load_state_dict(matched, strict=False)
    if left.unexpected_keys or set(left.missing_keys) - {"classifier.tau", "classifier.proj.weight"}:
        raise ValueError(
            f"the tower did not take all weights (missing {left.missing_keys}): is it a {TOWER_NAME}?"
        )


def set_class_table(model: nn.Module, table: torch.Tensor) -> None:
    """Set the class vectors of the head, in place.

    Args:
        model: what open_clip built, or the bare trunk.
        table: float [1000, F], one unit row per class in the classifier's order.

    Raises:
        ValueError: wrong shape, or a row that is not of unit length (to 1e-3).
    """
    weight = trunk_of(model).classifier.proj.weight
    if table.shape != (weight.shape[1], weight.shape[0]):
        raise ValueError(
            f"expected a class table [{weight.shape[1]}, {weight.shape[0]}], got {list(table.shape)}: "
            "one row per class, of the model's embed_dim"
        )
    worst = (table.float().norm(dim=1) - 1).abs().max().item()
    if not worst < 1e-3:
        raise ValueError(
            f"expected unit rows in the class table, got one off by {worst:.3g}: normalise the rows"
        )
    with torch.no_grad():
        weight.copy_(table.T)


def pooled_features(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Preprocessed pixels float [B, 3, H, W] to the trunk's pooled features [B, 1280], which the head takes."""
    trunk = trunk_of(model)
    return trunk.forward_head(trunk.forward_features(pixels), pre_logits=True)


def class_logits(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Preprocessed pixels float [B, 3, H, W] to the trained classifier's raw logits [B, 1000]."""
    return trunk_of(model).classifier.logits(pooled_features(model, pixels))


def class_probabilities(model: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Preprocessed pixels float [B, 3, H, W] to class probabilities [B, 1000] at the head's temperature."""
    return trunk_of(model).classifier.probabilities(pooled_features(model, pixels))


def trunk_of(model: nn.Module) -> nn.Module:
    """The trunk inside what open_clip built, inside its image tower, or the trunk itself.

    Raises:
        ValueError: the model's image tower is not `novic_conse_lite2`.
    """
    trunk = getattr(model, "visual", model)
    trunk = getattr(trunk, "trunk", trunk)
    if not isinstance(getattr(trunk, "classifier", None), ConSEHead):
        raise ValueError(f"expected a model whose image tower is {TOWER_NAME}, got {type(trunk).__name__}")
    return trunk
