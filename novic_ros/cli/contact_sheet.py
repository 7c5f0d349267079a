"""Draws frames and their labels as one picture: a contact sheet.

One card per frame: the picture, the best label large with its score, the next two small. Colours are honest: a score
below one half is amber, below one fifth grey. PIL only; what to draw is the caller's business, and so is the file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from novic_ros.labels import Labels

PICTURE = (352, 264)
CARD = (352, 382)
GAP = 22
MARGIN = 44
HEADER = 112
FOOTER = 64
RADIUS = 12
INSET = 18

PAPER = (244, 243, 240)
WHITE = (255, 255, 255)
INK = (28, 30, 34)
SOFT_INK = (110, 114, 122)
TRACK = (233, 232, 228)
SURE = (23, 125, 109)
UNSURE = (198, 127, 22)
GUESS = (150, 152, 158)

FACES = {
    "bold": (
        "DejaVuSans-Bold.ttf",
        "LiberationSans-Bold.ttf",
        "NotoSans-Bold.ttf",
        "Ubuntu-B.ttf",
        "Arial Bold.ttf",
    ),
    "regular": (
        "DejaVuSans.ttf",
        "LiberationSans-Regular.ttf",
        "NotoSans-Regular.ttf",
        "Ubuntu-R.ttf",
        "Arial.ttf",
    ),
}
"""Fonts looked for, in this order; PIL's own is taken where a machine has none of them."""


@dataclass(frozen=True)
class Tile:
    """One frame. `image` RGB uint8 [H, W, 3]; `name` of the photo or camera; `labels` None if no answer came."""

    image: np.ndarray
    name: str
    labels: Labels | None

    def __post_init__(self) -> None:
        if (
            self.image.dtype != np.uint8
            or self.image.ndim != 3
            or self.image.shape[2] != 3
            or not self.image.size
        ):
            raise ValueError(
                f"Tile.image must be RGB uint8 [H, W, 3], came {self.image.dtype} {list(self.image.shape)}"
            )


