"""images: encoded pictures from bytes, files and CompressedImage messages: formats, odd files, refusals.

All pictures are made here; nothing is read from the repository.
"""

import array
import io
import struct
import zlib
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from novic_ros import images
from novic_ros.images import ImageError, from_bytes, from_file, from_message

CONTAINERS = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "array": lambda data: array.array("B", data),
    "ndarray": lambda data: np.frombuffer(data, np.uint8),
    "list": list,
}


def compressed(data, hint="jpeg"):
    return SimpleNamespace(format=hint, data=data)


def encode(pixels, kind="PNG", **options):
    stream = io.BytesIO()
    picture = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    picture.save(stream, kind, **options)
    return stream.getvalue()


def photo(width=64, height=48):
    """A smooth colourful picture, RGB uint8: unlike noise, it survives JPEG almost unchanged."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height))
    return np.stack(planes, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM", "WEBP", "GIF", "JPEG"])
def test_each_format_gives_its_pixels(kind):
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100, "subsampling": 0}}.get(kind, {})
    source = photo() if kind != "GIF" else photo() // 128 * 255  # eight colours fit a palette
    image = from_bytes(encode(source, kind, **options))
    assert image.shape == (48, 64, 3) and image.dtype == np.uint8 and image.flags.writeable
    assert np.abs(image.astype(int) - source).max() <= (4 if kind == "JPEG" else 0)


@pytest.mark.parametrize("container", sorted(CONTAINERS))
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_file_bytes_and_message_give_the_same_pixels(tmp_path, kind, container):
    data = encode(photo(), kind)
    (tmp_path / "photo.dat").write_bytes(data)
    wrapped = CONTAINERS[container](data)
    expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    images_read = [
        from_file(tmp_path / "photo.dat"),
        from_bytes(wrapped),
        from_message(compressed(wrapped, "nonsense")),
    ]
    for image in images_read:
        assert (image == images_read[0]).all()
        assert np.abs(image.astype(int) - expected).max() <= 1  # another JPEG library may round differently


def test_odd_pngs():
    ramp = np.arange(0, 65536, 257, dtype=np.uint16).reshape(16, 16)
    assert (from_bytes(cv2.imencode(".png", ramp)[1]) == (ramp >> 8)[..., None]).all()
    colour = np.random.default_rng(6).integers(0, 65536, (5, 6, 3), np.uint16)
    assert (from_bytes(cv2.imencode(".png", colour)[1]) == colour[..., ::-1] >> 8).all()
    assert (from_bytes(encode(photo()[..., 0])) == photo()[..., :1]).all()
    assert (
        from_bytes(encode(Image.fromarray(photo()[..., 0] > 99))) == np.where(photo()[..., :1] > 99, 255, 0)
    ).all()
    palette = Image.fromarray(photo()).quantize(9)
    assert (from_bytes(encode(palette)) == np.asarray(palette.convert("RGB"))).all()
    grey16 = b"P5 2 1 65535\n" + bytes([0x12, 0x34, 0xFF, 0xFF])
    assert from_bytes(grey16).tolist() == [[[0x12] * 3, [0xFF] * 3]]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
def test_alpha_is_laid_over_white(kind):
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0] = [[200, 0, 0, 255], [200, 0, 0, 0], [0, 0, 0, 51]]
    image = from_bytes(encode(pixels, kind, **({"lossless": True} if kind == "WEBP" else {})))
    assert image[0].tolist() == [[200, 0, 0], [255, 255, 255], [204, 204, 204]]


def test_alpha_of_other_kinds():
    grey = Image.merge("LA", (Image.new("L", (2, 2), 10), Image.new("L", (2, 2), 0)))
    grey.putpixel((0, 0), (10, 255))
    assert from_bytes(encode(grey))[0].tolist() == [[10] * 3, [255] * 3]
    palette = Image.new("P", (2, 1))
    palette.putpalette([9, 8, 7, 1, 2, 3])
    palette.putpixel((1, 0), 1)
    assert from_bytes(encode(palette, transparency=1))[0].tolist() == [[9, 8, 7], [255] * 3]
    unused = np.dstack([photo(), np.zeros((48, 64), np.uint8)])
    assert (from_bytes(encode(unused)) == photo()).all()  # nothing would be left to see


def test_grey_and_cmyk_jpeg():
    grey = from_bytes(encode(photo()[..., 0], "JPEG", quality=95))
    assert (grey == grey[..., :1]).all() and np.abs(grey[..., 0].astype(int) - photo()[..., 0]).max() < 8
    inks = from_bytes(encode(Image.fromarray(photo()).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(inks.astype(int) - photo()).mean() < 4


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(kind):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (
        from_bytes(encode(frames[0], kind, save_all=True, append_images=frames[1:], **options)) == (255, 0, 0)
    ).all()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(kind, orientation):
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:8, :16], upright[:8, 16:], upright[8:, :16] = (255, 0, 0), (0, 255, 0), (0, 0, 255)
    mirrored = upright[:, ::-1]
    turned = upright.transpose(1, 0, 2)
    stored = [  # EXIF: where the picture's row 0 and column 0 went
        upright, mirrored, upright[::-1, ::-1], upright[::-1],
        turned, turned[::-1], turned[::-1, ::-1], turned[:, ::-1],
    ][orientation - 1]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(kind, {})
    image = from_bytes(encode(np.ascontiguousarray(stored), kind, exif=exif.tobytes(), **options))
    assert image.shape == upright.shape
    assert np.abs(image.astype(int) - upright).max() < 16


def jpegs():
    thumbnail = encode(photo(16, 12), "JPEG")
    with_thumbnail = encode(photo(), "JPEG")
    inside = b"Exif\0\0" + thumbnail  # an end marker long before the picture's own
    with_thumbnail = b"\xff\xd8\xff\xe1" + struct.pack(">H", len(inside) + 2) + inside + with_thumbnail[2:]
    restarts = cv2.imencode(".jpg", photo(), [cv2.IMWRITE_JPEG_RST_INTERVAL, 2])[1].tobytes()
    assert b"\xff\xd0" in restarts
    return {
        "plain": encode(photo(), "JPEG"),
        "progressive": encode(photo(), "JPEG", progressive=True),
        "restart markers": restarts,
        "thumbnail": with_thumbnail,
        "cmyk": encode(Image.fromarray(photo()).convert("CMYK"), "JPEG"),
    }


@pytest.mark.parametrize("kind", sorted(jpegs()))
def test_truncated_jpeg_is_refused_at_every_length(kind):
    whole = jpegs()[kind]
    assert from_bytes(whole).shape == (48, 64, 3)
    for length in range(2, len(whole)):
        with pytest.raises(ImageError, match="the JPEG is cut short"):
            from_bytes(whole[:length])


@pytest.mark.parametrize("tail", [bytes(500), b"\xff" * 500, b"\r\n", jpegs()["plain"]])
@pytest.mark.parametrize("kind", sorted(jpegs()))
def test_what_follows_a_whole_jpeg_is_of_no_interest(kind, tail):
    whole = jpegs()[kind]
    assert (from_bytes(whole + tail) == from_bytes(whole)).all()


def test_jpeg_cut_short_before_another_one_is_refused():
    whole = jpegs()["plain"]
    with pytest.raises(ImageError, match="the JPEG is cut short"):
        from_bytes(whole[:-100] + whole)


def test_stray_and_fill_bytes_between_jpeg_segments_do_not_matter():
    whole = jpegs()["plain"]
    assert (from_bytes(whole[:2] + b"\xff\xff" + whole[2:]) == from_bytes(whole)).all()
    assert (from_bytes(whole[:20] + b"\0\0" + whole[20:]) == from_bytes(whole)).all()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM"])
def test_truncated_pictures_of_other_formats_are_refused(kind):
    whole = encode(np.random.default_rng(7).integers(0, 256, (40, 40, 3), np.uint8), kind)
    for length in (4, 20, len(whole) // 2):
        with pytest.raises(ImageError):
            from_bytes(whole[:length])


def test_other_kinds_say_that_they_stop_early():
    with pytest.raises(ImageError, match="the PNG picture cannot be decoded: it stops early"):
        from_bytes(encode(photo())[:-60])


def png_chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def hostile(width, height):
    """Small files whose headers claim a large picture."""
    jpeg = encode(photo(), "JPEG")
    place = jpeg.index(b"\xff\xc0") + 5
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    gif = encode(photo() // 128 * 255, "GIF")
    frame = gif.index(struct.pack("<HH", 64, 48), 10)
    return {
        "JPEG": jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :],
        "PNG": b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b""),
        "GIF": gif[:6] + struct.pack("<HH", width, height) + gif[10:frame] + struct.pack("<HH", width, height)
        + gif[frame + 4 :],
        "PPM": b"P6 %d %d 255\n" % (width, height) + bytes(30),
    }  # fmt: skip


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("size", [(20000, 20000), (10000, 8001), (12000, 12000)])
@pytest.mark.parametrize("kind", sorted(hostile(1, 1)))
def test_a_header_that_claims_too_much_is_refused_before_any_pixel(monkeypatch, kind, size):
    def never(*args, **kwargs):
        raise AssertionError("pixels were decoded")

    monkeypatch.setattr(cv2, "imdecode", never)
    monkeypatch.setattr(ImageFile.ImageFile, "load", never)
    with pytest.raises(ImageError, match=r"the picture claims .*80000000.*scale it down"):
        from_bytes(hostile(*size)[kind])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "expected a picture .*, but it is empty"),
        (b"<!DOCTYPE html><html>", "it is text beginning '<!DOCTYPE html><html>'"),
        ("Grüße, ".encode() * 20, "it is text beginning 'Grüße"),
        (bytes(100), "it begins with zeros"),
        (b"\x01\x02\x80\x90rest", "begins with the bytes 01 02 80 90 72"),
        (b"\0\0\0\x18ftypheic", "HEIC, AVIF or video file: convert it to JPEG or PNG"),
        (b"\xff\xd8\xff\xe0\0\x01", "the JPEG is damaged: marker ff e0 of length 1 at byte 2"),
        (b"\xff\xd8\xff\xd9\0\0", "the JPEG is damaged: marker ff d9"),
        (b"\xff\xd8\xff\xda\0\x02\xff\xd9", "the JPEG is damaged: its header gives no size"),
        (b"\xff\xd8" + b"\xff\xe0\0\x02" * 10_001, "more than 10000 segments"),
        (b"\xff\xd8\xff\xc0\0\x0b\x0c\0\1\0\1\1\1\x11\0\xff\xda\0\x02\xff\xd9", "JPEG cannot be decoded"),
        (b"BMW is a car maker", "the BMP picture cannot be decoded"),
        (encode(Image.new("F", (2, 2)), "TIFF"), "32-bit values .*mode F"),
        (encode(Image.new("I", (2, 2)), "TIFF"), "32-bit values .*mode I"),
    ],
)
def test_what_is_no_picture_is_told(tmp_path, data, words):
    with pytest.raises(ImageError, match=words):
        from_bytes(data)
    with pytest.raises(ImageError, match=rf"^{tmp_path / 'thing.jpg'}: .*{words}"):
        (tmp_path / "thing.jpg").write_bytes(data)
        from_file(tmp_path / "thing.jpg")
    with pytest.raises(ImageError, match=f"^CompressedImage with format 'jpeg': .*{words}"):
        from_message(compressed(data))


def test_files_that_cannot_be_read(tmp_path, monkeypatch):
    with pytest.raises(ImageError, match=r"none.jpg: cannot be read: No such file"):
        from_file(tmp_path / "none.jpg")
    with pytest.raises(ImageError, match=rf"{tmp_path}: expected a picture file, but it is a folder"):
        from_file(tmp_path)
    with pytest.raises(
        ImageError, match="null: expected a picture file, but it is neither a file nor a folder"
    ):
        from_file("/dev/null")
    with pytest.raises(ImageError, match="null byte"):
        from_file("a\0b.png")
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(images._MAX_FILE_BYTES + 1)  # sparse: takes no space
    with pytest.raises(ImageError, match=r"large.png: its 640000001 bytes are more"):
        from_file(str(tmp_path / "large.png"))


@pytest.mark.parametrize(
    ("hint", "data"),
    [
        ("16UC1; compressedDepth png", bytes(12) + encode(photo())),
        ("16UC1; compressedDepth rvl", bytes(40)),
        ("", bytes(12) + encode(photo())),
        ("16UC1; png compressed ", cv2.imencode(".png", np.ones((4, 4), np.uint16))[1].tobytes()),
        ("32FC1; tiff compressed", encode(Image.new("F", (2, 2)), "TIFF")),
    ],
)
def test_compressed_depth_is_refused(hint, data):
    with pytest.raises(ImageError, match=rf"format '{hint.strip()}' is a depth image; .*colour image"):
        from_message(compressed(data, hint))


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("note", [b"garbage", b"MM\0*\0\0\0\x08\0\x05\x01\x12", b""])
def test_a_damaged_exif_note_does_not_cost_the_picture(kind, note):
    assert from_bytes(encode(photo(), kind, exif=b"Exif\0\0" + note)).shape == (48, 64, 3)


SEEDS = [encode(photo(24, 16), kind) for kind in ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP", "PPM")]


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(SEEDS),
    st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), max_size=6),
    st.data(),
)
def test_damaged_bytes_give_a_picture_or_an_image_error(seed, changes, data):
    damaged = bytearray(seed)
    for place, value in changes:
        damaged[place % len(damaged)] = value
    del damaged[data.draw(st.integers(0, len(damaged))) :]
    try:
        image = from_bytes(bytes(damaged))
    except ImageError as error:
        assert str(error)
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size
