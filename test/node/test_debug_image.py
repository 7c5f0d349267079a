"""The picture for people: what is drawn where, at any size, and that drawing never holds up whoever offers a frame."""

from __future__ import annotations

import itertools
import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")

from sensor_msgs.msg import Image
from std_msgs.msg import Header

from novic_ros.labels import Label, Labels, Region
from novic_ros.node import debug_image
from novic_ros.node.debug_image import DebugImages, Line, draw, readable, score_colour, to_message

GREY = 120


def ground(height: int = 480, width: int = 640) -> np.ndarray:
    return np.full((height, width, 3), GREY, np.uint8)


def said(text: str, score: float, *more: tuple[str, float], region: Region | None = None) -> Labels:
    return Labels(tuple(Label(t, s) for t, s in ((text, score), *more)), region=region)


def changed(picture: np.ndarray) -> np.ndarray:
    """Where a picture is not the plain ground any more: bool [H, W]."""
    return (picture != GREY).any(axis=2)


def has_colour(picture: np.ndarray, colour: tuple[int, int, int]) -> bool:
    return bool((picture == np.array(colour, np.uint8)).all(axis=2).any())


def test_the_input_is_left_alone_and_the_same_input_gives_the_same_picture():
    image = ground()
    labels = [said("cup", 0.9), said("spoon", 0.3, region=Region(300, 50, 100, 100, "7"))]
    one, other = draw(image, labels), draw(image, labels)
    assert (image == GREY).all()
    assert one.shape == image.shape and one.dtype == np.uint8 and one.flags.c_contiguous
    assert (one == other).all()
    assert not changed(draw(image, [])).any(), "nothing to say, nothing drawn"
    read_only = np.asfortranarray(image)
    read_only.setflags(write=False)
    assert (draw(read_only, labels) == one).all()


def test_a_box_is_outlined_exactly_and_its_inside_stays_visible():
    picture = draw(ground(), [Labels(region=Region(200, 100, 160, 120))])
    rows, columns = np.nonzero(changed(picture))
    assert (200 - 3 <= columns.min() <= 200) and (359 <= columns.max() <= 359 + 3)
    assert (100 - 3 <= rows.min() <= 100) and (219 <= rows.max() <= 219 + 3)
    assert not changed(picture)[106:214, 206:354].any()


@pytest.mark.parametrize(("score", "colour"), [(0.5, "SURE"), (0.49, "UNSURE"), (0.2, "UNSURE"), (0.19, "GUESS")])
def test_colours_say_how_sure_the_label_is(score, colour):
    assert score_colour(score) == getattr(debug_image, colour)
    assert has_colour(draw(ground(), [said("cup", score)]), score_colour(score))
    assert has_colour(draw(ground(), [said("cup", score, region=Region(9, 99, 50, 50))]), score_colour(score))


def test_the_panel_is_in_the_lower_left_corner_and_grows_with_the_labels():
    nouns = [("cup", 0.5), ("mug", 0.2), ("saucer", 0.1), ("pot", 0.05), ("jug", 0.02), ("vase", 0.01)]

    def area(labels: Labels) -> int:
        where = changed(draw(ground(), [labels]))
        assert not where[:240].any() and not where[:, 500:].any() and where[-40:, :60].any()
        return int(where.sum())

    areas = [area(said(*nouns[0], *nouns[1:count])) for count in (1, 2, 5)]
    assert area(Labels()) <= areas[0] < areas[1] < areas[2]
    assert area(said(*nouns[0], *nouns[1:6])) == areas[2], "five labels are enough"
    assert area(said("suspension bridge", 0.5)) > areas[0]


def test_the_bar_is_as_long_as_the_score():
    def bar(score: float) -> int:
        picture = draw(ground(), [said("cup", score)])
        filled = (picture == np.array(score_colour(score), np.uint8)).all(axis=2)
        return int(filled.sum(axis=1).max())

    assert bar(1.0) / bar(0.5) == pytest.approx(2, rel=0.03)
    assert bar(0.75) / bar(0.5) == pytest.approx(1.5, rel=0.03)


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.0, "<1 %"), (0.005, "<1 %"), (0.0051, "1 %"), (0.994, "99 %"), (0.996, ">99 %"), (1.0, "100 %")],
)
def test_scores_are_not_rounded_to_certainty(score, text):
    assert debug_image._percent(Label("cup", score)) == text


