"""Prompted zero-shot classification with the labeller's own encoder: the ceiling that a decoder is measured against.

Each class is the mean of the text vectors of its first name in several prompts (Radford et al., Learning Transferable
Visual Models From Natural Language Supervision, ICML 2021, section 3.1.4). The prompts are those that CLIP's authors
published for each set. The encoder knows the classes beforehand, so this is no rival that names things freely.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from novic_ros.embedding import Embedder

__all__ = ["PROMPTS", "class_vectors", "nearest_classes", "read_prompts"]

_CIFAR = tuple(f"a {kind}photo of {article} {size}{{}}."
               for article in ("a", "the")
               for kind, size in (("", ""), ("blurry ", ""), ("black and white ", ""), ("low contrast ", ""),
                                  ("high contrast ", ""), ("bad ", ""), ("good ", ""), ("", "small "), ("", "big ")))
PROMPTS = {
    "cifar10": _CIFAR, "cifar100": _CIFAR, "food101": ("a photo of {}, a type of food.",),
    # the seven that CLIP's authors found to do as well as all eighty on ImageNet
    "": ("itap of a {}.", "a bad photo of the {}.", "a origami {}.", "a photo of the large {}.",
         "a {} in a video game.", "art of the {}.", "a photo of the small {}."),
}
PROMPT_BATCH = 2048


def class_vectors(embedder: Embedder, names: Sequence[str], prompts: Sequence[str]) -> torch.Tensor:
    """Unit vectors float32 [C, F] for the names of C classes. Raises EmbeddingError if the encoder has no texts."""
    texts = [prompt.format(name) for name in names for prompt in prompts]
    parts = [embedder.embed_texts(texts[start:start + PROMPT_BATCH]) for start in range(0, len(texts), PROMPT_BATCH)]
    means = torch.cat(parts).view(len(names), len(prompts), -1).mean(dim=1)
    return torch.nn.functional.normalize(means, dim=-1)


def nearest_classes(vectors: torch.Tensor, classes: torch.Tensor, k: int) -> list[list[int]]:
    """Image vectors [B, F] and class vectors [C, F] -> for each image the k nearest classes, the nearest first."""
    return (vectors @ classes.T).topk(min(k, len(classes)), dim=1).indices.tolist()


def read_prompts(path: str | Path) -> tuple[str, ...]:
    """Prompts from a text file, one a line, each with one {} for the name. Raises ValueError."""
    path = Path(path)
    try:
        lines = tuple(line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: expected prompts in UTF-8: {error}") from error
    for number, line in enumerate(lines, 1):
        if line.count("{}") != 1 or line.count("{") != 1 or line.count("}") != 1:
            raise ValueError(f"{path}: prompt {number}: expected one {{}} for the class's name, found {line!r}")
    if not lines:
        raise ValueError(f"{path}: expected at least one prompt, found none")
    return lines
