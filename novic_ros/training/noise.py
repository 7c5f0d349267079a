"""Noise on unit vectors, which teaches a decoder trained on text to read images (NOVIC, section 3.3; CapDec).

Every function takes float [B, F] unit vectors and a torch.Generator and returns new unit vectors. Noise that knows a
particular encoder is not here.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional

__all__ = ["gauss_elementwise", "rotate", "uniform_angle"]


def gauss_elementwise(vectors: torch.Tensor, scale: float, generator: torch.Generator) -> torch.Tensor:
    """Add normal noise of standard deviation scale / sqrt(F) to every element ("GaussElem")."""
    noise = torch.randn(vectors.shape, generator=generator) * (scale / math.sqrt(vectors.shape[-1]))
    return functional.normalize(vectors + noise, dim=-1)


def uniform_angle(vectors: torch.Tensor, least: float, most: float, generator: torch.Generator) -> torch.Tensor:
    """Rotate each in a random direction by an angle drawn evenly from [least, most] degrees ("UniformAngle")."""
    angles = least + (most - least) * torch.rand(len(vectors), generator=generator)
    return rotate(vectors, angles, generator)


def rotate(vectors: torch.Tensor, degrees: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate vector b by degrees[b], each in a random direction; degrees float [B]."""
    sideways = torch.randn(vectors.shape, generator=generator)
    sideways = sideways - (sideways * vectors).sum(-1, keepdim=True) * vectors
    sideways = functional.normalize(sideways, dim=-1)
    angle = torch.deg2rad(degrees)[:, None]
    return vectors * angle.cos() + sideways * angle.sin()
