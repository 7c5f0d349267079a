"""Pictures as arrays: camera messages, encoded bytes and files become RGB uint8 [H, W, 3]; crops are views.

This file is the one way in for pixels, so that a picture labelled from a file, from a bag and from a live
camera has the same values. It is not a resizer or a normaliser (that is the embedder's work) and it knows no
ROS: a message is any object with the right attributes.

Sharing memory: a raw ``rgb8`` message, padded rows or not, is *viewed*, not copied. Such a view is marked
read-only and shows whatever its message holds; every other result is a fresh array of its own.
``docs/images.md`` has the table of encodings and the rules for odd files.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

if TYPE_CHECKING:
    from novic_ros.labels import Region

MAX_PIXELS = 80_000_000
"""Largest picture accepted, width x height; checked against the header, before the pixels get memory."""

_MAX_SEGMENTS = 10_000  # in a JPEG's header; honest files have some dozens
_MAX_FILE_BYTES = 8 * MAX_PIXELS  # no picture of MAX_PIXELS needs more: four channels of 16 bits

# encoding -> (channels, bytes per channel, cv2 code to RGB; None: already RGB), for images in one plane.
_ONE_PLANE: dict[str, tuple[int, int, int | None]] = {
    "rgb8": (3, 1, None),
    "bgr8": (3, 1, cv2.COLOR_BGR2RGB),
    "rgba8": (4, 1, cv2.COLOR_RGBA2RGB),
    "bgra8": (4, 1, cv2.COLOR_BGRA2RGB),
    "mono8": (1, 1, cv2.COLOR_GRAY2RGB),
    "rgb16": (3, 2, None),
    "bgr16": (3, 2, cv2.COLOR_BGR2RGB),
    "rgba16": (4, 2, cv2.COLOR_RGBA2RGB),
    "bgra16": (4, 2, cv2.COLOR_BGRA2RGB),
    "mono16": (1, 2, cv2.COLOR_GRAY2RGB),
    # The abstract encodings carry no colour order; OpenCV's (blue first) is the custom.
    "8UC1": (1, 1, cv2.COLOR_GRAY2RGB),
    "8UC3": (3, 1, cv2.COLOR_BGR2RGB),
    "8UC4": (4, 1, cv2.COLOR_BGRA2RGB),
    "16UC3": (3, 2, cv2.COLOR_BGR2RGB),
    "16UC4": (4, 2, cv2.COLOR_BGRA2RGB),
    # ROS names a mosaic by its first two rows, OpenCV by the second row's second and third pixel.
    "bayer_rggb8": (1, 1, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr8": (1, 1, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg8": (1, 1, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg8": (1, 1, cv2.COLOR_BayerGB2RGB),
    "bayer_rggb16": (1, 2, cv2.COLOR_BayerBG2RGB),
    "bayer_bggr16": (1, 2, cv2.COLOR_BayerRG2RGB),
    "bayer_gbrg16": (1, 2, cv2.COLOR_BayerGR2RGB),
    "bayer_grbg16": (1, 2, cv2.COLOR_BayerGB2RGB),
    "yuv422": (2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "uyvy": (2, 1, cv2.COLOR_YUV2RGB_UYVY),
    "yuv422_yuy2": (2, 1, cv2.COLOR_YUV2RGB_YUY2),
    "yuyv": (2, 1, cv2.COLOR_YUV2RGB_YUY2),
}
# brightness first, then all colour; NV24 is brought into NV12's form below
_TWO_PLANES = {
    "nv12": cv2.COLOR_YUV2RGB_NV12,
    "nv21": cv2.COLOR_YUV2RGB_NV21,
    "nv24": cv2.COLOR_YUV2RGB_NV12,
}

SUPPORTED_ENCODINGS: tuple[str, ...] = (*_ONE_PLANE, *_TWO_PLANES)
"""Every ``sensor_msgs/Image`` encoding that :func:`from_message` takes, in ROS spelling."""

_SPELLING = {name.lower(): name for name in SUPPORTED_ENCODINGS}
_DEPTH = ("16uc1", "32fc1", "64fc1")
_DEPTH_HINT = "depth holds distances, which have no colour: subscribe to the camera's colour image instead"

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_MAGIC = (  # first bytes -> Pillow's name of the format
    (b"\xff\xd8", "JPEG"),
    (_PNG_MAGIC, "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\x00", "TIFF"),
    (b"MM\x00*", "TIFF"),
    (b"P4", "PPM"),
    (b"P5", "PPM"),
    (b"P6", "PPM"),
)
_FORMATS = "JPEG, PNG, WebP, GIF, BMP, TIFF, PBM/PGM/PPM"


class ImageError(ValueError):
    """The picture cannot be turned into RGB; the message says what came and what is expected."""


def from_message(msg: Any) -> np.ndarray:
    """Turn a camera message into RGB uint8 [H, W, 3].

    ``msg`` is shaped like ``sensor_msgs/Image`` (it has ``encoding``, ``height``, ``width``, ``step``,
    ``is_bigendian``, ``data``) or ``sensor_msgs/CompressedImage`` (it has ``format`` and ``data``). ``data``
    may be an ``array.array``, bytes, bytearray, memoryview, numpy array or list. ``rgb8`` gives a read-only
    view of ``data``.

    Raises ImageError for depth images, unknown encodings, sizes that do not fit the data, and broken files.
    """
    if hasattr(msg, "encoding"):
        return _from_raw(msg)
    if hasattr(msg, "format"):
        return _from_compressed(msg)
    raise ImageError(
        f"expected a sensor_msgs Image or CompressedImage, came {type(msg).__name__} with neither an "
        "'encoding' nor a 'format' field; check the type of the topic"
    )


def from_bytes(data: Any) -> np.ndarray:
    """Decode one JPEG, PNG, WebP, GIF, BMP, TIFF or PBM/PGM/PPM picture, recognised by its first bytes.

    Returns RGB uint8 [H, W, 3], a fresh array: the first frame of an animation, upright by its EXIF
    orientation, alpha laid over white, 16 bits cut to the upper 8. Raises ImageError for anything else, for a
    picture that stops early, and for more than MAX_PIXELS.
    """
    raw = _byte_array(data).tobytes() if not isinstance(data, bytes) else data
    kind = _sniff(raw)
    if kind == "JPEG":
        _check_pixels(*_check_jpeg(raw))
        return _decode_jpeg(raw)
    return _decode_with_pillow(raw, kind)


def from_file(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a picture file, as :func:`from_bytes` does. Raises ImageError that names the file."""
    file = Path(path)
    try:
        status = file.stat()
        if not stat.S_ISREG(status.st_mode):
            found = "a folder" if stat.S_ISDIR(status.st_mode) else "neither a file nor a folder"
            raise ImageError(f"expected a picture file, but it is {found}")
        if status.st_size > _MAX_FILE_BYTES:
            raise ImageError(f"its {status.st_size} bytes are more than {MAX_PIXELS} pixels can need")
        return from_bytes(file.read_bytes())
    except OSError as error:
        raise ImageError(f"{file}: cannot be read: {error.strerror or error}") from error
    except ValueError as error:  # an ImageError, or a path with a zero byte in it
        raise ImageError(f"{file}: {error}") from error