def draw_contact_sheet(
    tiles: Sequence[Tile], title: str, subtitle: str, footer: str, columns: int = 4
) -> Image.Image:
    """Return the sheet as an RGB picture; the same input gives the same pixels on one machine.

    Raises ValueError if there is no tile or `columns` is below 1.
    """
    if not tiles or columns < 1:
        raise ValueError(
            f"a contact sheet needs at least 1 tile and 1 column, came {len(tiles)} and {columns}"
        )
    columns = min(columns, len(tiles))
    rows = -(-len(tiles) // columns)
    width = 2 * MARGIN + columns * CARD[0] + (columns - 1) * GAP
    height = HEADER + rows * CARD[1] + (rows - 1) * GAP + FOOTER
    sheet = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(sheet)
    _text(draw, (MARGIN, 34), title, "bold", 30, INK, width - 2 * MARGIN)
    _text(draw, (MARGIN, 72), subtitle, "regular", 16, SOFT_INK, width - 2 * MARGIN)
    _text(draw, (MARGIN, height - 38), footer, "regular", 13, SOFT_INK, width - 2 * MARGIN)
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        corner = (MARGIN + column * (CARD[0] + GAP), HEADER + row * (CARD[1] + GAP))
        _paste_with_shadow(sheet, _card(tile), corner)
    return sheet


def score_colour(score: float) -> tuple[int, int, int]:
    """Green from one half up, amber from one fifth up, grey below."""
    return SURE if score >= 0.5 else UNSURE if score >= 0.2 else GUESS


def _card(tile: Tile) -> Image.Image:
    card = Image.new("RGB", CARD, WHITE)
    card.paste(_fill(tile.image), (0, 0))
    _name_tag(card, tile.name)
    draw = ImageDraw.Draw(card)
    inner = CARD[0] - 2 * INSET
    top = PICTURE[1] + 16
    best = tile.labels.best if tile.labels is not None else None
    if best is None:
        dropped = tile.labels is None
        message, why = (
            ("no answer", "the frame was dropped") if dropped else ("no label", "nothing was sure enough")
        )
        _text(draw, (INSET, top), message, "bold", 23, GUESS, inner)
        draw.rounded_rectangle((INSET, top + 38, CARD[0] - INSET, top + 43), 2, fill=TRACK)
        _text(draw, (INSET, top + 53), why, "regular", 14, SOFT_INK, inner)
        return card
    colour = score_colour(best.score)
    percent = f"{100 * best.score:.0f} %"
    percent_width = _font("bold", 19).getlength(percent)
    _text(draw, (CARD[0] - INSET - percent_width, top + 3), percent, "bold", 19, colour, percent_width + 1)
    _text(draw, (INSET, top), best.text, "bold", 23, INK, inner - percent_width - 14)
    bar = top + 38
    draw.rounded_rectangle((INSET, bar, CARD[0] - INSET, bar + 5), 2, fill=TRACK)
    filled = round(inner * best.score)
    if filled >= 5:
        draw.rounded_rectangle((INSET, bar, INSET + filled, bar + 5), 2, fill=colour)
    for line, label in enumerate(tile.labels.labels[1:3]):
        y = bar + 15 + 20 * line
        percent = f"{100 * label.score:.0f} %"
        percent_width = _font("regular", 14).getlength(percent)
        _text(draw, (CARD[0] - INSET - percent_width, y), percent, "regular", 14, SOFT_INK, percent_width + 1)
        _text(draw, (INSET, y), label.text, "regular", 14, SOFT_INK, inner - percent_width - 14)
    return card


def _name_tag(card: Image.Image, name: str) -> None:
    """The photo's name in white, on a dark pill in the picture's lower left corner."""
    font = _font("regular", 12)
    width = round(font.getlength(name)) + 16
    left, top = 10, PICTURE[1] - 32
    pill = Image.new("L", (4 * width, 4 * 22), 0)
    ImageDraw.Draw(pill).rounded_rectangle((0, 0, 4 * width - 1, 4 * 22 - 1), 4 * 11, fill=150)
    card.paste((12, 14, 18), (left, top), pill.resize((width, 22), Image.Resampling.LANCZOS))
    ImageDraw.Draw(card).text((left + 8, top + 11), name, font=font, fill=WHITE, anchor="lm")


def _fill(image: np.ndarray) -> Image.Image:
    """Scale and crop to PICTURE, keeping the middle."""
    height, width = image.shape[:2]
    scale = max(PICTURE[0] / width, PICTURE[1] / height)
    size = (max(PICTURE[0], round(width * scale)), max(PICTURE[1], round(height * scale)))
    scaled = Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
    left, top = (size[0] - PICTURE[0]) // 2, (size[1] - PICTURE[1]) // 2
    return scaled.crop((left, top, left + PICTURE[0], top + PICTURE[1]))


def _paste_with_shadow(sheet: Image.Image, card: Image.Image, corner: tuple[int, int]) -> None:
    shape, shadow, spread = _masks()
    sheet.paste((60, 56, 48), (corner[0] - spread, corner[1] - spread + 3), shadow)
    sheet.paste(card, corner, shape)


@lru_cache(maxsize=1)
def _masks() -> tuple[Image.Image, Image.Image, int]:
    """The card's rounded shape, its soft shadow, and how far the shadow reaches beyond the card in pixels."""
    big = Image.new("L", (4 * CARD[0], 4 * CARD[1]), 0)
    ImageDraw.Draw(big).rounded_rectangle((0, 0, big.width - 1, big.height - 1), 4 * RADIUS, fill=255)
    shape = big.resize(CARD, Image.Resampling.LANCZOS)
    spread = 14
    shadow = Image.new("L", (CARD[0] + 2 * spread, CARD[1] + 2 * spread), 0)
    shadow.paste(shape.point(lambda value: value * 34 // 255), (spread, spread))
    return shape, shadow.filter(ImageFilter.GaussianBlur(6)), spread


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    face: str,
    size: int,
    colour: tuple[int, int, int],
    width: float,
) -> None:
    """Write one line into `width` pixels: smaller down to two thirds of `size` if need be, then with an ellipsis."""
    smallest = max(10, size * 2 // 3)
    fitting = next(
        (s for s in range(size, smallest, -1) if _font(face, s).getlength(text) <= width), smallest
    )
    font = _font(face, fitting)
    if font.getlength(text) > width:
        while text and font.getlength(text.rstrip() + "...") > width:
            text = text[:-1]
        text = text.rstrip() + "..."
    draw.text((at[0], at[1] + (size - fitting)), text, font=font, fill=colour)


@lru_cache(maxsize=64)
def _font(face: str, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    for name in FACES[face]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    try:
        return ImageFont.load_default(size)
    except TypeError:  # Pillow before 10.1 has its default font in one size
        return ImageFont.load_default()
