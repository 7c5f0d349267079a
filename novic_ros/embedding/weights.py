"""Reads only the wanted half of a model's safetensors file: the image tower for a robot, the text tower on
demand.

A CLIP-style file holds both towers, but a robot that turns frames into vectors needs only the first. NOT a
model builder (loading.py) and not for pickled checkpoints, which open_clip reads whole.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from novic_ros.embedding.errors import EmbeddingError

_OTHERS = ("decoder.safetensors", "hypernyms.safetensors")  # may lie beside the encoder, and are none
# open_clip's own order of preference among the safetensors files of a folder.
_PREFERRED = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")
_PICKLED = ("*.bin", "*.pth")


def is_image_part(name: str) -> bool:
    """Whether a tensor of an open_clip model belongs to its image tower."""
    return name.startswith("visual.")


def is_text_part(name: str) -> bool:
    """Whether a tensor of an open_clip model belongs to its text tower (or is one of the few shared scalars)."""
    return not is_image_part(name)


def find_safetensors(folder: Path) -> Path | None:
    """The safetensors file that open_clip would take from a model folder, or None where only a pickled one is
    there.

    Raises:
        EmbeddingError: the folder holds no weights at all.
    """
    found = {path.name: path for path in sorted(folder.glob("*.safetensors")) if path.name not in _OTHERS}
    for name in _PREFERRED:
        if name in found:
            return found[name]
    if found:
        return next(iter(found.values()))
    if any(next(folder.glob(pattern), None) for pattern in _PICKLED):
        return None
    raise EmbeddingError(
        f"expected the weights in {folder / _PREFERRED[0]}, found none in that folder: "
        "fetch or copy the whole model folder"
    )


def stored_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors in a safetensors file; only its header is read.

    Raises:
        EmbeddingError: the file cannot be read or is not complete.
    """
    try:
        with safe_open(str(path), framework="pt") as file:
            return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error


def misfit(model: nn.Module, path: Path) -> str:
    """In words, how the tensors of a model and of a file differ in name or shape; empty where they do not.

    Raises:
        EmbeddingError: the file cannot be read or is not complete.
    """
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = stored_shapes(path)
    missing, unknown = sorted(expected.keys() - found), sorted(found.keys() - expected)
    reshaped = sorted(name for name in expected.keys() & found if expected[name] != found[name])
    parts = []
    if missing:
        parts.append(f"{len(missing)} missing such as {missing[0]}")
    if unknown:
        parts.append(f"{len(unknown)} unknown such as {unknown[0]}")
    if reshaped:
        name = reshaped[0]
        parts.append(
            f"{len(reshaped)} of another shape such as {name}, {list(found[name])} for {list(expected[name])}"
        )
    return f"expected {len(expected)} tensors, found {len(found)}, " + ", ".join(parts) if parts else ""


def read_part(model: nn.Module, path: Path, wanted: Callable[[str], bool]) -> int:
    """Fill the wanted tensors of a model, in place, from a safetensors file, converting to the model's dtypes.

    Args:
        model: what open_clip built from the configuration beside the file; `misfit` found nothing to say.
        path: the safetensors file.
        wanted: says by name which of the model's tensors to fill; nothing else is read.

    Returns:
        How many bytes of weights were read.

    Raises:
        EmbeddingError: the file is unreadable.
    """
    read = 0
    try:
        with safe_open(str(path), framework="pt") as file, torch.no_grad():
            for name, target in model.state_dict().items():
                if wanted(name):
                    tensor = file.get_tensor(name)
                    target.copy_(tensor)
                    read += tensor.numel() * tensor.element_size()
    except (SafetensorError, OSError) as error:
        raise _unreadable(path, error) from error
    return read


def _unreadable(path: Path, error: Exception) -> EmbeddingError:
    """The error for a file that is missing, cut short or no safetensors file."""
    found = f"{path.stat().st_size} bytes" if path.is_file() else "no such file"
    return EmbeddingError(
        f"expected a complete safetensors file at {path}, found {found} that cannot be read ({error}): "
        "fetch or copy the model folder again"
    )
