"""Boxes of all kinds, sensible and not, against the rules for what becomes a region."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.images import crop
from novic_ros.labels import Region
from novic_ros.regions import CAUSES, Box, CropRules, choose_regions

RULES = CropRules(margin=0.0, max_count=100, min_size=1)


def region_of(box, rules=RULES, width=100, height=80):
    """The one region of one box as (x, y, width, height), or the cause why there is none."""
    regions, skipped = choose_regions([box], width, height, rules)
    if regions:
        ((index, region),) = regions
        assert (index, skipped, region.id) == (0, {}, "")
        return region.x, region.y, region.width, region.height
    ((cause, count),) = skipped.items()
    assert count == 1
    return cause


@pytest.mark.parametrize(("box", "expected"), [
    (Box(50, 40, 20, 10), (40, 35, 20, 10)),
    (Box(50.5, 40.25, 20, 10), (40, 35, 21, 11)),  # grown to whole pixels
    (Box(50, 40, 0.5, 0.5), (49, 39, 2, 2)),  # it touches four pixels
    (Box(0, 0, 20, 10), (0, 0, 10, 5)),  # cut off at the corner
    (Box(100, 80, 20, 10), (90, 75, 10, 5)),
    (Box(50, 40, 1e300, 1e300), (0, 0, 100, 80)),  # all of it
    (Box(50, 40, 1.7e308, 1.7e308, 1.0), (0, 0, 100, 80)),  # its rectangle is beyond float64
    (Box(50, 40, 20, 10, math.pi / 2), (45, 30, 10, 20)),  # upright and exact, however sine and cosine are rounded
    (Box(50, 40, 20, 10, -math.pi), (40, 35, 20, 10)),
    (Box(50, 40, 20, 20, math.pi / 4), (35, 25, 30, 30)),  # the diagonal is 28.3
    (Box(50, 40, 20, 10, math.nan), "not finite"),
    (Box(math.nan, 40, 20, 10), "not finite"),
    (Box(50, math.inf, 20, 10), "not finite"),
    (Box(50, 40, math.inf, 10), "not finite"),
    (Box(50, 40, -math.inf, -1), "not finite"),  # the first cause counts
    (Box(50, 40, 0, 10), "no area"),
    (Box(50, 40, 20, -10), "no area"),
    (Box(-500, 40, -20, 10), "no area"),
    (Box(-500, 40, 20, 10), "outside"),
    (Box(-10, 40, 20, 10), "outside"),  # it ends where the frame begins
    (Box(110, 40, 20, 10), "outside"),
    (Box(50, 1e300, 20, 10), "outside"),
    (Box(50, 40, 1e-9, 1e-9), "too small"),
    (Box(50, 40, 5e-324, 10), "too small"),
])
def test_one_box(box, expected):
    assert region_of(box) == expected


def test_margin_is_a_share_of_the_upright_box_on_each_side_before_cutting():
    rules = CropRules(margin=0.1, max_count=1, min_size=1)
    assert region_of(Box(50, 40, 20, 10), rules) == (38, 34, 24, 12)
    assert region_of(Box(50, 40, 20, 10, math.pi / 2), rules) == (44, 28, 12, 24)
    assert region_of(Box(5, 40, 10, 10), rules) == (0, 34, 11, 12)


def test_a_margin_does_not_bring_a_box_into_the_frame():
    assert region_of(Box(-6, 40, 10, 10), CropRules(margin=1.0)) == "outside"


@pytest.mark.parametrize(("min_size", "expected"), [(5, (0, 30, 5, 20)), (6, "too small")])
def test_the_shorter_side_counts_after_cutting(min_size, expected):
    assert region_of(Box(0, 40, 10, 20), CropRules(min_size=min_size)) == expected


def test_the_largest_boxes_are_taken_in_the_order_that_they_came_in():
    boxes = [Box(50, 40, size, 10) for size in (10, 40, 20, 30, 20, 20)]
    regions, skipped = choose_regions(boxes, 100, 80, CropRules(max_count=3), ids=list("abcdef"))
    assert [(index, region.id, region.width) for index, region in regions] == [(1, "b", 40), (2, "c", 20), (3, "d", 30)]
    assert skipped == {"over max_count": 3}  # of equal ones the first


def test_of_many_equal_boxes_the_first_are_taken():
    regions, _ = choose_regions([Box(50, 40, 20, 20)] * 1000, 100, 80, CropRules(max_count=3))
    assert [index for index, _ in regions] == [0, 1, 2]


def test_size_is_what_lies_inside():
    """A huge box in the corner has fewer pixels than a small one in the middle."""
    regions, _ = choose_regions([Box(-400, -400, 810, 810), Box(50, 40, 20, 20)], 100, 80, CropRules(max_count=1))
    assert [index for index, _ in regions] == [1]


def test_no_boxes():
    assert choose_regions([], 100, 80, RULES) == ((), {})
    assert choose_regions((), 1, 1, RULES, ids=()) == ((), {})


def test_each_cause_is_counted():
    boxes = [Box(50, 40, 30, 30), Box(50, 40, 20, 20), Box(math.nan, 0, 1, 1), Box(0, 0, 0, 0), Box(999, 0, 1, 1),
             Box(50, 40, 3, 30)]
    regions, skipped = choose_regions(boxes, 100, 80, CropRules(max_count=1, min_size=8))
    assert [index for index, _ in regions] == [0]
    assert skipped == dict.fromkeys(CAUSES, 1)
    assert list(skipped) == list(CAUSES)


floats = st.one_of(st.floats(), st.floats(-50, 150), st.integers(-300, 300).map(float))


@given(st.lists(st.builds(Box, floats, floats, floats, floats, st.one_of(st.just(0.0), floats)), max_size=12),
       st.integers(1, 90), st.integers(1, 90), st.floats(0, 3), st.integers(1, 5), st.integers(1, 30))
def test_whatever_comes_every_box_is_a_region_inside_or_counted(boxes, width, height, margin, max_count, min_size):
    rules = CropRules(margin, max_count, min_size)
    ids = [str(index) for index in range(len(boxes))]
    regions, skipped = choose_regions(boxes, width, height, rules, ids)
    assert len(regions) + sum(skipped.values()) == len(boxes)
    assert len(regions) <= max_count
    assert [index for index, _ in regions] == sorted({index for index, _ in regions})
    assert set(skipped) <= set(CAUSES) and all(skipped.values())
    frame = np.zeros((height, width, 3), np.uint8)
    for index, region in regions:
        assert region.id == str(index)
        assert min(region.width, region.height) >= min_size
        assert crop(frame, region).shape == (region.height, region.width, 3)  # nothing is left to cut off


@given(st.floats(0, 100), st.floats(0, 80), st.floats(0.01, 200), st.floats(0.01, 200), st.floats(-10, 10))
def test_a_region_holds_the_rotated_box_as_far_as_it_is_in_the_frame(x, y, size_x, size_y, theta):
    found = region_of(Box(x, y, size_x, size_y, theta))
    assert found == "too small" or isinstance(found, tuple)  # its centre is in the frame
    if found == "too small":
        return
    left, top, width, height = found
    for along, across in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        corner_x = x + along * size_x / 2 * math.cos(theta) - across * size_y / 2 * math.sin(theta)
        corner_y = y + along * size_x / 2 * math.sin(theta) + across * size_y / 2 * math.cos(theta)
        assert left - 1e-5 <= min(max(corner_x, 0), 100) <= left + width + 1e-5
        assert top - 1e-5 <= min(max(corner_y, 0), 80) <= top + height + 1e-5


def test_ten_thousand_boxes_take_no_time():
    random = np.random.default_rng(0)
    columns = random.uniform((-100, -100, -10, -10, -7), (2000, 1200, 500, 500, 7), (10_000, 5)).tolist()
    boxes, ids = [Box(*row) for row in columns], [""] * 10_000
    taken = []
    for _ in range(5):
        begin = time.perf_counter()
        regions, skipped = choose_regions(boxes, 1920, 1080, CropRules(0.1, 16, 8), ids)
        taken.append(time.perf_counter() - begin)
    assert len(regions) == 16
    assert sum(skipped.values()) == 10_000 - 16
    assert min(taken) < 0.05


@pytest.mark.parametrize(("name", "value"), [
    ("margin", -0.1), ("margin", 11), ("margin", math.nan), ("margin", "wide"), ("margin", True), ("max_count", 0),
    ("max_count", 2.0), ("min_size", 0), ("min_size", True), ("min_size", None)])
def test_rules_that_make_no_sense(name, value):
    with pytest.raises(ValueError, match=f"^{name}: expected .* got {value!r}"):
        CropRules(**{name: value})


def test_what_else_is_refused():
    with pytest.raises(ValueError, match="at least one pixel, got 0 x 80"):
        choose_regions([], 0, 80, RULES)
    with pytest.raises(ValueError, match="one id for each of 1 boxes, got 2"):
        choose_regions([Box(1, 1, 1, 1)], 100, 80, RULES, ids=["a", "b"])
    with pytest.raises(TypeError, match="id must be a str"):
        choose_regions([Box(1, 1, 1, 1)], 100, 80, RULES, ids=[7])


def test_regions_are_plain_integers():
    """They go into messages, which take no numpy numbers."""
    ((_, region),), _ = choose_regions([Box(50, 40, 20, 10)], 100, 80, RULES)
    assert region == Region(40, 35, 20, 10)
    assert {type(value) for value in (region.x, region.y, region.width, region.height)} == {int}
