"""Noise on unit vectors, which teaches a decoder trained on text to read images (NOVIC, section 3.3; CapDec).

Every function takes float [B, F] unit vectors and a torch.Generator of the same device and returns new unit vectors.
The names in quotes are those of the authors' settings, which `from_settings` reads; the released decoders were trained
with the last scheme, scale 3.25, 45 to 75 degrees and a share of 0.15. Noise that knows a particular encoder is not
here; how far an encoder's images are from its texts is measured in `modality_gap.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as functional

if TYPE_CHECKING:
    from novic_ros.training.modality_gap import ModalityGap

__all__ = ["SCHEMES", "from_settings", "gauss_angle", "gauss_elementwise", "gauss_elementwise_or_angle", "gauss_vector",
           "rotate", "uniform_angle"]

Noise = Callable[[torch.Tensor, torch.Generator], torch.Tensor]  # (unit vectors [B, F], generator) -> unit vectors


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


# the authors' scheme -> the settings that it reads and, of their values, the noise
SCHEMES: dict[str, tuple[tuple[str, ...], Callable[..., Noise]]] = {
    "none": ((), lambda: lambda vectors, generator: vectors),
    "GaussElem": (("noise_vec_norm",), lambda scale: lambda vectors, generator: gauss_elementwise(
        vectors, scale, generator)),
    "GaussVec": (("noise_vec_norm",), lambda scale: lambda vectors, generator: gauss_vector(
        vectors, scale, generator)),
    "GaussAngle": (("noise_angle_std", "noise_angle_max"), lambda spread, most: lambda vectors, generator: gauss_angle(
        vectors, spread, most, generator)),
    "UniformAngle": (("noise_angle_min", "noise_angle_max"), lambda *ends: lambda vectors, generator: uniform_angle(
        vectors, *ends, generator)),
    "GaussElemUniformAngle": (
        ("noise_vec_norm", "noise_angle_min", "noise_angle_max", "noise_mix_ratio"),
        lambda *values: lambda vectors, generator: gauss_elementwise_or_angle(vectors, *values, generator)),
}
# setting -> its range, the lower end excluded where 0 would be no noise at all
RANGES = {"noise_vec_norm": (0, math.inf), "noise_angle_std": (0, 180), "noise_angle_max": (0, 180),
          "noise_angle_min": (0, 180), "noise_mix_ratio": (0, 1)}
MAY_BE_LEAST = ("noise_angle_min", "noise_mix_ratio")


def from_settings(settings: Mapping[str, object], gap: ModalityGap | None = None) -> Noise:
    """The noise that the authors' settings ask for: `noise_scheme` ("" is "none", capitals do not matter), what that
    scheme reads, and `mean_shift`; and our `spread_shift`. Settings that begin otherwise are not looked at.

    With `mean_shift` or `spread_shift` true, vectors are first moved by `gap` towards the encoder's images, and of unit
    length again. Raises ValueError that names the setting that is unknown, missing or out of its range.
    """
    unknown = [name for name in settings if name.startswith("noise_") and name not in ("noise_scheme", *RANGES)]
    if unknown:
        raise ValueError(f"{unknown[0]}: expected one of noise_scheme, {', '.join(RANGES)}, got a setting of another "
                         "name")
    scheme = settings.get("noise_scheme") or "none"
    by_name = {name.lower(): value for name, value in SCHEMES.items()}
    if not isinstance(scheme, str) or scheme.lower() not in by_name:
        raise ValueError(f"noise_scheme: expected one of {', '.join(SCHEMES)}, got {scheme!r}")
    names, noise_of = by_name[scheme.lower()]
    values = [_setting(settings, name, scheme) for name in names]
    if "noise_angle_min" in names and settings["noise_angle_min"] > settings["noise_angle_max"]:
        raise ValueError(f"noise_angle_min: expected at most noise_angle_max = {settings['noise_angle_max']}, got "
                         f"{settings['noise_angle_min']}")
    noise = noise_of(*values)
    for name in ("mean_shift", "spread_shift"):
        if not isinstance(settings.get(name, False), bool):
            raise ValueError(f"{name}: expected true or false, got {settings[name]!r}")
    spread = bool(settings.get("spread_shift"))
    if not spread and not settings.get("mean_shift"):
        return noise
    if gap is None:
        raise ValueError(f"{'spread_shift' if spread else 'mean_shift'}: expected the encoder's modality gap too; "
                         "measure it with `novic gap`")
    correct = gap.corrected_spread if spread else gap.corrected_mean
    return lambda vectors, generator: noise(correct(vectors), generator)


def _setting(settings: Mapping[str, object], name: str, scheme: str) -> float:
    value, (least, most) = settings.get(name), RANGES[name]
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not least <= value <= most \
            or value == math.inf or (value == least and name not in MAY_BE_LEAST):
        open_end = "from" if name in MAY_BE_LEAST else "above"
        raise ValueError(f"{name}: expected a number {open_end} {least} up to {most} for {scheme}, got {value!r}")
    return float(value)


def _normal(shape: tuple[int, ...], like: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    return torch.randn(shape, generator=generator, device=like.device)