def test_tags_name_the_detection_and_never_cover_each_other():
    def tag_width(identity: str) -> int:
        return int(changed(draw(ground(), [said("cup", 0.9, region=Region(50, 99, 9, 9, identity))])).sum())

    assert tag_width("7") > tag_width("") == tag_width("a-long-uuid-0123456789")
    canvas, taken = ground(), [(0, 300, 200, 480)]
    for number in range(60):
        region = Region(37 * number % 600, 53 * number % 440, 60, 40, str(number))
        debug_image._draw_tag(canvas, said("thing", 0.6, region=region), 15, taken)
    assert 10 < len(taken) < 60, "where there is no room, the box stands alone"
    for one, other in itertools.combinations(taken, 2):
        assert not debug_image._overlap(one, other)
    for left, top, right, bottom in taken:
        assert 0 <= left < right <= 640 and 0 <= top < bottom <= 480


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_nothing_is_too_small_too_large_too_far_or_too_long(data):
    height, width = data.draw(st.integers(1, 300)), data.draw(st.integers(1, 300))
    score = st.floats(0, 1)
    noun = st.text(min_size=1).filter(lambda text: text == text.strip() and text)
    number = st.integers(-(10**12), 10**12) | st.integers(-20, 320)
    region = st.none() | st.builds(
        Region, number, number, st.integers(1, 400), st.integers(1, 10**12), st.text(max_size=12)
    )
    labels = data.draw(
        st.lists(st.builds(Labels, st.lists(st.builds(Label, noun, score), max_size=7), region=region), max_size=4)
    )
    picture = draw(ground(height, width), labels)
    assert picture.shape == (height, width, 3) and picture.dtype == np.uint8


@given(st.text(), st.integers(6, 40), st.floats(0, 500))
def test_a_line_fits_the_room_it_gets(text, capitals, room):
    line = Line.of(text, capitals, room)
    assert line.width <= room and line.text.isascii() and line.text.isprintable()
    if not line.text.endswith(".."):
        assert line.text == "" or len(line.text) == len(Line.of(text, capitals, 1e9).text)


def test_accents_are_left_off_and_strange_characters_are_question_marks():
    assert Line.of("crème brûlée", 12, 1e9).text == "creme brulee"
    assert Line.of("玩具 car\n", 12, 1e9).text == "?? car?"


@given(st.integers(1, 3000), st.integers(1, 3000), st.data())
@settings(max_examples=60, deadline=None)
def test_readable_keeps_the_shape_and_the_place_of_every_region(height, width, data):
    x, y = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    region = Region(x, y, data.draw(st.integers(1, width - x)), data.draw(st.integers(1, height - y)), "id")
    scaled, (whole, moved) = readable(np.zeros((height, width, 3), np.uint8), [Labels(), Labels(region=region)])
    assert whole.region is None and moved.region.id == "id"
    longer = max(scaled.shape)
    assert debug_image.SHORTEST <= longer <= debug_image.LONGEST
    assert longer == max(height, width) or longer in (debug_image.SHORTEST, debug_image.LONGEST)
    factor = longer / max(height, width)
    assert scaled.shape[0] == pytest.approx(factor * height, abs=1)
    assert scaled.shape[1] == pytest.approx(factor * width, abs=1)
    for now, before in (
        (moved.region.x, x),
        (moved.region.y, y),
        (moved.region.x + moved.region.width, x + region.width),
        (moved.region.y + moved.region.height, y + region.height),
    ):
        assert now == pytest.approx(factor * before, abs=1)


