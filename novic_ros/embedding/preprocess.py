"""Images to an encoder's input pixels, bit for bit as open_clip's own validation transform makes them with
PIL.

The path here resizes with PIL, like the transform, but turns the whole batch into floats at once, in the
memory order that the encoders like best on a CPU. Label quality depends on this being exact: an encoder is
calibrated on PIL's resampling. It is NOT a decoder of files or messages (images.py) and does no augmentation.
A device path would be another class with the same call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from novic_ros.embedding.errors import EmbeddingError

_FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_FILTERS["random"] = _FILTERS["bicubic"]  # open_clip: a training choice, bicubic at inference
_MODES = ("shortest", "longest", "squash")
# A strip-shaped image would be blown up to a giant before its middle is cut out; beyond this many pixels (an
# aspect ratio of about 240 at 260 pixels) only the middle is resampled, which may differ from PIL's whole-
# image result by rounding.
_MAX_RESIZED_PIXELS = 16_000_000


@dataclass(frozen=True)
class Preprocessor:
    """One encoder's preprocessing, from its own configuration.

    Attributes:
        height, width: input size of the encoder in pixels.
        mean, std: per channel (RGB), for values scaled to [0, 1].
        interpolation: "bicubic" or "bilinear".
        resize_mode: "shortest" (resize the shorter side, cut out the middle), "longest" (resize the longer
            side, pad) or "squash" (resize both sides, whatever the shape).
        fill_color: grey level 0 to 255 of the padding.
    """

    height: int
    width: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill_color: int = 0

    def __post_init__(self) -> None:
        if self.interpolation not in _FILTERS:
            raise EmbeddingError(
                f"expected interpolation {' or '.join(_FILTERS)} in preprocess_cfg, got {self.interpolation!r}"
            )
        if self.resize_mode not in _MODES:
            raise EmbeddingError(
                f"expected resize_mode {', '.join(_MODES)} in preprocess_cfg, got {self.resize_mode!r}"
            )
        if len(self.mean) != 3 or len(self.std) != 3 or not all(self.std):
            raise EmbeddingError(
                f"expected 3 means and 3 non-zero stds in preprocess_cfg, got {self.mean} and {self.std}: "
                "mend the configuration"
            )
        if min(self.height, self.width) < 1:
            raise EmbeddingError(
                f"expected a positive input size in preprocess_cfg, got {self.height}x{self.width}"
            )

    @classmethod
    def from_open_clip(cls, config: Mapping[str, Any]) -> Preprocessor:
        """From what open_clip sets as `model.visual.preprocess_cfg`; EmbeddingError where that is unusable."""
        height, width = _pair(config["size"])
        return cls(
            height=height,
            width=width,
            mean=_triple(config["mean"]),
            std=_triple(config["std"]),
            interpolation=config.get("interpolation") or "bicubic",
            resize_mode=config.get("resize_mode") or "shortest",
            fill_color=int(config.get("fill_color") or 0),
        )

    def __call__(self, images: Sequence[np.ndarray]) -> torch.Tensor:
        """RGB images uint8 [H, W, 3] of any sizes to pixels float32 [B, 3, height, width] (channels-last
        memory).

        Raises:
            EmbeddingError: an image is not an RGB uint8 array with at least one pixel; the message names its
                place.
        """
        batch = np.empty((len(images), self.height, self.width, 3), np.uint8)
        for index, image in enumerate(images):
            _check(image, index)
            batch[index] = np.asarray(self.resized(Image.fromarray(image)))
        pixels = torch.from_numpy(batch).permute(0, 3, 1, 2).to(torch.float32)
        mean = torch.tensor(self.mean, dtype=torch.float32)[:, None, None]
        std = torch.tensor(self.std, dtype=torch.float32)[:, None, None]
        return pixels.div_(255).sub_(mean).div_(std)  # the same three roundings as ToTensor and Normalize

    def resized(self, image: Image.Image) -> Image.Image:
        """An RGB PIL image of any size to one of exactly `width` x `height`: resized, then cropped or padded."""
        new_width, new_height = self._resized_size(*image.size)
        resample = _FILTERS[self.interpolation]
        if self.resize_mode == "shortest" and self.height != self.width:
            resample = _FILTERS["bicubic"]  # open_clip resamples so here whatever the configuration says
        left = _middle(new_width, self.width)
        top = _middle(new_height, self.height)
        if new_width * new_height > _MAX_RESIZED_PIXELS:
            across, down = image.width / new_width, image.height / new_height
            box = (left * across, top * down, (left + self.width) * across, (top + self.height) * down)
            box = (box[0], box[1], min(box[2], image.width), min(box[3], image.height))
            return image.resize((self.width, self.height), resample, box=box)
        if image.size != (new_width, new_height):
            image = image.resize((new_width, new_height), resample)
        if new_width < self.width or new_height < self.height:
            canvas = Image.new(
                "RGB", (max(self.width, new_width), max(self.height, new_height)), (self.fill_color,) * 3
            )
            canvas.paste(
                image, (max(0, (self.width - new_width) // 2), max(0, (self.height - new_height) // 2))
            )
            image = canvas
        if image.size == (self.width, self.height):
            return image
        return image.crop((left, top, left + self.width, top + self.height))

    def _resized_size(self, width: int, height: int) -> tuple[int, int]:
        """Size of the whole image after the resize, as torchvision and open_clip round it: (width, height)."""
        if self.resize_mode == "squash":
            return self.width, self.height
        if self.resize_mode == "shortest" and self.height == self.width:
            if width <= height:
                return self.width, int(self.width * height / width)
            return int(self.width * width / height), self.width
        pick = max if self.resize_mode == "longest" else min
        ratio = pick(height / self.height, width / self.width)
        return max(1, round(width / ratio)), max(1, round(height / ratio))


def _middle(have: int, want: int) -> int:
    """First index of the middle `want` of `have`, 0 where it does not fit (the padding centres it then)."""
    return int(round((have - want) / 2.0)) if have > want else 0


def _check(image: Any, index: int) -> None:
    """Raise unless this is an RGB uint8 [H, W, 3] array with at least one pixel."""
    found = f"{image.dtype} {list(image.shape)}" if isinstance(image, np.ndarray) else type(image).__name__
    right = (
        isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3
    )
    if not right or image.size == 0:
        raise EmbeddingError(
            f"expected images as RGB uint8 arrays [H, W, 3] of at least one pixel, got {found} at place {index}: "
            "read them with novic_ros.images"
        )


def _pair(size: Any) -> tuple[int, int]:
    """open_clip's size, one number or (height, width), as (height, width)."""
    if isinstance(size, (tuple, list)):
        return int(size[0]), int(size[-1])
    return int(size), int(size)


def _triple(values: Any) -> tuple[float, ...]:
    """open_clip's mean or std, one number or one per channel, as a tuple."""
    if isinstance(values, (tuple, list)):
        return tuple(float(value) for value in values)
    return (float(values),) * 3
