"""Reads embedding vectors that were stored for a command, named as FILE.safetensors:KEY."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

__all__ = ["VectorsFileError", "read_vectors"]


class VectorsFileError(ValueError):
    """No vectors are to be had there; the message says what was expected and what was found."""


def read_vectors(place: str) -> torch.Tensor:
    """FILE.safetensors:KEY -> float32 [B, F], as they were stored. Raises VectorsFileError."""
    from safetensors import SafetensorError, safe_open

    file, _, key = place.rpartition(":")
    if not file:
        raise VectorsFileError(f"embeddings: expected FILE.safetensors:KEY, got {place!r}")
    try:
        with safe_open(file, framework="pt") as tensors:
            if key not in tensors.keys():
                shown = ", ".join(sorted(tensors.keys())[:10])
                raise VectorsFileError(f"{file}: expected a tensor {key!r}, found {shown or 'none'}")
            vectors = tensors.get_tensor(key)
    except (OSError, SafetensorError) as error:
        raise VectorsFileError(f"{file}: expected a safetensors file: {error}") from None
    if vectors.ndim != 2 or not vectors.is_floating_point():
        raise VectorsFileError(f"{file}, {key}: expected float [B, F], found {vectors.dtype} {list(vectors.shape)}")
    return vectors.float()
