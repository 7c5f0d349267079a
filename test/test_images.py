"""images: raw messages, every encoding against values worked out here by hand, and every refusal; crops."""

import array
import struct
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.images import SUPPORTED_ENCODINGS, ImageError, crop, from_message
from novic_ros.labels import Region

# where R, G, B sit among the channels of one pixel; a fourth channel is alpha
ORDERS = {
    "rgb8": (0, 1, 2), "rgba8": (0, 1, 2), "rgb16": (0, 1, 2), "rgba16": (0, 1, 2),
    "bgr8": (2, 1, 0), "bgra8": (2, 1, 0), "bgr16": (2, 1, 0), "bgra16": (2, 1, 0),
    "8UC3": (2, 1, 0), "8UC4": (2, 1, 0), "16UC3": (2, 1, 0), "16UC4": (2, 1, 0),
    "mono8": (0, 0, 0), "8UC1": (0, 0, 0), "mono16": (0, 0, 0),
}  # fmt: skip
FOUR = ("rgba8", "bgra8", "rgba16", "bgra16", "8UC4", "16UC4")
BAYER = [name for name in SUPPORTED_ENCODINGS if name.startswith("bayer")]
CONTAINERS = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": lambda data: memoryview(bytes(data)),
    "array": lambda data: array.array("B", data),
    "ndarray": lambda data: np.frombuffer(data, np.uint8),
    "signed ndarray": lambda data: np.frombuffer(data, np.int8),
    "strided ndarray": lambda data: np.repeat(np.frombuffer(data, np.uint8), 2)[::2],
    "list": list,
}


def message(encoding, width, height, data, step, is_bigendian=0):
    return SimpleNamespace(
        encoding=encoding, width=width, height=height, step=step, is_bigendian=is_bigendian, data=data
    )


def yuv_to_rgb(y, u, v):
    """BT.601 with the 16..235 range, the standard's own decimals; arrays of float."""
    y, u, v = (np.asarray(plane, float) for plane in (y, u, v))
    bright = 1.164 * (y - 16)
    rgb = (
        bright + 1.596 * (v - 128),
        bright - 0.813 * (v - 128) - 0.391 * (u - 128),
        bright + 2.018 * (u - 128),
    )
    return np.clip(np.stack(rgb, axis=-1), 0, 255)


