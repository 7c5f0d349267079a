"""Images that a camera should not send, and sends all the same: name -> function that makes the message.

The node drops each of them with cause "image". The file makes messages only; it sends nothing and expects nothing.
"""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image


def raw(width: int = 16, height: int = 12, step: int | None = None, encoding: str = "rgb8", size: int | None = None):
    """An Image whose fields need not fit each other; `size` is the number of bytes it really holds."""
    step = 3 * width if step is None else step
    message = Image(height=height, width=width, encoding=encoding, step=step)
    message.data.frombytes(bytes(step * height if size is None else size))
    return message


def noise_jpeg() -> bytes:
    """A JPEG that a decoder must read to its end."""
    noise = np.random.default_rng(1).integers(0, 255, (120, 160, 3), np.uint8)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims width x height pixels and holds none."""
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))


def compressed(data: bytes) -> CompressedImage:
    """A CompressedImage with these bytes."""
    return CompressedImage(format="jpeg", data=data)


BAD_RAW = {
    "zero-size image": lambda: raw(width=0, height=0),
    "wrong step": lambda: raw(step=7),
    "step of zero": lambda: raw(step=0),
    "short data": lambda: raw(size=100),
    "no data": lambda: raw(size=0),
    "unknown encoding": lambda: raw(encoding="x-rays"),
    "depth image": lambda: raw(encoding="16UC1", step=32),
    "claims 4 thousand million pixels": lambda: raw(width=65536, height=65536, step=196608, size=1000),
}
BAD_COMPRESSED = {
    "truncated JPEG": lambda: compressed(noise_jpeg()[:2000]),
    "empty": lambda: compressed(b""),
    "no picture at all": lambda: compressed(b"hello"),
    "claims 400 megapixels": lambda: compressed(png_header(20_000, 20_000)),
    "claims no pixels": lambda: compressed(png_header(0, 0)),
}