def crop(image: np.ndarray, region: Region) -> np.ndarray:
    """Cut ``region`` (pixels, origin top left) out of ``image`` [H, W, 3]; what lies outside is left away.

    Returns a view [h, w, 3] with 1 <= h <= region.height and 1 <= w <= region.width. Raises ImageError if the
    region and the image have no pixel in common.
    """
    height, width = image.shape[:2]
    left, right = max(region.x, 0), min(region.x + region.width, width)
    top, bottom = max(region.y, 0), min(region.y + region.height, height)
    if left >= right or top >= bottom:
        raise ImageError(
            f"region x={region.x} y={region.y} width={region.width} height={region.height} lies outside the "
            f"image of {width}x{height} pixels; boxes must be in pixels of this very image"
        )
    return image[top:bottom, left:right]


def _from_raw(msg: Any) -> np.ndarray:
    encoding = str(msg.encoding).strip()
    name = _SPELLING.get(encoding.lower())
    if name is None:
        if encoding.lower() in _DEPTH:
            raise ImageError(f"encoding {encoding} is a depth image; {_DEPTH_HINT}")
        known = ", ".join(SUPPORTED_ENCODINGS)
        raise ImageError(f"encoding {encoding!r} is not supported; supported are {known}")
    width, height, step = int(msg.width), int(msg.height), int(msg.step)
    if width <= 0 or height <= 0:
        raise ImageError(f"the {name} image has no pixels: width {width}, height {height}")
    _check_pixels(width, height)
    data = _byte_array(msg.data)
    if name in _TWO_PLANES:
        return _from_planes(name, width, height, step, data)

    channels, size, code = _ONE_PLANE[name]
    _check_rows(name, data, height, width * channels * size, step)
    # A 16-bit value is cut to 8 bits by taking its upper byte: no arithmetic, whatever the byte order.
    upper = 0 if size == 1 or getattr(msg, "is_bigendian", 0) else 1
    pixels = np.ndarray((height, width, channels), np.uint8, data, upper, (step, channels * size, size))
    pixels.flags.writeable = False
    if size == 2:
        pixels = np.ascontiguousarray(pixels)
    if code is None:
        return pixels
    if name.startswith("bayer") and min(width, height) < 3:
        raise ImageError(f"a {name} image has colours from 3x3 pixels upwards, came {width}x{height}")
    if channels == 2 and width % 2:
        raise ImageError(f"two pixels of a {name} row share their colour: width must be even, came {width}")
    return cv2.cvtColor(pixels[..., 0] if channels == 1 else pixels, code)


