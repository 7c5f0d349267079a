import numpy as np
import pytest

from novic_ros.cli.contact_sheet import (
    CARD,
    GAP,
    GUESS,
    HEADER,
    MARGIN,
    PICTURE,
    SURE,
    UNSURE,
    Tile,
    _font,
    draw_contact_sheet,
    score_colour,
)
from novic_ros.labels import Label, Labels

RED = np.full((480, 640, 3), (200, 10, 10), dtype=np.uint8)


def labels(*scores):
    return Labels(tuple(Label(f"thing {number}", score) for number, score in enumerate(scores)))


def sheet(*tiles, columns=4):
    return draw_contact_sheet(tiles, "title", "subtitle", "footer", columns)


def pixels(picture, left, top, width, height):
    return np.asarray(picture)[top : top + height, left : left + width].reshape(-1, 3)


def text_box(picture, column=0):
    """The part of a card below its picture."""
    left = MARGIN + column * (CARD[0] + GAP)
    return pixels(picture, left, HEADER + PICTURE[1], CARD[0], CARD[1] - PICTURE[1])


def count(colours, wanted):
    return int((colours == np.array(wanted)).all(axis=1).sum())


def test_size_follows_from_rows_and_columns():
    tile = Tile(RED, "red", labels(0.9))
    one, five = sheet(tile), sheet(*[tile] * 5, columns=4)
    assert one.size[0] == 2 * MARGIN + CARD[0]
    assert five.size == (2 * MARGIN + 4 * CARD[0] + 3 * GAP, one.size[1] + CARD[1] + GAP)


def test_each_tile_shows_its_own_picture_in_reading_order():
    greens = [
        Tile(np.full((60, 80, 3), (0, 50 * n, 0), dtype=np.uint8), "", labels(0.9)) for n in range(1, 4)
    ]
    picture = sheet(*greens, columns=2)
    for index, tile in enumerate(greens):
        row, column = divmod(index, 2)
        middle = (MARGIN + column * (CARD[0] + GAP) + 176, HEADER + row * (CARD[1] + GAP) + 100)
        assert picture.getpixel(middle) == tuple(tile.image[0, 0])


@pytest.mark.parametrize("shape", [(480, 640), (1080, 1920), (900, 300), (1, 1)])
def test_any_shape_of_image_fills_the_picture_area(shape):
    picture = sheet(Tile(np.full((*shape, 3), (200, 10, 10), dtype=np.uint8), "", labels(0.9)))
    area = pixels(picture, MARGIN + 12, HEADER + 12, PICTURE[0] - 24, PICTURE[1] - 50)
    assert count(area, (200, 10, 10)) == len(area)


def test_the_bar_is_as_long_as_the_score():
    lengths = [count(text_box(sheet(Tile(RED, "", labels(score)))), SURE) for score in (0.5, 1.0)]
    assert lengths[1] > 1.5 * lengths[0] > 0


@pytest.mark.parametrize(
    ("score", "colour"), [(1, SURE), (0.5, SURE), (0.49, UNSURE), (0.2, UNSURE), (0.1, GUESS)]
)
def test_colour_is_honest(score, colour):
    assert score_colour(score) == colour
    assert count(text_box(sheet(Tile(RED, "", labels(score)))), colour) > 50


def test_no_answer_and_no_label_look_different_and_show_no_score():
    dropped, empty = sheet(Tile(RED, "", None)), sheet(Tile(RED, "", Labels()))
    assert (text_box(dropped) != text_box(empty)).any()
    for picture in (dropped, empty):
        assert count(text_box(picture), SURE) == count(text_box(picture), UNSURE) == 0


def test_the_next_two_labels_are_shown_and_no_more():
    sheets = [
        np.asarray(sheet(Tile(RED, "", labels(*[0.9, 0.05, 0.03, 0.01][:shown])))) for shown in (1, 2, 3, 4)
    ]
    assert (sheets[0] != sheets[1]).any()
    assert (sheets[1] != sheets[2]).any()
    assert (sheets[2] == sheets[3]).all()


def test_long_text_stays_inside_its_card():
    long = Labels(
        (Label("a noun that is very much too long for a card of this width", 0.4), Label("b" * 90, 0.3))
    )
    picture = sheet(Tile(RED, "", long), Tile(RED, "", labels(0.4)))
    alone = sheet(Tile(RED, "", labels(0.4)), Tile(RED, "", labels(0.4)))
    assert (text_box(picture, 1) == text_box(alone, 1)).all()
    gap = pixels(picture, MARGIN + CARD[0] + 4, HEADER, GAP - 8, CARD[1])
    assert (gap == pixels(alone, MARGIN + CARD[0] + 4, HEADER, GAP - 8, CARD[1])).all()


def test_same_input_same_pixels():
    tiles = [Tile(RED, "red", labels(0.7, 0.2, 0.1))] * 3
    assert (np.asarray(sheet(*tiles)) == np.asarray(sheet(*tiles))).all()


def test_it_draws_on_a_machine_without_fonts(monkeypatch):
    monkeypatch.setattr("novic_ros.cli.contact_sheet.FACES", {"bold": ("no.ttf",), "regular": ("no.ttf",)})
    _font.cache_clear()
    try:
        assert count(text_box(sheet(Tile(RED, "red", labels(0.7)))), (255, 255, 255)) > 1000
    finally:
        _font.cache_clear()


@pytest.mark.parametrize(("shape", "dtype"), [((4, 4), np.uint8), ((4, 4, 3), float), ((0, 4, 3), np.uint8)])
def test_tile_refuses_what_is_not_an_rgb_image(shape, dtype):
    with pytest.raises(ValueError, match=r"Tile.image must be RGB uint8 \[H, W, 3\], came"):
        Tile(np.zeros(shape, dtype), "x", None)


@pytest.mark.parametrize(("tiles", "columns"), [([], 4), ([Tile(RED, "", None)], 0)])
def test_nothing_to_draw_is_an_error(tiles, columns):
    with pytest.raises(ValueError, match="at least 1 tile and 1 column"):
        draw_contact_sheet(tiles, "", "", "", columns)
