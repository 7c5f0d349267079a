"""Noise on unit vectors, which teaches a decoder trained on text to read images (NOVIC, section 3.3; CapDec).

Every function takes float [B, F] unit vectors and a torch.Generator of the same device and returns new unit vectors.
The names in quotes are those of the authors' settings; the released decoders were trained with the last scheme, scale
3.25, 45 to 75 degrees and a share of 0.15. Noise that knows a particular encoder is not here.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as functional

__all__ = ["gauss_angle", "gauss_elementwise", "gauss_elementwise_or_angle", "gauss_vector", "rotate", "uniform_angle"]


def gauss_elementwise(vectors: torch.Tensor, scale: float, generator: torch.Generator) -> torch.Tensor:
    """Add normal noise of standard deviation scale / sqrt(F) to every element ("GaussElem")."""
    noise = _normal(vectors.shape, vectors, generator) * (scale / math.sqrt(vectors.shape[-1]))
    return functional.normalize(vectors + noise, dim=-1)


def gauss_vector(vectors: torch.Tensor, scale: float, generator: torch.Generator) -> torch.Tensor:
    """Add a vector of random direction whose length is normal with standard deviation scale ("GaussVec")."""
    direction = functional.normalize(_normal(vectors.shape, vectors, generator), dim=-1)
    length = scale * _normal((len(vectors), 1), vectors, generator)
    return functional.normalize(vectors + length * direction, dim=-1)


def uniform_angle(vectors: torch.Tensor, least: float, most: float, generator: torch.Generator) -> torch.Tensor:
    """Rotate each in a random direction by an angle drawn evenly from [least, most] degrees ("UniformAngle")."""
    angles = least + (most - least) * torch.rand(len(vectors), generator=generator, device=vectors.device)
    return rotate(vectors, angles, generator)


def gauss_angle(vectors: torch.Tensor, spread: float, most: float, generator: torch.Generator) -> torch.Tensor:
    """Rotate each in a random direction by a normal angle of standard deviation spread, at most `most` degrees either
    way ("GaussAngle")."""
    angles = (spread * _normal((len(vectors),), vectors, generator)).clamp(-most, most)
    return rotate(vectors, angles, generator)


def gauss_elementwise_or_angle(vectors: torch.Tensor, scale: float, least: float, most: float, share: float,
                               generator: torch.Generator) -> torch.Tensor:
    """`uniform_angle` for a random share of the vectors, else `gauss_elementwise` ("GaussElemUniformAngle")."""
    rotated = uniform_angle(vectors, least, most, generator)
    shaken = gauss_elementwise(vectors, scale, generator)
    turned = torch.rand(len(vectors), 1, generator=generator, device=vectors.device) < share
    return torch.where(turned, rotated, shaken)


def rotate(vectors: torch.Tensor, degrees: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """Rotate vector b by degrees[b], each in a random direction; degrees float [B]."""
    sideways = _normal(vectors.shape, vectors, generator)
    sideways = sideways - (sideways * vectors).sum(-1, keepdim=True) * vectors
    sideways = functional.normalize(sideways, dim=-1)
    angle = torch.deg2rad(degrees)[:, None]
    return vectors * angle.cos() + sideways * angle.sin()


def _normal(shape: tuple[int, ...], like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator, device=like.device)
