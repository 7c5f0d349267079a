"""Small pictures for a page: pixels become a JPEG in a `data:` address, so that the page needs no other file.

The pixels come from whoever made the evaluation, in one pass over those that the page shows; pictures in files are
found here. A picture that cannot be read is left away, never the page.
"""

from __future__ import annotations

import base64
import io
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from novic_ros import images
from novic_ros.evaluation.results import Item

__all__ = ["ReadPictures", "pictures_in", "small_jpeg", "thumbnails"]

log = logging.getLogger(__name__)

ReadPictures = Callable[[Sequence[Item]], Iterable[tuple[Item, np.ndarray]]]
"""Items -> each with its whole picture, RGB uint8 [H, W, 3], in any order; those that cannot be read are missing."""

SIZE = (320, 240)
QUALITY = 74


def pictures_in(folder: Path) -> ReadPictures:
    """Reads pictures from files: an item's `picture` is a path relative to `folder`, which must exist."""
    def read(items: Sequence[Item]) -> Iterator[tuple[Item, np.ndarray]]:
        failed = []
        for item in items:
            if item.picture is not None:
                try:
                    yield item, images.from_file(folder / item.picture)
                except images.ImageError as error:
                    failed.append(str(error))
        if failed:
            log.warning("the report is without %d of its %d pictures; the first: %s", len(failed),
                        len(items), failed[0])

    return read


def thumbnails(items: Sequence[Item], read: ReadPictures) -> dict[str, str]:
    """Item id -> `data:` address of its picture, or of the region of it that the item is about."""
    made: dict[str, str] = {}
    for item, picture in read(items):
        if item.region is not None:
            try:
                picture = images.crop(picture, item.region)
            except images.ImageError as error:
                log.warning("the report is without the picture of %s: %s", item.id, error)
                continue
        made[item.id] = "data:image/jpeg;base64," + base64.b64encode(small_jpeg(picture, SIZE)).decode("ascii")
    return made


def small_jpeg(image: np.ndarray, size: tuple[int, int], quality: int = QUALITY) -> bytes:
    """RGB uint8 [H, W, 3] as JPEG, scaled down to fit into (width, height); never scaled up."""
    picture = Image.fromarray(np.ascontiguousarray(image))
    picture.thumbnail(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality, optimize=True)
    return stream.getvalue()
