"""The modality gap of an encoder: how far its images' vectors are from those of the texts that describe them.

CLIP-style encoders put images and texts into two narrow, separate cones (NOVIC, section 3.3, measures 70 to 85 degrees
between an image and its own class's text). The angles tell how much noise a decoder trained on text needs; the
difference of the means can be added to text vectors instead, or as well. Files have the fields of the authors'
modality_gap_*.json, which can be read too, and a few more. It embeds nothing: `novic gap` does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional

__all__ = ["GapError", "ModalityGap", "draw_gap", "measure_gap"]

BINS, LEAST, MOST = 360, 0, 180  # of the histograms, in degrees, as in the authors' files
BIN_DEGREES = (MOST - LEAST) / BINS
BARS = (1, 2, 3, 4, 5, 6, 8, 10)  # bins that may be drawn as one bar


class GapError(ValueError):
    """A modality gap cannot be measured or a file of one cannot be used; the message says why."""


@dataclass(frozen=True, eq=False)
class ModalityGap:
    """What training needs of a measured gap; `statistics` is all of the file.

    mean_shift: float32 [F], mean of the images less that of their own labels' texts.
    caption_mean, image_mean: float32 [F], and caption_spread, image_spread: how far rows are from their mean, root mean
        square. None in the authors' files.
    """

    embedder_spec: str
    mean_shift: torch.Tensor
    statistics: Mapping[str, Any]
    caption_mean: torch.Tensor | None = None
    image_mean: torch.Tensor | None = None
    caption_spread: float | None = None
    image_spread: float | None = None

    def corrected_mean(self, vectors: torch.Tensor) -> torch.Tensor:
        """Text vectors float [B, F] moved to where images are, unit length again: e + mean_shift, as the authors do."""
        return functional.normalize(vectors + self.mean_shift.to(vectors), dim=-1)

    def corrected_spread(self, vectors: torch.Tensor) -> torch.Tensor:
        """Text vectors float [B, F] with the mean and the spread of images, unit length again.

        Raises GapError if the file has no spread, or the captions had none.
        """
        if self.caption_mean is None or self.image_mean is None or self.image_spread is None or not self.caption_spread:
            raise GapError(f"spread_shift: expected the spread of captions and images of {self.embedder_spec}, found "
                           "none; measure it with `novic gap` on pictures of several labels")
        scale = self.image_spread / self.caption_spread
        return functional.normalize(
            self.image_mean.to(vectors) + scale * (vectors - self.caption_mean.to(vectors)), dim=-1)

    def write(self, path: str | Path) -> None:
        """Write the statistics as JSON. Raises OSError."""
        Path(path).write_text(json.dumps(self.statistics, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: str | Path, embedder_spec: str | None = None) -> ModalityGap:
        """Read a file of ours or the authors'. Raises GapError; with `embedder_spec`, also for another encoder's."""
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
            gap = cls.of(content)
        except OSError as error:
            raise GapError(f"{path}: expected a measured modality gap: {error.strerror}") from None
        except (ValueError, TypeError, LookupError) as error:
            raise GapError(f"{path}: expected a measured modality gap, JSON with cfg_embedder and mean_shift: "
                           f"{error}") from None
        if embedder_spec is not None and embedder_spec != gap.embedder_spec:
            raise GapError(f"{path}: expected the modality gap of {embedder_spec!r}, found that of "
                           f"{gap.embedder_spec!r}; measure it with `novic gap`")
        return gap

    @classmethod
    def of(cls, statistics: Mapping[str, Any]) -> ModalityGap:
        """From a file's content. Raises ValueError, TypeError or LookupError for another."""
        vectors = {name: torch.tensor(statistics[name], dtype=torch.float32)
                   for name in ("mean_shift", "caption_mean", "image_mean") if name in statistics}
        if len({vector.shape for vector in vectors.values()}) != 1 or vectors["mean_shift"].ndim != 1 \
                or not len(vectors["mean_shift"]) or not all(vector.isfinite().all() for vector in vectors.values()):
            raise ValueError("expected vectors of one width and finite numbers")
        spreads = {name: float(statistics[name]) for name in ("caption_spread", "image_spread") if name in statistics}
        return cls(str(statistics["cfg_embedder"]["embedder_spec"]), statistics=statistics, **vectors, **spreads)