def test_the_message_has_the_header_and_every_byte():
    header = Header(frame_id="head/camera")
    header.stamp.sec = 5
    picture = np.arange(2 * 5 * 3, dtype=np.uint8).reshape(2, 5, 3)
    message = to_message(header, picture[:, ::-1])
    assert (message.header, message.encoding, message.is_bigendian) == (header, "rgb8", 0)
    assert (message.height, message.width, message.step) == (2, 5, 15)
    assert bytes(message.data) == picture[:, ::-1].tobytes()


# ---- the publishing thread -----------------------------------------------------------------------------------------


class FakePublisher:
    """Keeps what is published; publishing waits while `gate` is closed."""

    def __init__(self) -> None:
        self.published: list[Image] = []
        self.threads: set[str] = set()
        self.gate, self.entered = threading.Event(), threading.Event()
        self.gate.set()
        self.subscribers = 0
        self.qos_profile = None

    def publish(self, message: Image) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.gate.wait(20)
        self.published.append(message)

    def get_subscription_count(self) -> int:
        return self.subscribers


class FakeNode:
    def __init__(self) -> None:
        self.publisher = FakePublisher()
        self.topic, self.errors, self.destroyed = "", [], []
        self.context = SimpleNamespace(ok=lambda: True)

    def create_lifecycle_publisher(self, message_type, topic, profile, **_options):
        assert message_type is Image
        self.topic = topic
        return self.publisher

    def destroy_lifecycle_publisher(self, publisher):
        self.destroyed.append(publisher)

    def resolve_topic_name(self, topic):
        return f"/robot/{topic}"

    def get_logger(self):
        return SimpleNamespace(error=self.errors.append)


def until(condition, what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


@pytest.fixture
def node():
    return FakeNode()


@pytest.fixture
def images(node):
    images = DebugImages(node, "front")
    yield images
    node.publisher.gate.set()
    images.close()


def header(name: str) -> Header:
    return Header(frame_id=name)


def test_topics():
    for camera, topic in (("", "debug_image"), ("front", "front/debug_image"), ("/head/", "/head/debug_image")):
        node = FakeNode()
        DebugImages(node, camera).close()
        assert node.topic == topic


def test_a_frame_is_drawn_and_published_on_another_thread(node, images):
    labels = [said("cup", 0.9)]
    images.offer(header("one"), ground(), labels)
    until(lambda: node.publisher.published, "a picture")
    (message,) = node.publisher.published
    assert message.header.frame_id == "one"
    assert bytes(message.data) == draw(ground(), labels).tobytes()
    assert node.publisher.threads == {"novic_debug_image_front"}


def test_the_newest_frame_wins_and_nobody_waits(node, images):
    node.publisher.gate.clear()
    images.offer(header("first"), ground(), [])
    assert node.publisher.entered.wait(20)
    for number in range(50):  # would hang here if offering waited for the picture in work
        images.offer(header(str(number)), ground(), [])
    node.publisher.gate.set()
    until(lambda: len(node.publisher.published) == 2, "the last picture")
    assert [message.header.frame_id for message in node.publisher.published] == ["first", "49"]


def test_wanted_while_somebody_subscribes(node, images):
    assert not images.wanted
    node.publisher.subscribers = 1
    assert images.wanted


def test_a_picture_that_cannot_be_drawn_is_logged_and_the_next_one_comes(node, images):
    images.offer(header("bad"), np.zeros((4, 4), np.uint8), [said("cup", 0.5)])
    until(lambda: node.errors, "the log line")
    assert node.errors[0].startswith("no debug image: ")
    images.offer(header("good"), ground(), [])
    until(lambda: node.publisher.published, "the next picture")
    assert node.publisher.published[0].header.frame_id == "good"


def test_close_frees_everything_and_can_be_called_again(node, images):
    threads = {thread.name for thread in threading.enumerate()}
    assert "novic_debug_image_front" in threads
    images.close()
    images.close()
    assert node.destroyed == [node.publisher]
    assert "novic_debug_image_front" not in {thread.name for thread in threading.enumerate()}
    images.offer(header("late"), ground(), [])
    assert not images.wanted, "nobody can want what is closed"