@settings(max_examples=200, deadline=None)
@given(
    encoding=st.sampled_from(sorted(ORDERS)),
    width=st.integers(1, 7),
    height=st.integers(1, 5),
    padding=st.integers(0, 9),
    big=st.booleans(),
    container=st.sampled_from(sorted(CONTAINERS)),
    last_row_padded=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_packed_encodings(encoding, width, height, padding, big, container, last_row_padded, seed):
    rng = np.random.default_rng(seed)
    order = ORDERS[encoding]
    channels = 4 if encoding in FOUR else max(order) + 1
    values = rng.integers(0, 65536 if "16" in encoding else 256, (height, width, channels))
    code = f"{'>' if big else '<'}{'H' if '16' in encoding else 'B'}"
    data = bytearray()
    for row in values.tolist():
        data += b"".join(struct.pack(code, value) for pixel in row for value in pixel) + b"\xaa" * padding
    step = len(data) // height
    if padding and not last_row_padded:
        del data[-padding:]
    image = from_message(message(encoding, width, height, CONTAINERS[container](bytes(data)), step, int(big)))
    expected = [
        [[pixel[c] >> (8 if "16" in encoding else 0) for c in order] for pixel in row]
        for row in values.tolist()
    ]
    assert image.dtype == np.uint8
    assert image.shape == (height, width, 3)
    assert image.tolist() == expected


@pytest.mark.parametrize("padding", [0, 10])
def test_rgb8_is_a_read_only_view_of_the_message(padding):
    data = array.array("B", bytes(4 * (15 + padding)))
    image = from_message(message("rgb8", 5, 4, data, 15 + padding))
    data[15 + padding] = 200  # first byte of the second row
    assert image[1, 0].tolist() == [200, 0, 0]
    assert not image.flags.writeable
    assert np.shares_memory(image, np.frombuffer(data, np.uint8))


@pytest.mark.parametrize("encoding", [name for name in SUPPORTED_ENCODINGS if name != "rgb8"])
def test_all_other_encodings_give_an_array_of_their_own(encoding):
    data = bytearray(8 * 8 * 8)
    image = from_message(message(encoding, 4, 4, data, 32))
    assert image.flags.writeable and image.flags.c_contiguous
    assert not np.shares_memory(image, np.frombuffer(data, np.uint8))


def test_encoding_names_are_taken_in_any_case():
    assert from_message(message(" BGR8", 1, 1, b"\1\2\3", 3)).tolist() == [[[3, 2, 1]]]


@pytest.mark.parametrize("big", [0, 1])
@pytest.mark.parametrize("encoding", BAYER)
def test_bayer_finds_each_colour_under_its_own_letter(encoding, big):
    colour = {"r": 200, "g": 100, "b": 50}
    letters = encoding[6:10]  # the first two rows of the mosaic, as ROS names it
    mosaic = [[colour[letters[2 * (y % 2) + x % 2]] for x in range(9)] for y in range(7)]
    if encoding.endswith("16"):
        data = b"".join(
            struct.pack(">H" if big else "<H", value * 256 + 99) for row in mosaic for value in row
        )
    else:
        data = b"".join(map(bytes, mosaic))
    padded = b"".join(
        data[start : start + len(data) // 7] + b"\xff\xff\xff"
        for start in range(0, len(data), len(data) // 7)
    )
    image = from_message(message(encoding, 9, 7, padded, len(padded) // 7, big))
    assert image.shape == (7, 9, 3)
    assert (image == (200, 100, 50)).all()


@pytest.mark.parametrize("encoding", ["yuv422", "uyvy", "yuv422_yuy2", "yuyv"])
def test_yuv_with_colour_shared_by_two_pixels(encoding):
    rng = np.random.default_rng(3)
    y, u, v = rng.integers(16, 236, (4, 6)), rng.integers(60, 200, (4, 3)), rng.integers(60, 200, (4, 3))
    data = bytearray()
    for row in range(4):
        for pair in range(3):
            left, right = int(y[row, 2 * pair]), int(y[row, 2 * pair + 1])
            blue, red = int(u[row, pair]), int(v[row, pair])
            data += bytes(
                [blue, left, red, right] if encoding in ("yuv422", "uyvy") else [left, blue, right, red]
            )
        data += b"\xff" * 5
    image = from_message(message(encoding, 6, 4, bytes(data), 17))
    expected = yuv_to_rgb(y, u.repeat(2, axis=1), v.repeat(2, axis=1))
    assert np.abs(image - expected).max() <= 2


@pytest.mark.parametrize(
    "layout", ["packed", "padded", "padded, rows of both planes", "12 bits in step", "too long"]
)
@pytest.mark.parametrize("encoding", ["nv12", "nv21"])
def test_yuv_in_two_planes(encoding, layout):
    rng = np.random.default_rng(4)
    width, height = 8, 4
    y, u, v = rng.integers(16, 236, (4, 8)), rng.integers(60, 200, (2, 4)), rng.integers(60, 200, (2, 4))
    colour = np.stack([u, v] if encoding == "nv12" else [v, u], axis=-1).reshape(2, 8)
    rows = np.concatenate([y, colour]).astype(np.uint8)
    step = width
    if "padded" in layout:
        rows, step = np.pad(rows, ((0, 0), (0, 3)), constant_values=255), width + 3
    if layout.endswith("both planes"):
        height = 6
    if layout == "12 bits in step":
        step = 12
    data = rows.tobytes() + (b"\xff" * 40 if layout == "too long" else b"")
    image = from_message(message(encoding, width, height, data, step))
    expected = yuv_to_rgb(y, *(plane.repeat(2, axis=0).repeat(2, axis=1) for plane in (u, v)))
    assert image.shape == (4, 8, 3)
    assert np.abs(image - expected).max() <= 2


@pytest.mark.parametrize("padding", [0, 3])
def test_nv24_has_colour_for_every_pixel_and_odd_sizes(padding):
    y, u, v = (np.random.default_rng(5).integers(60, 200, (3, 5)) for _ in range(3))
    y = y[::-1]
    bright = np.pad(y, ((0, 0), (0, padding)))
    colour = np.pad(np.stack([u, v], axis=-1).reshape(3, 10), ((0, 0), (0, 2 * padding)))
    data = bright.astype(np.uint8).tobytes() + colour.astype(np.uint8).tobytes()
    image = from_message(message("nv24", 5, 3, data, 5 + padding))
    assert np.abs(image - yuv_to_rgb(y, u, v)).max() <= 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            ("rgb8", 4, 4, bytes(47), 12),
            "cut short: 4 rows of 12 bytes at step 12 need 48 bytes of data, came 47",
        ),
        (("rgb8", 4, 4, b"", 12), "came 0"),
        (("rgb8", 4, 4, bytes(48), 0), "takes 12 bytes, but its step is 0"),
        (("rgb8", 4, 4, bytes(48), 11), "takes 12 bytes, but its step is 11"),
        (("mono16", 4, 4, bytes(48), 4), "takes 8 bytes, but its step is 4"),
        (("rgb8", 0, 4, b"", 0), "no pixels: width 0, height 4"),
        (("rgb8", 4, 0, b"", 12), "no pixels: width 4, height 0"),
        (("rgb8", 20000, 20000, b"", 60000), "claims 20000x20000 pixels"),
        (("16UC1", 2, 2, bytes(8), 4), "16UC1 is a depth image.*colour image"),
        (("32FC1", 2, 2, bytes(16), 8), "32FC1 is a depth image"),
        (("32FC3", 2, 2, bytes(48), 24), "'32FC3' is not supported; supported are rgb8, bgr8, .*nv24"),
        (("", 2, 2, bytes(8), 4), "'' is not supported"),
        (("bayer_rggb8", 2, 2, bytes(4), 2), "3x3 pixels upwards, came 2x2"),
        (("yuyv", 3, 2, bytes(12), 6), "width must be even, came 3"),
        (("nv12", 4, 5, bytes(30), 4), "sizes must be even, came 4x5"),
        (("nv12", 4, 4, bytes(23), 4), "6 rows of 4 bytes at step 4 need 24 bytes"),
        (("nv12", 4, 4, bytes(24), 0), "takes 4 bytes, but its step is 0"),
        (("nv24", 4, 4, bytes(47), 4), "cut short"),
        (("rgb8", 1, 1, [1, 2, 300], 3), "must be bytes .*came list"),
        (("rgb8", 1, 1, [1, 2, 0.5], 3), "must be bytes .*came list"),
        (("rgb8", 1, 1, np.zeros(3, np.float32), 3), "must be bytes .*came ndarray: an array of float32"),
        (("rgb8", 1, 1, None, 3), "must be bytes .*came NoneType"),
        (("rgb8", 1, 1, memoryview(bytes(6))[::2], 3), "must be bytes .*came memoryview"),
    ],
)
def test_raw_refusals(fields, words):
    with pytest.raises(ImageError, match=words):
        from_message(message(*fields))


def test_what_is_no_image_message_is_named():
    with pytest.raises(ImageError, match="expected a sensor_msgs Image or CompressedImage, came int"):
        from_message(3)


@given(st.integers(-9, 12), st.integers(-9, 12), st.integers(1, 12), st.integers(1, 12))
def test_crop_is_a_view_of_the_pixels_inside_both(x, y, width, height):
    image = np.arange(8 * 10 * 3, dtype=np.uint8).reshape(8, 10, 3)
    inside = [(r, c) for r in range(8) for c in range(10) if x <= c < x + width and y <= r < y + height]
    region = Region(x, y, width, height)
    if not inside:
        with pytest.raises(ImageError, match=f"region x={x} y={y} .* lies outside the image of 10x8 pixels"):
            crop(image, region)
        return
    piece = crop(image, region)
    assert np.shares_memory(piece, image)
    assert piece.reshape(-1, 3).tolist() == [image[place].tolist() for place in inside]