def measure_gap(images: torch.Tensor, captions: torch.Tensor, own: torch.Tensor, same: torch.Tensor,
                embedder_spec: str, about: Mapping[str, Any] | None = None) -> ModalityGap:
    """Measure angles, means and spreads.

    images: unit vectors float [B, F]. captions: unit vectors float [T, L, F] of L labels under T templates; a label's
    vector is their mean, unit length again. own: int64 [B], the label of each image. same: bool [B, L], labels that are
    right for an image, its own or another word for it; the remaining pairs are the "other" ones. about: what the images
    are, into the file. Raises GapError for no image or only one label.
    """
    if not len(images) or captions.shape[1] < 2:
        raise GapError(f"modality gap: expected pictures with two or more different labels, got {len(images)} with "
                       f"{captions.shape[1]}")
    images, captions = images.double(), captions.double()
    labels = functional.normalize(captions.mean(0), dim=-1)
    angles = torch.rad2deg((images @ labels.T).clamp(-1, 1).acos())  # [B, L]
    matching = angles.gather(1, own[:, None])[:, 0]
    own_captions = captions[:, own].flatten(0, 1)
    statistics = {
        "cfg_embedder": {"embedder_spec": embedder_spec}, "cfg_cls": dict(about or {}),
        **_angles("all_angle", angles.flatten()), **_angles("angle", matching), **_angles("other_angle", angles[~same]),
        "images": len(images), "labels": captions.shape[1],
        "nearest_is_own": float(same.gather(1, angles.argmin(1, keepdim=True)).double().mean()),
        "caption_spread": _spread(own_captions), "image_spread": _spread(images),
        "mean_shift": (images - labels[own]).mean(0).tolist(),
        "caption_mean": own_captions.mean(0).tolist(), "image_mean": images.mean(0).tolist(),
    }
    return ModalityGap.of(statistics)


def draw_gap(gap: ModalityGap, path: str | Path) -> None:
    """Draw the two distributions of angles as PNG. Raises GapError if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise GapError("expected matplotlib for the picture, found none; install it: pip install matplotlib") from None

    found = gap.statistics
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    ends = []
    for name, what, colour in (("angle", "an image and its own label", "#1f4e79"),
                               ("other_angle", "an image and another label", "#c05a1c")):
        pairs = sum(found[f"{name}_histc"]["counts"])
        width = 2 * found[f"{name}_std"] / pairs ** (1 / 3) / BIN_DEGREES  # few pairs: wider bars
        bins = min((size for size in BARS if size <= width), default=1, key=lambda size: width - size)
        counts = np.array(found[f"{name}_histc"]["counts"]).reshape(-1, bins).sum(1)
        edges = np.arange(len(counts) + 1) * bins * BIN_DEGREES
        axes.stairs(counts / pairs / (bins * BIN_DEGREES), edges, fill=True, alpha=0.45, color=colour,
                    label=f"{what}: {found[f'{name}_mean']:.1f}° ± {found[f'{name}_std']:.1f}°, {pairs:,} pairs")
        axes.axvline(found[f"{name}_mean"], color=colour, linewidth=1.2)
        ends += [edges[:-1][counts > 0].min(), edges[1:][counts > 0].max()]
    axes.set_xlim(max(LEAST, min(ends) - 2), min(MOST, max(ends) + 2))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.25)  # room for the legend
    axes.set_xlabel("angle between image and text, degrees")
    axes.set_ylabel("share of pairs per degree")
    axes.set_title(f"Modality gap of {gap.embedder_spec}: {found['images']:,} images, {found['labels']:,} labels")
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left")
    figure.savefig(path, dpi=120, format="png")


def _angles(name: str, angles: torch.Tensor) -> dict[str, Any]:
    """Mean, standard deviation and histogram under the authors' names."""
    counts = torch.histc(angles, BINS, LEAST, MOST).long().tolist()
    return {f"{name}_mean": float(angles.mean()), f"{name}_std": float(angles.std(correction=0)),
            f"{name}_histc": {"min": LEAST, "max": MOST, "bins": BINS, "counts": counts}}


def _spread(rows: torch.Tensor) -> float:
    return float((rows - rows.mean(0)).square().sum(-1).mean().sqrt())