def _from_planes(name: str, width: int, height: int, step: int, data: np.ndarray) -> np.ndarray:
    """Convert NV12, NV21 and NV24; docs/images.md says how ``step`` and ``height`` are understood."""
    code = _TWO_PLANES[name]
    if name == "nv24":  # colour for every pixel: what NV12 would hold for a picture twice as large
        bright = _rows(name, data, height, width, step)
        colour = _rows(name, data[height * step :], height, 2 * width, 2 * step)
        doubled = np.repeat(np.repeat(bright, 2, axis=0), 2, axis=1)
        return np.ascontiguousarray(cv2.cvtColor(np.concatenate([doubled, colour]), code)[::2, ::2])
    if step * 2 == width * 3 and data.size == height * step:
        step = width  # written by drivers that put the 12 bits of every pixel into one "row"
    elif step > 0 and -(-data.size // step) == height and height % 3 == 0:
        height = height * 2 // 3  # the message counts the rows of both planes
    if width % 2 or height % 2:
        raise ImageError(
            f"2x2 pixels of a {name} image share their colour: sizes must be even, came {width}x{height}"
        )
    return cv2.cvtColor(np.ascontiguousarray(_rows(name, data, height * 3 // 2, width, step)), code)


def _rows(name: str, data: np.ndarray, height: int, row: int, step: int) -> np.ndarray:
    """View flat bytes as uint8 [height, row], ``step`` bytes apart."""
    _check_rows(name, data, height, row, step)
    return np.ndarray((height, row), np.uint8, data, 0, (step, 1))


def _check_rows(name: str, data: np.ndarray, height: int, row: int, step: int) -> None:
    """Raise ImageError unless the rows fit the data; the last one may lack its padding."""
    if step < row:
        raise ImageError(
            f"a row of this {name} image takes {row} bytes, but its step is {step}: fix the driver"
        )
    needed = step * (height - 1) + row
    if data.size < needed:
        raise ImageError(
            f"the {name} image is cut short: {height} rows of {row} bytes at step {step} need {needed} bytes "
            f"of data, came {data.size}"
        )


def _byte_array(data: Any) -> np.ndarray:
    """View any of the things that hold bytes as flat uint8 (a list is copied)."""
    try:
        if isinstance(data, (list, tuple)):
            data = bytes(data)
        if isinstance(data, np.ndarray):
            if data.dtype.itemsize != 1:
                raise ValueError(f"an array of {data.dtype}")
            return np.ascontiguousarray(data).reshape(-1).view(np.uint8)
        return np.frombuffer(data, np.uint8) if len(data) else np.empty(0, np.uint8)
    except (TypeError, ValueError, BufferError) as error:
        kind = type(data).__name__
        raise ImageError(f"image data must be bytes (each 0 to 255), came {kind}: {error}") from error


def _check_pixels(width: int, height: int) -> None:
    if width * height > MAX_PIXELS:
        raise ImageError(
            f"the picture claims {width}x{height} pixels, more than the {MAX_PIXELS} accepted; scale it down"
        )


def _from_compressed(msg: Any) -> np.ndarray:
    """The format text is only the sender's hint: it may reveal depth; nothing else is read from it."""
    hint = str(msg.format).strip()
    raw = _byte_array(msg.data).tobytes()
    source = hint.split(";")[0].strip().lower()
    if source in _DEPTH or "compresseddepth" in hint.lower() or raw[12:20] == _PNG_MAGIC:
        raise ImageError(f"CompressedImage with format {hint!r} is a depth image; {_DEPTH_HINT}")
    try:
        return from_bytes(raw)
    except ImageError as error:
        raise ImageError(f"CompressedImage with format {hint!r}: {error}") from error


def _sniff(raw: bytes) -> str:
    """Name the format by its first bytes, or raise ImageError saying what the bytes look like."""
    for magic, kind in _MAGIC:
        if raw.startswith(magic):
            return kind
    if raw[:4] == b"RIFF" and raw[8:12] == b"WEBP":
        return "WEBP"
    text = raw[:60].decode("utf-8", "replace").rstrip("\ufffd")  # the cut may split a character
    if not raw:
        found = "it is empty"
    elif raw[4:8] == b"ftyp":
        found = "it is an HEIC, AVIF or video file: convert it to JPEG or PNG"
    elif text and all(character.isprintable() or character.isspace() for character in text):
        found = f"it is text beginning {text[:40]!r}"
    elif not any(raw[:64]):
        found = "it begins with zeros"
    else:
        found = f"it begins with the bytes {raw[:8].hex(' ')}"
    raise ImageError(f"expected a picture ({_FORMATS}), but {found}")


def _check_jpeg(raw: bytes) -> tuple[int, int]:
    """Walk a JPEG's segments up to the pixels; return width and height, or raise if it stops early.

    Decoders fill what is missing with grey. So a JPEG counts as whole only if, after the start of its first
    scan, the end-of-image marker FF D9 comes (scan data cannot contain it), and comes before another
    picture's start FF D8. What follows the marker, padding for instance, is of no interest.
    """
    size = (0, 0)
    at = 2
    for _ in range(_MAX_SEGMENTS):
        at = raw.find(b"\xff", at)  # decoders step over stray bytes between segments, so this does too
        if at < 0 or at + 4 > len(raw):
            break
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker <= 0x01 or 0xD0 <= marker <= 0xD9 or length < 2:
            raise ImageError(f"the JPEG is damaged: marker ff {marker:02x} of length {length} at byte {at}")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # start of frame
            size = (int.from_bytes(raw[at + 7 : at + 9], "big"), int.from_bytes(raw[at + 5 : at + 7], "big"))
        at += 2 + length
        if marker == 0xDA:  # start of scan
            if 0 in size:
                raise ImageError("the JPEG is damaged: its header gives no size")
            scan = np.frombuffer(raw, np.uint8)[at:]  # with numpy, ten times as fast as bytes.find
            ends = np.flatnonzero((scan[:-1] == 0xFF) & ((scan[1:] | 1) == 0xD9))  # FF D8 and FF D9
            if not ends.size or scan[ends[0] + 1] == 0xD8:
                break
            return size
    else:
        raise ImageError(f"the JPEG is damaged: more than {_MAX_SEGMENTS} segments before any pixels")
    raise ImageError(f"the JPEG is cut short: no end marker in its {len(raw)} bytes; send or copy it again")


def _decode_jpeg(raw: bytes) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(raw, np.uint8), cv2.IMREAD_COLOR)  # applies the EXIF orientation
    except cv2.error as error:
        raise ImageError(f"the JPEG cannot be decoded: {error.err}") from error
    if image is None:
        raise ImageError("the JPEG cannot be decoded: it is damaged or of a rare kind (12 bits, lossless)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _decode_with_pillow(raw: bytes, kind: str) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(raw), formats=[kind]) as picture:
            _check_pixels(*picture.size)
            picture.load()
            return _rgb(picture if kind == "TIFF" else _upright(picture), kind)  # TIFF is turned by load
    except ImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"the picture claims more than the {MAX_PIXELS} pixels accepted; scale it down"
        ) from error
    except Exception as error:  # damaged bytes raise almost any type in Pillow; a frame must not stop a robot
        reason = str(error) or type(error).__name__
        if isinstance(error, UnidentifiedImageError):
            reason = "its header is damaged"
        elif "truncated" in reason:
            reason = "it stops early"
        raise ImageError(f"the {kind} picture cannot be decoded: {reason}") from error


def _upright(picture: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(picture)
    except (SyntaxError, TypeError, ValueError, struct.error):
        return picture  # its EXIF note is damaged, its pixels are not; OpenCV passes over such notes as well


def _rgb(picture: Image.Image, kind: str) -> np.ndarray:
    if picture.mode == "F" or (picture.mode == "I" and kind not in ("PNG", "PPM")):  # these end at 16 bits
        raise ImageError(f"32-bit values (Pillow mode {picture.mode}) are not supported; save 8 or 16 bits")
    if picture.mode.startswith("I"):  # 16-bit grey: Pillow would saturate it
        grey = (np.asarray(picture) >> 8).astype(np.uint8)
        return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)
    if picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema()[1]:  # alpha that hides every pixel was never filled in
            white = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(white, picture)
    return np.array(picture.convert("RGB"))
